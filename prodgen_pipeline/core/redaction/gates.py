"""Policies, and the cheap searches that say which recognisers a text could concern; usable without importing Presidio.

Belongs here: one gate per family of values, with the weakest policy that looks for the family. Does not: what a single
recogniser needs beyond that (`catalogue`, `credentials`: the anchor of each rule).
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from prodgen_pipeline.core.errors import ConfigurationError

#: Each policy includes the ones before it.
POLICIES = ("secrets", "pii", "phi", "strict")


def policy_rank(policy: str) -> int:
    """Position among the policies.

    Raises:
        ConfigurationError: there is no such policy.
    """
    if policy not in POLICIES:
        raise ConfigurationError(f"There is no redaction policy {policy!r}; choose one of {', '.join(POLICIES)}.")
    return POLICIES.index(policy)


class Scope(NamedTuple):
    """What is looked for: the rank of the policy, and types of stricter policies that are wanted as well."""

    rank: int
    also: tuple[str, ...] = ()

    def covers(self, label: str, policy: str) -> bool:
        """Whether a type that belongs to `policy` is looked for."""
        return policy_rank(policy) <= self.rank or label in self.also


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gate:
    """A condition without which no value of a family can be in a text: a pattern or one of some words.

    Words, in small letters, are searched one by one in the lowered text: ten times as fast as one pattern of them all.
    """

    policy: str
    pattern: re.Pattern[str] | None = None
    words: tuple[str, ...] = ()

    def opens(self, text: str) -> bool:
        """Whether the text could hold a value of the family."""
        return self._has_pattern(text, (0, len(text))) or (bool(self.words) and self._has_word(text.lower()))

    def opened(
        self, work: str, blocks: Sequence[tuple[int, int]], lowered: Mapping[int, str]
    ) -> Sequence[tuple[int, int]]:
        """Those of the sorted blocks `[start, end)` that could; `lowered` has each by its start in small letters."""
        if self.words:
            return [block for block in blocks if self._has_word(lowered[block[0]]) or self._has_pattern(work, block)]
        found: list[tuple[int, int]] = []
        ends = [end for _, end in blocks]
        position = blocks[0][0]
        while self.pattern and (match := self.pattern.search(work, position, ends[-1])):
            block = blocks[bisect_right(ends, match.start())]
            if match.start() < block[0]:
                # Between two blocks is a blank line, or what is read already.
                position = block[0]
            else:
                found.append(block)
                position = block[1]
        return found

    def _has_word(self, lowered: str) -> bool:
        for word in self.words:
            if word in lowered:
                return True
        return False

    def _has_pattern(self, work: str, block: tuple[int, int]) -> bool:
        return self.pattern is not None and self.pattern.search(work, *block) is not None


ISSUED_KEY = Gate(
    policy="secrets",
    words=tuple(
        "akia asia aroa aida ghp_ gho_ ghu_ ghs_ ghr_ _pat_ glpat- gldt- glrt- glptt- glsoat- xox xapp- aiza ya29. "
        "gocspx sk- sk_ rk_ pk_ whsec_ sg. npm_ pypi- hf_ dop_v1 eyj".split()
    ),
)
PRIVATE_KEY = Gate(policy="secrets", words=("private key",))
LONG_TOKEN = Gate(policy="secrets", pattern=re.compile(r"[A-Za-z0-9_\-./+=~%]{16}"))
PASSWORD_NAME = Gate(policy="secrets", words=("pass", "pwd", "kennwort"))
LOGIN_ADDRESS = Gate(policy="secrets", words=("://",))
AT_SIGN = Gate(policy="pii", words=("@", "(at)", "[at]", "{at}", "<at>"), pattern=re.compile(r"<[\w.+-]{1,64} at "))
SIX_DIGITS = Gate(policy="pii", pattern=re.compile(r"\d(?:[^\w\n]{0,4}\d){5}"))
LETTERS_AND_DIGITS = Gate(policy="pii", pattern=re.compile(r"\d(?:[A-Za-z]|(?<=[A-Za-z]\d)\d)"))
GERMAN_PLATE = Gate(policy="pii", pattern=re.compile(r"(?<=[A-Za-z][ -])[A-Za-z]{1,2}[ -]\d"))
ADDRESS_MARKS = Gate(
    policy="pii",
    pattern=re.compile(r"\d\.\d{1,3}\.\d|:[0-9A-Fa-f]{0,4}:|-[0-9A-Fa-f]{2}-|\.[0-9A-Fa-f]{4}\."),
)
FIVE_DIGITS = Gate(policy="pii", pattern=re.compile(r"\d{5}"))
DIGITS_IN_GROUPS = Gate(policy="pii", pattern=re.compile(r"\d(?:[A-Z -]{0,3}\d){4}"))
ANY_DIGIT = Gate(policy="phi", pattern=re.compile(r"\d"))
WEB_ADDRESS = Gate(policy="strict", words=("://", "www."))
ANY_WORD = Gate(policy="strict", pattern=re.compile(r"[A-Za-z]{2}"))
ANY_WORD_OR_DIGIT = Gate(policy="strict", pattern=re.compile(r"[A-Za-z]{2}|\d"))

_ALL = (
    ISSUED_KEY,
    PRIVATE_KEY,
    LONG_TOKEN,
    PASSWORD_NAME,
    LOGIN_ADDRESS,
    AT_SIGN,
    SIX_DIGITS,
    LETTERS_AND_DIGITS,
    GERMAN_PLATE,
    ADDRESS_MARKS,
    FIVE_DIGITS,
    DIGITS_IN_GROUPS,
    ANY_DIGIT,
    WEB_ADDRESS,
    ANY_WORD,
    ANY_WORD_OR_DIGIT,
)


@lru_cache(maxsize=16)
def gates(scope: Scope) -> tuple[Gate, ...]:
    """The gates behind which something is looked for; all of them where single types of stricter policies are."""
    return tuple(gate for gate in _ALL if scope.also or policy_rank(gate.policy) <= scope.rank)
