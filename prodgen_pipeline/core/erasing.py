"""Taking a person out of text: which places name them, what falls with them, the forms by which they are known again.

Belongs here: pure text. Does not: which documents those are, and every store that must forget them (lifecycle.erasure).

A value is looked for as a person would: whatever its case, and whatever blanks and punctuation stand between its words;
a number of six digits or more whatever separates its digits; a name of two or three words in either order.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from prodgen_pipeline.core.errors import UsageError
from prodgen_pipeline.core.models import Element, ElementType
from prodgen_pipeline.core.redaction.folding import fold
from prodgen_pipeline.core.redaction.pseudonyms import PSEUDONYM

ERASED = "<ERASED>"
#: Shorter values stand in too many words that are not the person's.
MIN_CHARACTERS = 3
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d(?:[\W_]{0,3}\d){5,}")
_BETWEEN = r"[\W_]{0,6}"
_MAX_NAME_WORDS = 3
_MAX_DIGITS = 40
#: Labels of those whose values stand beside each other; where two persons do, the rest is not clearly one's.
_PERSON = "PERSON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who is erased: the tokens that stand for them, and patterns of what they are called in clear."""

    tokens: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where the text names the subject, in order and disjoint."""
        found = [match.span() for match in PSEUDONYM.finditer(text) if match.group() in self.tokens]
        folded = fold(text)
        for pattern in self.patterns:
            found += [folded.original_span(*match.span()) for match in pattern.finditer(folded.text)]
        return _disjoint(found)

    def named_in(self, text: str) -> bool:
        """Whether the text names the subject."""
        return bool(self.spans(text))


def subject(identifiers: Collection[str], tokens: Collection[str] = ()) -> Subject:
    """Who is meant by some identifiers (names, addresses, numbers); raises UsageError where one is too short."""
    return Subject(
        tokens=frozenset(tokens), patterns=tuple(_pattern(form) for each in identifiers for form in _forms(each))
    )


def forms(identifier: str) -> dict[str, int]:
    """The canonical forms of an identifier, with their number of words; 0 is a number without its separators.

    A text holds the identifier if one of its own `forms_in` is among them. Raises UsageError for one that is too short.
    """
    return {" ".join(words) if count else "".join(words): count for words, count in map(_counted, _forms(identifier))}


def forms_in(text: str, lengths: Collection[int]) -> Iterator[str]:
    """Every stretch of the text as a canonical form, of the numbers of words asked for."""
    plain = fold(text).text.lower()
    words = _WORD.findall(plain)
    for length in sorted(set(lengths) - {0}):
        for at in range(len(words) - length + 1):
            yield " ".join(words[at : at + length])
    if 0 in lengths:
        for match in _NUMBER.finditer(plain):
            digits = re.sub(r"\D", "", match.group())
            # A number may begin after a country's prefix, or stand beside another.
            yield from (
                digits[at:end]
                for at in range(len(digits) - 5)
                for end in range(at + 6, min(len(digits), at + _MAX_DIGITS) + 1)
            )


def erase_text(text: str, who: Subject) -> str:
    """The text without the subject."""
    return _replaced(text, who.spans(text))


def erase_lines(text: str, who: Subject) -> str:
    """The text without the subject, and without pseudonyms that are clearly theirs by their line."""
    return _replaced(text, _falling(text, who, by_line=True))


def erase_elements(
    title: str | None, elements: Sequence[Element], entities: Sequence[dict[str, Any]], who: Subject
) -> tuple[str | None, list[Element], list[dict[str, Any]]]:
    """Redacted elements without the subject, and the record of the pseudonyms that are left.

    Other pseudonyms fall with the subject in their paragraph, or line of a table, unless another person stands there.
    Entities number the title as the element after the last.
    """
    texts = [(element.text, element.type is ElementType.TABLE) for element in elements]
    if title is not None:
        texts.append((title, False))
    spans = [_falling(text, who, by_line=by_line) for text, by_line in texts]
    kept = [
        moved
        for entity in entities
        if (moved := _moved(entity, spans[entity["element"]] if entity["element"] < len(spans) else ())) is not None
    ]
    changed = [_replaced(text, found) for (text, _), found in zip(texts, spans, strict=True)]
    new_title = changed.pop() if title is not None else None
    return new_title, [replace(element, text=text) for element, text in zip(elements, changed, strict=True)], kept


def tokens_in(text: str) -> set[str]:
    """Pseudonyms in a text."""
    return {match.group() for match in PSEUDONYM.finditer(text)}


def like_patterns(identifiers: Collection[str], tokens: Collection[str]) -> list[str]:
    """What a text must hold to be looked at closely, for SQL's ILIKE: each token, each identifier's longest word."""
    patterns = [token.replace("_", r"\_") for token in tokens]
    for identifier in identifiers:
        for words in _forms(identifier):
            longest = max(words, key=len)
            # One character for each that lower() of the database's locale may not know.
            patterns.append("".join(c if c.isascii() else "_" for c in longest))
    return sorted({f"%{pattern}%" for pattern in patterns})


def _forms(identifier: str) -> list[list[str]]:
    """As lists of words; a number of six digits or more as its digits."""
    plain = fold(identifier).text.lower()
    words = _WORD.findall(plain)
    if sum(len(word) for word in words) < MIN_CHARACTERS:
        raise UsageError(f"a subject needs {MIN_CHARACTERS} letters or digits at least")
    if _is_number(words):
        return [list("".join(words))]
    is_name = 1 < len(words) <= _MAX_NAME_WORDS and "@" not in plain and not any(map(str.isdigit, words))
    return [words, [words[-1], *words[:-1]]] if is_name else [words]


def _is_number(words: Sequence[str]) -> bool:
    joined = "".join(words)
    return joined.isdigit() and len(joined) >= 6


def _counted(words: list[str]) -> tuple[list[str], int]:
    return words, 0 if _is_number(words) else len(words)


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    if _is_number(words):
        return re.compile(r"[\W_]{0,3}".join(words))
    return re.compile(rf"(?<![^\W_]){_BETWEEN.join(map(re.escape, words))}(?![^\W_])", re.IGNORECASE)


def _falling(text: str, who: Subject, *, by_line: bool) -> list[tuple[int, int]]:
    """What is taken out of one element: the subject, and the pseudonyms that are clearly theirs."""
    records = re.finditer(r"[^\n]+", text) if by_line else iter([re.match(r"(?s).*", text)])
    found: list[tuple[int, int]] = []
    for record in records:
        if record is None:
            continue
        own = who.spans(record.group())
        others = list(PSEUDONYM.finditer(record.group())) if own else []
        if not any(each["label"] == _PERSON and each.group() not in who.tokens for each in others):
            own = _disjoint([*own, *(each.span() for each in others)])
        found += [(record.start() + start, record.start() + end) for start, end in own]
    return found


def _moved(entity: dict[str, Any], spans: Sequence[tuple[int, int]]) -> dict[str, Any] | None:
    """An entity's record after spans of its element were replaced; None where it was in one of them."""
    start, end = entity["start"], entity["end"]
    if any(start < to and since < end for since, to in spans):
        return None
    shift = sum(len(ERASED) - (to - since) for since, to in spans if to <= start)
    return {**entity, "start": start + shift, "end": end + shift}


def _replaced(text: str, spans: Sequence[tuple[int, int]]) -> str:
    pieces, position = [], 0
    for start, end in spans:
        pieces += [text[position:start], ERASED]
        position = end
    return "".join([*pieces, text[position:]])


def _disjoint(spans: Collection[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order, those that overlap joined."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
