"""Other proper names for policy `strict`: places, organisations, nationalities and religions, job titles.

Belongs here: what capitalised words name when they are no person. Does not: persons (`persons`), street lines
(`addresses`).

`strict` is for texts in which a name too many is cheaper than one too few: every capitalised word that English does not
write small is taken for a name, and the words around it decide for what.
"""

import re
from collections.abc import Iterator, Sequence

from prodgen_pipeline.core.models import EntitySpan
from prodgen_pipeline.core.redaction.addresses import POSTCODE
from prodgen_pipeline.core.redaction.capitals import Word
from prodgen_pipeline.core.redaction.lexicon import (
    is_family_name,
    is_given_name,
    is_group,
    is_occupation,
    is_ordinary,
    is_place,
    plain,
)

LOCATION, ORGANIZATION, GROUP, TITLE = "LOCATION", "ORGANIZATION", "GROUP", "TITLE"
RULE = "ProperNoun"

_COMPANY = frozenset(
    "inc ltd llc llp plc gmbh ag sa nv bv ab oy as kg corp corporation company co group holdings holding "
    "partners solutions "
    "systems technologies technology services bank university institute foundation association college hospital clinic "
    "agency society council ministry department committee orchestra club corporation labs laboratories industries "
    "consulting insurance airlines media press records studios ventures capital securities investments network".split()
)
_WHERE = re.compile(
    r"(?i)\b(?:in|from|to|at|near|into|around|via|visit(?:ed|ing)?|across|throughout|leave|left) (?:the )?$"
)
_WORKS = re.compile(
    r"(?i)\b(?:work(?:s|ed|ing)? (?:for|at|with)|employed (?:by|at)|joined|founded|acquired|company|firm|"
    r"client|customer|"
    r"employer|on behalf of|ceo of|recorded for|offices? of) $"
)
#: Behind a town, also with the state before it.
_POSTCODE = re.compile(rf" (?:[A-Z]{{2}} )?{POSTCODE}")
_SMALL_WORD = re.compile(r"(?<![\w.@/\\-])[a-z]{3,20}(?![\w@/\\]|\.\w)")
_JOB = re.compile(
    r"(?:(?m:^)[ \t>*#|?-]*|\b(?:[Aa]s|is|was|am|become|became|,) (?:an? |the |our |my )?|, (?:the |an? )|"
    r"\bposition of )"
    r"((?:[^\W\d_][\w'’-]*(?:,? and|,| &)? ){0,4}([^\W\d_]{3,20}))(?=[ ]*(?:[\n,.;:!?)]|$| at | of | for | in | who ))"
)


def find_proper_nouns(work: str, start: int, end: int, found_runs: Sequence[list[Word]]) -> Iterator[EntitySpan]:
    """Places, organisations, groups and job titles in `work[start:end]`, perhaps overlapping.

    `found_runs` are the runs of capitalised words there.
    """
    has_job = False
    for run in found_runs:
        has_job = has_job or any(is_occupation(word.plain) for word in run)
        yield from _groups(run)
        yield from _in_run(work, run)
    nothing_capitalised = work[start:end].islower()
    for match in _SMALL_WORD.finditer(work, start, end):
        if is_group(match.group()) and not is_ordinary(match.group()):
            yield _span(match.start(), match.end(), GROUP, 0.5)
        elif nothing_capitalised and is_place(match.group()) and not is_ordinary(match.group()):
            yield _span(match.start(), match.end(), LOCATION, 0.5)
        has_job = has_job or is_occupation(match.group())
    for match in _JOB.finditer(work, start, end) if has_job else ():
        if is_occupation(plain(match[2])):
            yield _span(match.start(1), match.end(1), TITLE, 0.5)


def _groups(run: list[Word]) -> Iterator[EntitySpan]:
    for word in run:
        if is_group(word.plain) and not word.is_initial:
            yield _span(word.start, word.end, GROUP, 0.6)


def _in_run(work: str, run: list[Word]) -> Iterator[EntitySpan]:
    """The names that a run of capitalised words falls into, where its plain words and groups are."""
    position = 0
    while position < len(run):
        length = 0 if _is_company(run[position:]) else _place_length(run, position)
        if length:
            last = run[position + length - 1].end
            postcode = _POSTCODE.match(work, last)
            yield _span(run[position].start, postcode.end() if postcode else last, LOCATION, 0.6)
            position += length
            continue
        length = _name_length(run, position)
        if length:
            yield _named(work, run[position : position + length])
        position += max(length, 1)


def _place_length(run: list[Word], position: int) -> int:
    for length in range(min(4, len(run) - position), 0, -1):
        if is_place(" ".join(word.plain for word in run[position : position + length])):
            return length
    return 0


def _name_length(run: list[Word], position: int) -> int:
    """How many words from `position` on are one name: none where English writes them small at this place."""
    words = run[position:]
    length = 0
    for word in words:
        if is_group(word.plain) or (word.opens and is_ordinary(word.plain) and len(words) == 1):
            break
        length += 1
    while length and _is_plain(words[length - 1], alone=length == 1):
        length -= 1
    first = words[0]
    # The first word of a sentence belongs to the name behind it only where English does not write it small.
    return 0 if length and first.opens and is_ordinary(first.plain) and not _is_company(words[:length]) else length


def _is_plain(word: Word, *, alone: bool) -> bool:
    if word.is_initial:
        return True
    # Three capitals are an abbreviation more often than a name: `SSN`, `PDF`.
    return alone and (is_ordinary(word.plain) or (word.is_shouted and len(word.text) <= 3))


def _is_company(words: list[Word]) -> bool:
    return len(words) > 1 and words[-1].plain.rstrip(".") in _COMPANY


def _named(work: str, words: list[Word]) -> EntitySpan:
    first, last = words[0], words[-1]
    before = work[max(0, first.start - 32) : first.start]
    end = last.end + (work[last.end : last.end + 1] == "." and last.plain in {"inc", "ltd", "co", "corp"})
    if _is_company(words):
        return _span(first.start, end, ORGANIZATION, 0.7)
    if _WORKS.search(before):
        return _span(first.start, end, ORGANIZATION, 0.6)
    if _WHERE.search(before):
        return _span(first.start, end, LOCATION, 0.5)
    if any(is_family_name(word.plain) or is_given_name(word.plain) for word in words if not word.is_initial):
        return _span(first.start, end, "PERSON", 0.5)
    return _span(first.start, end, ORGANIZATION, 0.5)


def _span(start: int, end: int, label: str, score: float) -> EntitySpan:
    return EntitySpan(start=start, end=end, label=label, score=score, rule=RULE)
