"""The finders of names and addresses: which run under a policy, what the language pipeline adds, who is meant again.

Belongs here: joining what is known about names. Does not: the rules themselves (`persons`, `addresses`,
`proper_nouns`), nor the pipeline: whoever calls `detect` brings it (`clients.language.find_names`), as a function from
texts to spans labelled PERSON, LOCATION and ORGANIZATION.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from prodgen_pipeline.core.models import EntitySpan
from prodgen_pipeline.core.redaction.addresses import find_addresses
from prodgen_pipeline.core.redaction.capitals import PARTICLE, UPPER, Word, runs
from prodgen_pipeline.core.redaction.context import Context
from prodgen_pipeline.core.redaction.folding import MASK
from prodgen_pipeline.core.redaction.gates import Scope, policy_rank
from prodgen_pipeline.core.redaction.lexicon import (
    begins_place,
    is_family_name,
    is_given_name,
    is_group,
    is_ordinary,
    is_place,
    is_product,
    plain,
)
from prodgen_pipeline.core.redaction.other_scripts import find_in_other_scripts
from prodgen_pipeline.core.redaction.persons import COLUMN, find_persons
from prodgen_pipeline.core.redaction.proper_nouns import find_proper_nouns

FindNames = Callable[[Sequence[str]], list[list[EntitySpan]]]

_POLICIES = {
    "PERSON": "pii", "STREET_ADDRESS": "pii", "LOCATION": "strict", "ORGANIZATION": "strict", "GROUP": "strict",
    "TITLE": "strict",
}  # fmt: skip
#: Under `strict` what is little more than a guess counts.
_STRICT_SCORE = 0.5
_GUESS = 0.55
#: A finding of the pipeline counts as this at most, and from this on it is sure.
_MOST_BELIEVED = 0.8
_SURE = 0.7
#: How often the same words are shown to the pipeline, and how much around them, in characters.
_SHOWN_TIMES = 2
_AROUND = 160
_LONGEST_SHOWN = 2_000
_SMALL_WORD = re.compile(r"[^\W\d_]{4,}")
_PARTICLE = re.compile(PARTICLE)
_INNER_CAPITAL = re.compile(r"[a-z]{3,}[A-Z]|[A-Z]{2,}[a-z]")
_CAPITALISED = re.compile(rf"(?<![\w.@/\\-])[{UPPER}][^\W\d_]{{2,}}")
_LONGEST_WORD = 24
_WHOLE_WORD = re.compile(r"(?<![\w.@/-])[^\W\d_]{3,24}(?![\w@/]|\.\w)")
_LETTER = re.compile(r"[^\W\d_]")
_OTHER_LETTERS = re.compile(r"[\u0370-\u1dff]")
_NO_NAME = re.compile(r"[\d_=/\\@#(){}\[\]<>`$%^*+|~]|::|->|\w\.\w")
_CELL = re.compile(rf"[{UPPER}][^\W\d_.'’-]*[\w.'’-]*(?:,? (?:[a-z]{{2,3}} )?[{UPPER}][\w.'’-]*){{0,4}}")
#: What a word of a name that was found counts as where it stands again.
MENTION = EntitySpan(start=0, end=0, label="PERSON", score=0.6, rule="NameMention")


def find_named(work: str, start: int, end: int, scope: Scope, context: Context) -> Iterator[EntitySpan]:
    """What the rules find in `work[start:end]` that the policy asks for."""
    if scope.rank < policy_rank("pii"):
        return
    is_strict = scope.rank >= policy_rank("strict")
    found_runs = list(runs(work, start, end))
    for span in (
        *find_persons(work, start, end, found_runs),
        *find_in_other_scripts(work, start, end, found_runs),
        *find_addresses(work, start, end),
        *_cells(work, start, end, context),
    ):
        yield replace(span, score=_STRICT_SCORE) if is_strict and span.score < _STRICT_SCORE else span
    if is_strict:
        yield from find_proper_nouns(work, start, end, found_runs)
    elif scope.also:
        yield from (
            span
            for span in find_proper_nouns(work, start, end, found_runs)
            if span.score >= _GUESS and scope.covers(span.label, _POLICIES[span.label])
        )


def undecided(works: Sequence[str], found: Sequence[Sequence[EntitySpan]], scope: Scope) -> list[tuple[int, int, int]]:
    """The stretches `(text, start, end)` that only the language pipeline can judge, in order and disjoint.

    Reading costs ten times as much as all rules together, so it is shown what they left open: words that are somebody's
    name and were not taken, several unusual capitalised words in a row, texts without capitals that hold a name. The
    same words are shown a few times per document and no more, so a long one costs what its vocabulary does.
    """
    shown: Counter[str] = Counter()
    return [
        (number, start, end)
        for number, (work, spans) in enumerate(zip(works, found, strict=True))
        for start, end in _joined(_open_places(work, spans, scope, shown), work)
    ]


def _open_places(
    work: str, spans: Sequence[EntitySpan], scope: Scope, shown: Counter[str]
) -> Iterator[tuple[int, int]]:
    if work.islower():
        if len(work) <= _LONGEST_SHOWN and any(_is_name(plain(word)) for word in _SMALL_WORD.findall(work)):
            yield 0, len(work)
        return
    starts = [span.start for span in spans]
    for run in runs(work, 0, len(work)):
        place = bisect_right(starts, run[-1].start)
        covered = place > 0 and spans[place - 1].end > run[0].start
        phrase = " ".join(word.plain for word in run)
        if covered or shown[phrase] >= _SHOWN_TIMES or not _is_open(run, scope):
            continue
        shown[phrase] += 1
        yield run[0].start, run[-1].end


def _is_open(run: Sequence[Word], scope: Scope) -> bool:
    """Whether a run of words that no rule took could be a name after all."""
    # The pipeline reads English: what it says of words in other letters means nothing.
    unusual = [
        word
        for word in run
        if not word.is_initial
        and not word.is_shouted
        and not _is_common(word.text)
        and not _OTHER_LETTERS.match(word.text)
    ]
    if scope.also and unusual:
        return True
    return any(_is_name(word.plain) for word in unusual) or len(unusual) > 1


def _joined(places: Iterable[tuple[int, int]], work: str) -> list[tuple[int, int]]:
    """The paragraphs around the places, cut where they are long."""
    found: list[tuple[int, int]] = []
    for start, end in places:
        first = max(0, start - _AROUND, work.rfind("\n\n", max(0, start - _AROUND), start) + 1)
        after = work.find("\n\n", end, end + _AROUND)
        last = min(len(work), end + _AROUND) if after < 0 else after
        while first > 0 and not work[first - 1].isspace() and start - first < 2 * _AROUND:
            first -= 1
        if found and first <= found[-1][1]:
            first = found.pop()[0]
        found.append((first, last))
    return found


def read_open(
    works: Sequence[str], found: Sequence[Sequence[EntitySpan]], scope: Scope, names: FindNames
) -> list[list[EntitySpan]]:
    """What the language pipeline finds in the stretches that the rules left open, text by text and in order."""
    places = undecided(works, found, scope)
    named: list[list[EntitySpan]] = [[] for _ in works]
    if not places:
        return named
    read = names([works[number][start:end] for number, start, end in places])
    for (number, start, _), spans in zip(places, read, strict=True):
        moved = [replace(span, start=start + span.start, end=start + span.end) for span in spans]
        named[number] += believable(works[number], moved, scope)
    return named


def added(found: Sequence[EntitySpan], named: Sequence[EntitySpan]) -> list[EntitySpan]:
    """The findings with those of the pipeline that fall between them, or that contain less sure ones whole."""
    kept = list(found)
    for span in named:
        place = bisect_left(kept, span.start, key=lambda each: each.end - 1)
        beyond = place
        while beyond < len(kept) and kept[beyond].start < span.end:
            beyond += 1
        inside = kept[place:beyond]
        if all(span.start <= each.start and each.end <= span.end and each.score < span.score for each in inside):
            kept[place:beyond] = [span]
    return kept


def believable(work: str, spans: Sequence[EntitySpan], scope: Scope) -> list[EntitySpan]:
    """What the language pipeline found, without what the policy does not ask for and what is no name by its form.

    A pipeline learnt from news and chat takes identifiers, headings and products for names. Below `strict` a person is
    believed only where all its words are capitalised as names are and one of them is known to be a name, or where the
    pipeline is sure of several unusual words. Its scores stay below those of the rules for addresses.
    """
    is_strict = scope.rank >= policy_rank("strict")
    return [
        replace(span, score=min(span.score, _MOST_BELIEVED))
        for span in spans
        if scope.covers(span.label, _POLICIES.get(span.label, "strict"))
        and _has_the_form(work, span)
        and (_is_unusual(work, span) if is_strict else _is_supported(work, span))
    ]


def _has_the_form(work: str, span: EntitySpan) -> bool:
    """Whether a name could look like this: within one paragraph, and no part of an identifier."""
    value = work[span.start : span.end]
    if MASK in value or _NO_NAME.search(value) or "\n\n" in value or not _LETTER.search(value):
        return False
    return (
        work[span.end : span.end + 1] not in {"(", "_", "=", "/"}
        and work[max(0, span.start - 1) : span.start] not in {"_", ".", "/", "`", "@"}
        and not re.match(r"\.\w", work[span.end : span.end + 2])
    )


def _is_unusual(work: str, span: EntitySpan) -> bool:
    """Whether the span is more than one ordinary word."""
    words = _words_of(work, span)
    return len(words) > 1 or not is_ordinary(plain(words[0]))


def _is_supported(work: str, span: EntitySpan) -> bool:
    """Whether what the pipeline calls a name is one by its words as well."""
    words = [word for word in _words_of(work, span) if not _PARTICLE.fullmatch(word)]
    if not words or any(_INNER_CAPITAL.search(word) or _OTHER_LETTERS.match(word) for word in words):
        return False
    if not all(word[0].isupper() for word in words) or any(len(word) > 2 and word.isupper() for word in words):
        return False
    common = [_is_common(word) for word in words]
    if span.label != "PERSON":
        return not all(common)
    known = any(not each and _is_name(plain(word)) for word, each in zip(words, common, strict=True))
    return known or (len(words) > 1 and span.score >= _SURE and not any(common))


def _is_name(word: str) -> bool:
    return is_given_name(word) or is_family_name(word)


def _words_of(work: str, span: EntitySpan) -> list[str]:
    return re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", work[span.start : span.end])


def _cells(work: str, start: int, end: int, context: Context) -> Iterator[EntitySpan]:
    """The cells of a table's columns that are headed `Name`, `Author` and the like."""
    for first, last in context.cells_below(work, start, end, COLUMN):
        if _CELL.fullmatch(work, first, last):
            yield EntitySpan(start=first, end=last, label="PERSON", score=0.7, rule="NameColumn")


def mentions(works: Sequence[str], found: Sequence[Sequence[EntitySpan]]) -> list[list[EntitySpan]]:
    """Where single words of the full names that were found stand again, text by text, outside all findings.

    `Rossum` is nobody's name in the lists; after `Guido van Rossum` it is a person for the rest of the document.
    """
    known = {
        word
        for work, spans in zip(works, found, strict=True)
        for span in spans
        if span.label == "PERSON" and span.score >= MENTION.score
        for word in _parts(work[span.start : span.end])
    }
    known -= _written_small(known, works)
    if not known:
        return [[] for _ in works]
    return [_mentions(work, spans, known) for work, spans in zip(works, found, strict=True)]


def _written_small(known: set[str], works: Sequence[str]) -> set[str]:
    """Those that no list has as names, and that are words of these texts: `Influenza` where they say `influenza`."""
    unlisted = {word for word in known if not _is_name(plain(word))}
    if not unlisted:
        return set()
    words = {word for work in works for word in _WHOLE_WORD.findall(work)}
    return {word for word in unlisted if word.lower() in words}


def _parts(name: str) -> list[str]:
    """The words of a full name that mean this person alone; none of a name that has no given name in it."""
    words = [word for word in _CAPITALISED.findall(name) if not word.isupper()]
    if len(words) < 2 or not any(is_given_name(plain(word)) for word in words):
        return []
    return [word for word in words if not _is_common(word)]


def _is_common(word: str) -> bool:
    small = plain(word)
    return is_ordinary(small) or is_place(small) or is_product(small) or is_group(small)


def _ends_place(work: str, match: re.Match[str]) -> bool:
    """Whether the word is the second one of a place, as in `San Diego`."""
    before = work[max(0, match.start() - _LONGEST_WORD) : match.start()]
    if not before.endswith(" "):
        return False
    first = plain(before[:-1].rpartition(" ")[2])
    return begins_place(first) and is_place(f"{first} {plain(match.group())}")


def _mentions(work: str, spans: Sequence[EntitySpan], known: set[str]) -> list[EntitySpan]:
    taken = iter([*spans, None])
    following = next(taken)
    again = []
    for match in _CAPITALISED.finditer(work):
        while following is not None and following.end <= match.start():
            following = next(taken)
        is_free = following is None or match.end() <= following.start
        if is_free and match.group() in known and not _is_part(work, match):
            again.append(replace(MENTION, start=match.start(), end=match.end()))
    return again


def _is_part(work: str, match: re.Match[str]) -> bool:
    """Whether the word stands in an identifier, beside what is masked, or in a place."""
    start, end = match.span()
    is_identifier = work[end : end + 1] in {"_", "(", "=", "/", "@"}
    return is_identifier or MASK in work[max(0, start - 1) : end + 1] or _ends_place(work, match)
