"""Where a document is cut: never past a title or between new and quoted text, then by what the place is in.

Belongs here: the choice of every cut. Does not: what a chunk then holds (`chunking`), what a stretch costs
(`measured`), what is a statement of a programming language (`code_structure`), a sentence (`sentences`).

A table, a list item or a piece of code that fits into one chunk is never cut. A larger table is cut between rows,
larger code between statements; prose at the last element, else the last sentence end that fits, else between words.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from prodgen_pipeline.core.chunking.code_structure import Statement, statements
from prodgen_pipeline.core.chunking.measured import Document
from prodgen_pipeline.core.chunking.sections import Section
from prodgen_pipeline.core.models import Element, ElementType
from prodgen_pipeline.core.redaction import PSEUDONYM
from prodgen_pipeline.core.sentences import sentence_ends

#: Where an element may be cut when it must be, best first; None stands for sentence ends.
_BREAKS: dict[ElementType, tuple[str | None, ...]] = {
    ElementType.CODE: ("\n\n", "\n", " "),
    ElementType.TABLE: ("\n", "\t", " "),
    ElementType.MAIL_HEADER: ("\n", None, " "),
}
_PROSE_BREAKS: tuple[str | None, ...] = (None, "\n", " ")
#: Cut only where one alone is too large for a chunk.
_WHOLE = frozenset({ElementType.CODE, ElementType.TABLE, ElementType.LIST_ITEM, ElementType.MAIL_HEADER})
#: White space between chunks; after a line end the indentation of the next line stays, for code.
_GAP = re.compile(r"\s*")
_LINE_GAP = re.compile(r"(?:[ \t]*\n)*")
_ANNOUNCING = (":", "：")
_MAX_PSEUDONYM_CHARS = 128
#: The tokenizer gives up on longer words.
MAX_WORD_CHARS = 100
#: More of them on one letter are no writing.
_MAX_MARKS = 32
_JOINING = "\u200d"
_SKIN_TONES = "🏻🏼🏽🏾🏿"
#: Blocks around a statement whose introducing lines may be repeated.
_MAX_SIGNATURES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A stretch of the document that becomes a chunk, and the lines from before it to repeat above it."""

    start: int
    end: int
    repeated: tuple[tuple[int, int], ...] = ()
    #: False where a cut may have parted a word, so that the pieces must be counted again.
    exact: bool = True


def cut_group(document: Document, group: Sequence[Section]) -> Iterator[Cut]:
    """Cut joined sections: what must be cut inside by itself, everything between as running text."""
    limit = document.limit(group)
    first, last = group[0].first, group[-1].last
    start = document.starts[first]
    for index in range(first, last):
        begin, end = document.spans[index]
        kind = document.elements[index].type
        if kind not in (ElementType.TABLE, ElementType.CODE) or document.pieces.cost(begin, end) <= limit:
            continue
        lead = _lead(document, start, index, limit)
        yield from _cut_running(document, start, lead, limit)
        yield from (_cut_table if kind is ElementType.TABLE else _cut_code)(document, index, lead, limit)
        start = document.starts[index + 1] if index + 1 < last else end
    yield from _cut_running(document, start, document.spans[last - 1][1], limit)


def _lead(document: Document, start: int, index: int, limit: int) -> int:
    """Return where what introduces element `index` begins, which stays with its first rows or statements."""
    first, begin = index, document.starts[index]
    while document.starts[first] > start and _belongs_to_next(document.elements[first - 1], document.elements[first]):
        first -= 1
    places = (start, document.starts[first])
    return next((place for place in places if document.pieces.cost(place, begin) <= limit // 4), begin)


def _cut_running(document: Document, start: int, stop: int, limit: int) -> Iterator[Cut]:
    """Cut text that holds nothing too large but prose, first between new and quoted text."""
    borders = document.quote_borders
    between = borders[bisect_right(borders, start) : bisect_left(borders, stop)]
    for begin, end in pairwise([start, *between, stop]):
        yield from _cut_run(document, begin, end, limit)


def _cut_run(document: Document, start: int, stop: int, limit: int) -> Iterator[Cut]:
    exact = True
    while start < stop:
        counted = document.counted_from(start, stop)
        if document.pieces.cost(counted, stop) <= limit:
            yield Cut(start=start, end=stop, exact=exact)
            return
        end, is_clean = _next_cut(document, start, counted, stop, limit)
        yield Cut(start=start, end=end, exact=exact and is_clean)
        exact = is_clean
        start = _next_start(document, start, end) if is_clean else end


def _budget(document: Document, start: int, stop: int, limit: int) -> int:
    """Return what a chunk from `start` should hold: enough is left for the last one before `stop`, not a crumb."""
    return max(limit // 2, min(limit, document.pieces.cost(start, stop) - document.sizes.min_tokens))


def _next_cut(document: Document, start: int, counted: int, stop: int, limit: int) -> tuple[int, bool]:
    """Return where the chunk from `start` (counted from `counted`) ends, and whether that is between words."""
    budget = _budget(document, counted, stop, limit)
    reach = min(document.pieces.reach(counted, budget), stop)
    index = document.element_at(reach)
    border = _border(document, document.element_at(start), index)
    if border > start and document.pieces.cost(counted, border) * 2 >= budget:
        return border, True
    whole = _around_whole(document, (start, counted), index, limit, border)
    if whole is not None:
        return whole, True
    inside = _break_inside(document, index, max(start, document.starts[index]), reach)
    if inside is not None:
        return inside, True
    if border > start:
        return border, True
    return _hard_cut(document.text, start, reach)


def _border(document: Document, first: int, index: int) -> int:
    """Return the end of the last element before `index` that may end a chunk begun in `first`; 0 where none may."""
    while index > first and _belongs_to_next(document.elements[index - 1], document.elements[index]):
        index -= 1
    return document.spans[index - 1][1] if index > first else 0


def _belongs_to_next(before: Element, after: Element) -> bool:
    """Say whether an element must not be left behind: a title over its text, a line that ends in a colon."""
    if before.type is ElementType.TITLE:
        return after.type is not ElementType.TITLE or (after.level or 1) > (before.level or 1)
    announces = before.type is ElementType.PARAGRAPH or before.type is ElementType.LIST_ITEM
    return announces and before.text.endswith(_ANNOUNCING)


def _around_whole(document: Document, begun: tuple[int, int], index: int, limit: int, border: int) -> int | None:
    """Return where to end a chunk so that element `index` is not cut, or None where it may or must be."""
    start, counted = begun
    begin, end = document.spans[index]
    if document.elements[index].type not in _WHOLE or begin < start or document.pieces.cost(begin, end) > limit:
        return None
    if document.pieces.cost(counted, end) <= limit:
        return end
    if border > start:
        return border
    # What introduces it does not fit beside it.
    before = document.spans[index - 1][1] if index else 0
    return before if before > start else None


def _break_inside(document: Document, index: int, start: int, reach: int) -> int | None:
    """Return the last good place in `(start, reach]` to cut element `index`, best kind first, or None."""
    window = document.text[start:reach]
    kinds = _BREAKS.get(document.elements[index].type, _PROSE_BREAKS)
    # A better kind of break is not worth a chunk of less than a third of the room.
    for least in (len(window) // 3, 1):
        for kind in kinds:
            # Whether a sentence ends at the very end of the window shows only in the character after it.
            position = (
                _last_sentence_end(document.text, start, reach) if kind is None else window.rfind(kind) + len(kind)
            )
            if position >= max(1, least) and (kind is None or kind in window):
                return start + position
    return None


def _last_sentence_end(text: str, start: int, reach: int) -> int:
    ends = [end for end in sentence_ends(text[start : reach + 1]) if end <= reach - start]
    return ends[-1] if ends else 0


def _next_start(document: Document, start: int, end: int) -> int:
    """Return where the chunk after the one of `[start, end)` begins: past the gap, or before it by the overlap."""
    text = document.text
    gap = _LINE_GAP if text[end - 1] == "\n" else _GAP
    match = gap.match(text, end)
    following = match.end() if match else end
    overlap = document.sizes.overlap_tokens
    is_prose = all(
        document.elements[document.element_at(place)].type is ElementType.PARAGRAPH for place in (end - 1, following)
    )
    if not overlap or not is_prose or following >= len(text):
        return following
    back = document.pieces.back(end, overlap)
    starts = [back + place for place in sentence_ends(text[back : following + 1])]
    space = text.find(" ", back, following) + 1
    candidates = [place for place in [*starts, space] if start < place < following]
    # Back over a title there is no overlap: it would carry one element's end under another's heading.
    return next(
        (place for place in candidates if document.element_at(place) == document.element_at(end - 1)), following
    )


def _cut_table(document: Document, index: int, lead: int, limit: int) -> Iterator[Cut]:
    """Cut a large table between rows; each chunk after the first repeats the header row where that takes under half."""
    start, stop = document.spans[index]
    header = _header_row(document, index, limit)
    header_cost = sum(document.pieces.cost(*row) for row in header)
    position, exact = lead, True
    while position < stop:
        is_first = position == lead
        end, is_clean = stop, True
        room = limit if is_first else limit - header_cost
        counted = document.counted_from(position, stop)
        if document.pieces.cost(counted, stop) > room:
            end, is_clean = _forced(document, index, position, document.pieces.reach(counted, room))
        yield Cut(start=position, end=end, repeated=() if is_first else header, exact=exact and is_clean)
        position, exact = end, is_clean


def _header_row(document: Document, index: int, limit: int) -> tuple[tuple[int, int], ...]:
    start, stop = document.spans[index]
    end = document.text.find("\n", start, stop)
    if not document.elements[index].has_header or end <= start:
        return ()
    return ((start, end),) if document.pieces.cost(start, end) * 2 <= limit else ()


def _cut_code(document: Document, index: int, lead: int, limit: int) -> Iterator[Cut]:
    """Cut large code between statements; each chunk that begins inside a block repeats the lines that introduce it."""
    start, stop = document.spans[index]
    found = statements(document.elements[index].text, document.elements[index].language)
    position, at, exact = lead, 0, True
    while position < stop:
        repeated = _signatures(document, found, at, start, limit) if position > lead else ()
        room = limit - sum(document.pieces.cost(*line) for line in repeated)
        end, is_clean = stop, True
        counted = document.counted_from(position, stop)
        if document.pieces.cost(counted, stop) > room:
            at, chosen = _Packing(document, found, start, (position, counted), stop, room).end(at)
            reach = document.pieces.reach(counted, room)
            end, is_clean = (chosen, True) if chosen else _forced(document, index, position, reach)
        yield Cut(start=position, end=end, repeated=repeated, exact=exact and is_clean)
        while at + 1 < len(found) and start + found[at + 1].start <= end:
            at += 1
        position, exact = end, is_clean


def _signatures(
    document: Document, found: Sequence[Statement], at: int, offset: int, limit: int
) -> tuple[tuple[int, int], ...]:
    """Return the lines that introduce the blocks around a statement: the innermost that take under half in all."""
    chosen: list[tuple[int, int]] = []
    used, parent = 0, found[at].parent if found else -1
    while parent >= 0 and len(chosen) < _MAX_SIGNATURES:
        begin, end = (offset + place for place in found[parent].signature)
        first_line = document.text.find("\n", begin, end)
        for stop in (end, first_line):
            cost = document.pieces.cost(begin, stop) if stop > begin else 0
            if cost and (used + cost) * 2 < limit:
                chosen.append((begin, stop))
                used += cost
                break
        parent = found[parent].parent
    return tuple(reversed(chosen))


class _Packing:
    """Fills one chunk with whole statements."""

    def __init__(
        self,
        document: Document,
        found: Sequence[Statement],
        offset: int,
        begun: tuple[int, int],
        stop: int,
        room: int,
    ) -> None:
        self._document = document
        self._found = found
        self._offset = offset
        self._position, self._counted = begun
        self._room = room
        self._budget = _budget(document, self._counted, stop, room)

    def _cost(self, place: int) -> int:
        return self._document.pieces.cost(self._counted, self._offset + place)

    def end(self, at: int) -> tuple[int, int]:
        """Return the statement that the chunk begun in statement `at` ends before, and that place; 0 where none fits.

        Among the places in the last two thirds it is the least nested one, after a blank line if possible.
        """
        places = self._places(at)
        if not places:
            return at, 0
        late = [each for each in places if self._cost(self._found[each].start) * 3 >= self._budget] or places[-1:]
        best = min(late, key=lambda each: (self._found[each].depth, not self._found[each].is_after_blank, -each))
        return best, self._offset + self._found[best].start

    def _places(self, at: int) -> list[int]:
        """Return the statements before which the chunk may end, in order."""
        places: list[int] = []
        opened: list[int] = []
        if at < len(self._found) and self._offset + self._found[at].start > self._counted:
            places.append(at)
        while at < len(self._found):
            statement = self._found[at]
            if self._cost(statement.end) <= (self._budget if places else self._room):
                at = statement.after
                places.append(at)
            elif self._fits_alone(statement) or statement.after == at + 1:
                break
            else:
                # Too large for any chunk: what introduces it stays with what is first in it.
                at += 1
                if self._cost(self._found[at].start) > self._room:
                    break
                opened = [at] if self._fits_alone(self._found[at]) else []
        places = [place for place in places if place < len(self._found)]
        return places or opened

    def _fits_alone(self, statement: Statement) -> bool:
        begin, end = self._offset + statement.start, self._offset + statement.end
        return self._document.pieces.cost(begin, end) <= self._room


def _forced(document: Document, index: int, position: int, reach: int) -> tuple[int, bool]:
    """Cut inside a row or a statement: where the element's kind allows, else between words, else anywhere."""
    inside = _break_inside(document, index, max(position, document.starts[index]), reach)
    return (inside, True) if inside else _hard_cut(document.text, position, reach)


def _hard_cut(text: str, start: int, reach: int) -> tuple[int, bool]:
    """Cut where no place is good: beside a character that is a word by itself (clean), else anywhere (not clean)."""
    for position in range(reach, max(start, reach - MAX_WORD_CHARS), -1):
        if _stands_alone(text[position - 1]) or _stands_alone(text[position : position + 1]):
            moved = parting_nothing(text, start, position)
            return moved, moved == position
    return parting_nothing(text, start, reach), False


def parting_nothing(text: str, start: int, position: int) -> int:
    """Move a position that would part a character or a pseudonym to before it, or behind where nothing stands before.

    A character here is what a reader sees as one: a letter with its marks, an emoji of several.
    """
    opening = text.rfind("<", max(start, position - _MAX_PSEUDONYM_CHARS), position)
    match = PSEUDONYM.match(text, opening) if opening >= 0 else None
    if match is not None and match.end() > position:
        return opening if opening > start else match.end()
    begin = position
    while begin > start and position - begin < _MAX_MARKS and _is_inside_character(text, begin):
        begin -= 1
    return begin if begin > start and not _is_inside_character(text, begin) else position


def _is_inside_character(text: str, position: int) -> bool:
    after = text[position : position + 1]
    return bool(after) and (
        unicodedata.category(after)[0] == "M" or _JOINING in (text[position - 1], after) or after in _SKIN_TONES
    )


def _stands_alone(character: str) -> bool:
    """Say whether the tokenizer makes a word of every such character: Chinese ones and punctuation."""
    if "\u4e00" <= character <= "\u9fff" or "\u3400" <= character <= "\u4dbf":
        return True
    return bool(character) and unicodedata.category(character).startswith("P")
