"""A tenant's own lists: values that are never personal, and values that always are.

Belongs here: reading the lists and looking for their entries. Does not: their form and its checks
(`core.configuration`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from prodgen_pipeline.core.configuration import RedactionConfig, listed_pattern
from prodgen_pipeline.core.models import EntitySpan

RULE = "DenyList"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """The lists of one configuration, ready to search; an entry counts in any case, as whole words."""

    allow: re.Pattern[str] | None
    deny: tuple[tuple[str, re.Pattern[str]], ...]

    def allows(self, value: str) -> bool:
        """Whether the value is one that is never personal."""
        return self.allow is not None and self.allow.fullmatch(" ".join(value.split())) is not None

    def denied(self, work: str, start: int, end: int) -> Iterator[EntitySpan]:
        """The values in `work[start:end]` that always are personal."""
        for label, pattern in self.deny:
            for match in pattern.finditer(work, start, end):
                if match.end() > match.start():
                    yield EntitySpan(start=match.start(), end=match.end(), label=label, score=1.0, rule=RULE)


def lists_of(config: RedactionConfig) -> Lists:
    """The lists of a configuration; those of tenants only after `for_tenant`."""
    return _lists(config.allow, tuple(sorted((label, tuple(entries)) for label, entries in config.deny.items())))


@lru_cache(maxsize=64)
def _lists(allow: tuple[str, ...], deny: tuple[tuple[str, tuple[str, ...]], ...]) -> Lists:
    return Lists(
        allow=_any_of(allow) if allow else None,
        deny=tuple(
            (label, re.compile(rf"(?<!\w)(?:{_any_of(entries).pattern})(?!\w)", re.IGNORECASE))
            for label, entries in deny
            if entries
        ),
    )


def _any_of(entries: tuple[str, ...]) -> re.Pattern[str]:
    forms = (listed_pattern(entry) or r"\s+".join(map(re.escape, entry.split())) for entry in entries)
    return re.compile("|".join(f"(?:{form})" for form in forms), re.IGNORECASE)
