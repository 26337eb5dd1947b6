"""Finds entities in text: which rules run where, what their findings score, and which of them stay.

Belongs here: the order of work. Does not: the rules (`catalogue`, `credentials`), pseudonyms.

Why not Presidio's AnalyzerEngine: it wants a spaCy model, runs every recogniser over every text (230 KB per CPU-second)
and searches all tokens for each finding, which is quadratic. Here each recogniser, Presidio's own with its validation,
runs only where what it needs is present, on pieces of bounded length; so the work is linear and most text costs two
searches. Presidio itself (seconds to import) is loaded by the first text that needs it.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from prodgen_pipeline.core.configuration import RedactionConfig
from prodgen_pipeline.core.models import Element, ElementType, EntitySpan
from prodgen_pipeline.core.redaction.capitals import UPPER
from prodgen_pipeline.core.redaction.context import Context, TableContext, stems
from prodgen_pipeline.core.redaction.folding import MASK, FoldedText, fold
from prodgen_pipeline.core.redaction.gates import PRIVATE_KEY, Gate, Scope, gates, policy_rank
from prodgen_pipeline.core.redaction.lists import Lists, lists_of
from prodgen_pipeline.core.redaction.names import MENTION, FindNames, added, find_named, mentions, read_open
from prodgen_pipeline.core.redaction.pseudonyms import PSEUDONYM
from prodgen_pipeline.core.redaction.split_values import find_in_halves, find_split

if TYPE_CHECKING:
    from prodgen_pipeline.core.redaction.rules import Rule

#: A piece of a long text, and how far recognisers look beyond each end of it; longer values may be found in part.
PIECE = 32_768
MARGIN = 8_192

#: A label that stands alone before its value, in an element of its own, is shorter than this.
_LABEL_LENGTH = 40
#: How far before a value the words may begin that disprove it.
_LOOK_BACK = 64
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_MAX_PASSES = 16
#: What may be read differently once what stands beside it is masked: a number, the rest of a capitalised name.
_LEFT_OVER = re.compile(rf"\d|{MASK}[^\w\n]{{0,2}}[{UPPER}]|[{UPPER}][\w'’.-]{{0,30}}[ '’]{{0,2}}{MASK}")


def detect(text: str, config: RedactionConfig, names: FindNames | None = None) -> list[EntitySpan]:
    """The entities of a text in order, none overlapping; offsets in characters of `text` as given.

    `names` adds what a language pipeline finds (see `names`); without it names are found by lists and rules alone. Of
    overlapping findings the one with the higher score stays, then the longer, then the earlier; of one type inside
    another of the same type, the outer. Pseudonyms in the text are never part of a finding.

    Raises:
        ConfigurationError: the policy does not exist.
    """
    return _detect([text], [Context()], config, names)[0]


def detect_elements(
    elements: Sequence[Element], config: RedactionConfig, names: FindNames | None = None
) -> list[list[EntitySpan]]:
    """The entities of each element, as `detect`, with the context that its structure gives.

    A table's column header supports the values below it, and a short element that ends in a colon the element after it.
    `names` is called at most once, with what the rules leave open outside of code.

    Raises:
        ConfigurationError: the policy does not exist.
    """
    before = ["", *(_label(element) for element in elements)]
    contexts = [
        TableContext(element.text) if element.has_header else Context(label)
        for element, label in zip(elements, before, strict=False)
    ]
    unread = [element.type is ElementType.CODE for element in elements]
    return _detect([element.text for element in elements], contexts, config, names, unread)


def _detect(
    texts: Sequence[str],
    contexts: Sequence[Context],
    config: RedactionConfig,
    names: FindNames | None,
    unread: Sequence[bool] = (False,),
) -> list[list[EntitySpan]]:
    """The texts of one document together: who is named in one of them is known in the others."""
    scope = Scope(policy_rank(config.policy), config.also)
    folded = [fold(text) for text in texts]
    works = [PSEUDONYM.sub(lambda match: _mask(match.group()), each.text) for each in folded]
    search = _Search(scope=scope, config=config, lists=lists_of(config))
    found = [search.entities(work, context) for work, context in zip(works, contexts, strict=True)]
    search.join_neighbours(works, found)
    if names is not None and scope.rank >= policy_rank("pii"):
        shown = ["" if skip else work for work, skip in zip(works, unread, strict=True)]
        named = read_open(shown, found, scope, names)
        found = [added(one, search.wanted(work, more)) for work, one, more in zip(works, found, named, strict=True)]
    if search.counts(MENTION):
        again = [search.wanted(work, spans) for work, spans in zip(works, mentions(works, found), strict=True)]
        found = [sorted((*one, *other), key=lambda span: span.start) for one, other in zip(found, again, strict=True)]
    return [_in_original(each, spans) for each, spans in zip(folded, found, strict=True)]


def _in_original(folded: FoldedText, spans: list[EntitySpan]) -> list[EntitySpan]:
    if folded.origins is None:
        return spans
    places = [folded.original_span(span.start, span.end) for span in spans]
    return [replace(span, start=start, end=end) for span, (start, end) in zip(spans, places, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """What is looked for in every text of one call."""

    scope: Scope
    config: RedactionConfig
    lists: Lists

    def counts(self, span: EntitySpan) -> bool:
        """Whether a finding of this type and score is one."""
        return span.score >= self.config.threshold(span.label)

    def wanted(self, work: str, spans: Iterable[EntitySpan]) -> list[EntitySpan]:
        """The spans that are sure enough and not on the list of what is never personal."""
        return [span for span in spans if self.counts(span) and not self.lists.allows(work[span.start : span.end])]

    def entities(self, work: str, context: Context) -> list[EntitySpan]:
        """What the rules find in one text, in order and disjoint."""
        found: list[EntitySpan] = []
        blocks = list(_blocks(work))
        # What an overlapping finding hid is found in a further pass: redacted text must have nothing left to find.
        for _ in range(_MAX_PASSES):
            in_blocks = [found for group in _grouped(blocks) for found in self._in_group(work, group, context)]
            new = sorted((span for spans, _ in in_blocks for span in spans), key=lambda span: span.start)
            if not new:
                break
            found += new
            work = _masked(work, new)
            blocks = [
                block
                for block, (spans, all_covered) in zip(blocks, in_blocks, strict=True)
                if spans and (not all_covered or _LEFT_OVER.search(work, *block))
            ]
        found.sort(key=lambda span: span.start)
        return found

    def join_neighbours(self, works: Sequence[str], found: list[list[EntitySpan]]) -> None:
        """Add to the findings of each text the halves of values that go on in the next one."""
        for number, (before, after) in enumerate(pairwise(works)):
            if halves := find_in_halves(before, after, self._read):
                found[number] = added(found[number], halves[:1])
                found[number + 1] = added(found[number + 1], halves[1:])

    def _in_group(
        self, work: str, group: Sequence[tuple[int, int]], context: Context
    ) -> Iterator[tuple[list[EntitySpan], bool]]:
        """Of each block the findings of one pass, sorted and disjoint, and whether they cover all that was found."""
        starts = [start for start, _ in group]
        candidates = [list(self.lists.denied(work, *block)) for block in group]
        for counted in range(group[0][0], group[-1][1], PIECE):
            # The margins belong to the neighbours too; each start is counted in one piece.
            pieces = [(max(start, counted - MARGIN), min(end, counted + PIECE + MARGIN)) for start, end in group]
            for span in self._in_pieces(work, pieces, context):
                if counted <= span.start < counted + PIECE and self._may_stay(work, span):
                    candidates[bisect_right(starts, span.start) - 1].append(span)
        for each in candidates:
            possible = [span for span in each if self.counts(span) and MASK not in work[span.start : span.end]]
            kept = _resolve(possible)
            yield kept, len(kept) == len(possible) or all(_is_covered(span, kept) for span in possible)

    def _in_pieces(self, work: str, pieces: Sequence[tuple[int, int]], context: Context) -> Iterator[EntitySpan]:
        yield from _by_rules(work, pieces, self.scope, context)
        for start, end in pieces:
            yield from find_named(work, start, end, self.scope, context)
            yield from find_split(work, start, end, self._read)

    def _read(self, text: str, labels: frozenset[str]) -> Iterator[EntitySpan]:
        """What the rules for some types find in a few words; no context from outside."""
        found = _by_rules(text, [(0, len(text))], self.scope, Context(), labels)
        return (span for span in found if self.counts(span))

    def _may_stay(self, work: str, span: EntitySpan) -> bool:
        return not self.lists.allows(work[span.start : span.end])


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Paragraphs: no value goes on after a blank line, except a private key, so a text that holds one is one block."""
    start = 0
    if not PRIVATE_KEY.opens(text):
        for blank in _BLANK_LINE.finditer(text):
            if start < blank.start():
                yield start, blank.start()
            start = blank.end()
    if start < len(text):
        yield start, len(text)


def _grouped(blocks: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Neighbouring blocks together, since asking each what it could hold costs more than reading it."""
    group: list[tuple[int, int]] = []
    for block in blocks:
        if group and block[1] - group[0][0] > PIECE // 8:
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _by_rules(
    work: str, blocks: Sequence[tuple[int, int]], scope: Scope, context: Context, only: frozenset[str] = frozenset()
) -> Iterator[EntitySpan]:
    """All findings in the blocks with their scores, which may be 0; `only` of some types where it says so."""
    for rule, windows in _concerned(work, blocks, scope, context, only):
        for block_start, first, last in windows:
            for found_start, found_end, raw in rule.read(work[first:last]):
                value = (first + found_start, first + found_end)
                score = _score(rule, raw, work, value, block_start, context)
                yield EntitySpan(start=value[0], end=value[1], label=rule.label, score=score, rule=rule.name)


def _concerned(
    work: str, blocks: Sequence[tuple[int, int]], scope: Scope, context: Context, only: frozenset[str] = frozenset()
) -> Iterator[tuple["Rule", list[tuple[int, int, int]]]]:
    """The rules that could find something in the blocks that counts, and where: see `Rule.windows`."""
    ends = dict(blocks)
    lowered = {start: work[start:end].lower() for start, end in blocks}
    for gate in gates(scope):
        if only and not any(rule.label in only for rule in _rules(scope)[gate]):
            continue
        opened = gate.opened(work, blocks, lowered)
        # Not before: the rules bring Presidio, which takes a second to import.
        rules = [rule for rule in _rules(scope)[gate] if not only or rule.label in only] if opened else ()
        # Many rules of a gate share their anchor.
        anchored: dict[tuple[re.Pattern[str], int], list[tuple[int, int, int]]] = {}
        for rule in rules:
            anchor = rule.anchor, rule.margin
            if anchor not in anchored:
                anchored[anchor] = rule.windows(work, opened)
            windows = anchored[anchor]
            if windows and rule.context is not None and rule.needs_context:
                windows = _mentioning(rule.context, windows, work, context, ends, lowered)
            if windows:
                yield rule, windows


def _mentioning(
    words: re.Pattern[str],
    windows: list[tuple[int, int, int]],
    work: str,
    context: Context,
    ends: Mapping[int, int],
    lowered: Mapping[int, str],
) -> list[tuple[int, int, int]]:
    """The windows in whose block the words stand; `lowered` has the blocks in small letters, by start."""
    found = []
    asked, mentions = -1, False
    for window in windows:
        start = window[0]
        if start != asked:
            could = context.outside or any(stem in lowered[start] for stem in stems(words))
            asked, mentions = start, bool(could) and context.mentions(work, start, ends[start], words)
        if mentions:
            found.append(window)
    return found


def _score(rule: "Rule", raw: float, work: str, span: tuple[int, int], block_start: int, context: Context) -> float:
    """The score of one finding; 0 for what is no finding of this rule at all. A paragraph is all the context it has."""
    start, end = span
    value = work[start:end]
    if MASK in work[max(0, start - 1) : end + 1] or not rule.admits(work, start, end):
        return 0.0
    if rule.unless_after and rule.unless_after.search(work[max(0, start - _LOOK_BACK) : start]):
        return 0.0
    supported = rule.context is not None and context.supports(
        work, start, rule.context, max(block_start, start - rule.reach)
    )
    return round(rule.score(raw, value, supported=supported), 2)


def _resolve(candidates: Iterable[EntitySpan]) -> list[EntitySpan]:
    """The best of each group of overlapping spans; those that do not overlap any of the best."""
    kept: list[EntitySpan] = []
    starts: list[int] = []
    outermost = _outermost(candidates)
    for span in sorted(outermost, key=lambda span: (-span.score, span.start - span.end, span.start, span.label)):
        place = bisect_left(starts, span.end)
        if place == 0 or kept[place - 1].end <= span.start:
            starts.insert(place, span.start)
            kept.insert(place, span)
    return kept


def _is_covered(span: EntitySpan, kept: Sequence[EntitySpan]) -> bool:
    """Whether one of the sorted, disjoint spans contains this one."""
    place = bisect_right(kept, span.start, key=lambda each: each.start)
    return place > 0 and span.end <= kept[place - 1].end


def _outermost(candidates: Iterable[EntitySpan]) -> list[EntitySpan]:
    """Without spans inside another one of their type, which takes over the higher score: no digit is left over."""
    kept: list[EntitySpan] = []
    for span in sorted(candidates, key=lambda span: (span.label, span.start, -span.end)):
        if kept and kept[-1].label == span.label and span.end <= kept[-1].end:
            kept[-1] = replace(kept[-1], score=max(kept[-1].score, span.score))
        else:
            kept.append(span)
    return kept


def _masked(work: str, spans: Sequence[EntitySpan]) -> str:
    """The text with each of the sorted spans masked, at equal length."""
    pieces: list[str] = []
    position = 0
    for span in spans:
        pieces += (work[position : span.start], _mask(work[span.start : span.end]))
        position = span.end
    return "".join((*pieces, work[position:]))


def _mask(value: str) -> str:
    """A stand-in of equal length with a pseudonym's outer characters, so that neighbours see the same borders."""
    return f"<{MASK * (len(value) - 2)}>" if len(value) > 2 else MASK * len(value)


def _label(element: Element) -> str:
    return element.text if len(element.text) <= _LABEL_LENGTH and element.text.rstrip().endswith(":") else ""


@lru_cache(maxsize=16)
def _rules(scope: Scope) -> dict[Gate, tuple["Rule", ...]]:
    """The rules of a policy by gate; loads Presidio."""
    from prodgen_pipeline.core.redaction.catalogue import personal_data_rules
    from prodgen_pipeline.core.redaction.credentials import secret_rules

    rules = [rule for rule in (*secret_rules(), *personal_data_rules()) if scope.covers(rule.label, rule.policy)]
    return {gate: tuple(rule for rule in rules if rule.gate is gate) for gate in gates(scope)}
