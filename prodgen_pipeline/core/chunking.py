"""Cutting a redacted document into chunks: structure first, then size in the embedding model's word pieces.

Belongs here: where to cut, and what the embedder sees of a chunk. Does not: counting word pieces (`word_pieces`),
titles and heading paths (`sections`), sentence boundaries (`sentences`), embedding and storing.

The document's text is its elements joined by `SEPARATOR`. It is tokenised once; cuts fall between words, so the count
of a stretch is a difference of two positions. A chunk never goes past a title, except that a section below
`min_tokens` is joined with what follows it under the same parent. Within, the cut falls before the first element that
no longer fits, else at a sentence end (in code at a blank line, in tables between rows), else between words.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prodgen_pipeline.core.configuration import ChunkingConfig
from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.core.models import Chunk, Element, ElementType
from prodgen_pipeline.core.redaction import PSEUDONYM
from prodgen_pipeline.core.sections import Headings, Section, join_small, sections
from prodgen_pipeline.core.sentences import sentence_ends
from prodgen_pipeline.core.word_pieces import PieceMap, Tokenizer, spoken

__all__ = ["SEPARATOR", "VERSION", "Tokenizer", "chunk", "document_text"]

VERSION = "1"
SEPARATOR = "\n\n"
#: Below this a pseudonym or a single character with its heading might not fit.
SMALLEST_MAX_TOKENS = 16

#: Where an element may be cut when it must be, best first; None stands for sentence ends.
_BREAKS: dict[ElementType, tuple[str | None, ...]] = {
    ElementType.CODE: ("\n\n", "\n", " "),
    ElementType.TABLE: ("\n", "\t", " "),
    ElementType.MAIL_HEADER: ("\n", None, " "),
}
_PROSE_BREAKS: tuple[str | None, ...] = (None, "\n", " ")
#: White space between chunks; after a line end the indentation of the next line stays, for code.
_GAP = re.compile(r"\s*")
_LINE_GAP = re.compile(r"(?:[ \t]*\n)*")
_MAX_PSEUDONYM_CHARS = 128
#: The tokenizer gives up on longer words.
MAX_WORD_CHARS = 100


def document_text(elements: Sequence[Element]) -> tuple[str, list[tuple[int, int]]]:
    """Return the redacted document's text and the span `[start, end)` of each element in it."""
    spans = []
    position = 0
    for element in elements:
        spans.append((position, position + len(element.text)))
        position += len(element.text) + len(SEPARATOR)
    return SEPARATOR.join(element.text for element in elements), spans


def chunk(elements: Sequence[Element], config: ChunkingConfig, tokenizer: Tokenizer) -> list[Chunk]:
    """Cut one document version into chunks in reading order; the sizes are limits, never exceeded.

    Every character that is not white space is in at least one chunk, and no chunk is empty.

    Raises:
        ConfigurationError: the sizes contradict each other.
    """
    _check(config)
    document = _Document(elements, config, tokenizer)
    cuts = (cut for group in document.groups() for cut in _cut_group(document, group))
    built = (piece for cut in cuts for piece in _fitting(document, cut))
    return [document.build(piece, ordinal) for ordinal, piece in enumerate(built)]


def _check(config: ChunkingConfig) -> None:
    if config.max_tokens < SMALLEST_MAX_TOKENS or config.min_tokens * 2 > config.max_tokens:
        raise ConfigurationError(
            f"chunking: max_tokens ({config.max_tokens}) must be at least {SMALLEST_MAX_TOKENS} "
            f"and twice min_tokens ({config.min_tokens})"
        )
    if config.heading_tokens * 2 > config.max_tokens or config.overlap_tokens * 4 > config.max_tokens:
        raise ConfigurationError(
            f"chunking: heading_tokens ({config.heading_tokens}) may take half and overlap_tokens "
            f"({config.overlap_tokens}) a quarter of max_tokens ({config.max_tokens})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """A stretch of the document that becomes a chunk, with the header row to repeat above it, if any."""

    start: int
    end: int
    header: tuple[int, int] | None = None
    #: False where a cut may have parted a word, so that the pieces must be counted again.
    exact: bool = True


class _Document:
    """One document laid out as text, with its titles and word pieces."""

    def __init__(self, elements: Sequence[Element], config: ChunkingConfig, tokenizer: Tokenizer) -> None:
        self.elements = elements
        self.config = config
        self.tokenizer = tokenizer
        self.text, self.spans = document_text(elements)
        self.starts = [start for start, _ in self.spans]
        self.pieces = PieceMap(self.text, tokenizer)
        self.headings = Headings(elements, self.spans, self.pieces, config.heading_tokens)
        self._sections = sections(elements)
        self._path_of = [section.path for section in self._sections for _ in range(section.first, section.last)]

    def groups(self) -> list[tuple[Section, ...]]:
        return join_small(self._sections, self._section_cost, self.config.min_tokens)

    def _section_cost(self, section: Section) -> int:
        if section.path and section.last - section.first == 1:
            # A title with nothing under it is never a chunk's worth, however long it is.
            return 0
        return self.pieces.cost(self.starts[section.first], self.spans[section.last - 1][1])

    def limit(self, group: Sequence[Section]) -> int:
        """Return the pieces a chunk's own text may have beside its heading path."""
        return self.config.max_tokens - self.headings.most_tokens(section.path for section in group)

    def element_at(self, position: int) -> int:
        return max(0, bisect_right(self.starts, position) - 1)

    def is_title(self, index: int) -> bool:
        return self.elements[index].type is ElementType.TITLE

    def path(self, first: int, last: int) -> tuple[int, ...]:
        """Return the titles that stand above everything in elements `[first, last)`.

        A section of which only the title is there counts where it is all there is: its title says nothing by itself.
        """
        paths = [self._path_of[index] for index in range(first, last) if not self.is_title(index)]
        # The first and last in order differ earliest; what they share, all share.
        low, high = min(paths or self._path_of[first:last]), max(paths or self._path_of[first:last])
        shared = next((depth for depth, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
        return low[:shared]

    def build(self, cut: _Cut, ordinal: int) -> Chunk:
        """Make the chunk of a cut whose ends are trimmed."""
        first, last = self.element_at(cut.start), bisect_left(self.starts, cut.end)
        path = self.path(first, last)
        prefix = self.headings.prefix(path)
        body_start = self._after_titles(cut, first, last, prefix.shown)
        header = self.text[slice(*cut.header)] + "\n" if cut.header else ""
        parts = (prefix.text, spoken(header + self.text[body_start : cut.end]))
        embedding_text = "\n".join(part for part in parts if part)
        if cut.exact:
            n_tokens = prefix.n_tokens + self.pieces.count(body_start, cut.end)
            n_tokens += self.pieces.count(*cut.header) if cut.header else 0
        else:
            n_tokens = len(self.tokenizer.offsets(embedding_text))
        return Chunk(
            ordinal=ordinal,
            text=header + self.text[cut.start : cut.end],
            start=cut.start,
            end=cut.end,
            heading_path=self.headings.titles(path),
            pages=tuple(sorted({p for e in self.elements[first:last] if (p := e.page) is not None})),
            n_tokens=n_tokens,
            embedding_text=embedding_text,
        )

    def _after_titles(self, cut: _Cut, first: int, last: int, shown: frozenset[int]) -> int:
        """Return where the text begins that the heading path does not already say."""
        start = cut.start
        for index in range(first, last):
            if index not in shown or self.starts[index] < cut.start:
                break
            start = self.starts[index + 1] if index + 1 < last else cut.end
        return start


def _fitting(document: _Document, cut: _Cut) -> Iterator[_Cut]:
    """Trim a cut, drop it where nothing is left, and halve it where counting again finds too many pieces."""
    text = document.text[cut.start : cut.end]
    start, end = cut.start + len(text) - len(text.lstrip("\n")), cut.start + len(text.rstrip())
    if not text.strip():
        return
    trimmed = _Cut(start=start, end=end, header=cut.header, exact=cut.exact)
    if cut.exact or end - start <= 1 or document.build(trimmed, 0).n_tokens <= document.config.max_tokens:
        yield trimmed
        return
    middle = _outside_pseudonym(document.text, start, (start + end) // 2)
    yield from _fitting(document, _Cut(start=start, end=middle, header=cut.header, exact=False))
    yield from _fitting(document, _Cut(start=middle, end=end, header=cut.header, exact=False))


def _outside_pseudonym(text: str, start: int, position: int) -> int:
    """Move a position that would part a pseudonym to before it, or behind it where nothing stands before."""
    opening = text.rfind("<", max(start, position - _MAX_PSEUDONYM_CHARS), position)
    match = PSEUDONYM.match(text, opening) if opening >= 0 else None
    if match is None or match.end() <= position:
        return position
    return opening if opening > start else match.end()


def _hard_cut(text: str, start: int, reach: int) -> tuple[int, bool]:
    """Cut where no place is good: beside a character that is a word by itself (clean), else anywhere (not clean)."""
    for position in range(reach, max(start, reach - MAX_WORD_CHARS), -1):
        if _stands_alone(text[position - 1]) or _stands_alone(text[position : position + 1]):
            outside = _outside_pseudonym(text, start, position)
            return outside, outside == position
    return _outside_pseudonym(text, start, reach), False


def _stands_alone(character: str) -> bool:
    """Say whether the tokenizer makes a word of every such character: Chinese ones and punctuation."""
    if "\u4e00" <= character <= "\u9fff" or "\u3400" <= character <= "\u4dbf":
        return True
    return bool(character) and unicodedata.category(character).startswith("P")


def _cut_group(document: _Document, group: Sequence[Section]) -> Iterator[_Cut]:
    """Cut joined sections: tables too large for one chunk by rows, everything between them as running text."""
    limit = document.limit(group)
    first, last = group[0].first, group[-1].last
    start = document.starts[first]
    for index in range(first, last):
        table_start, table_end = document.spans[index]
        if document.elements[index].type is not ElementType.TABLE:
            continue
        if document.pieces.cost(table_start, table_end) <= limit:
            continue
        # A title or a line that introduces the table stays with its first rows.
        lead = start if document.pieces.cost(start, table_start) <= limit // 4 else table_start
        yield from _cut_run(document, start, lead, limit)
        yield from _cut_table(document, index, lead, limit)
        start = document.starts[index + 1] if index + 1 < last else table_end
    yield from _cut_run(document, start, document.spans[last - 1][1], limit)


def _cut_run(document: _Document, start: int, stop: int, limit: int) -> Iterator[_Cut]:
    exact = True
    while start < stop:
        if document.pieces.cost(start, stop) <= limit:
            yield _Cut(start=start, end=stop, exact=exact)
            return
        end, is_clean = _next_cut(document, start, stop, limit)
        yield _Cut(start=start, end=end, exact=exact and is_clean)
        exact = is_clean
        start = _next_start(document, start, end) if is_clean else end


def _next_cut(document: _Document, start: int, stop: int, limit: int) -> tuple[int, bool]:
    """Return where the chunk from `start` ends, and whether that is between words."""
    remaining = document.pieces.cost(start, stop)
    # Leave enough for the last chunk of a section, rather than a crumb.
    budget = max(limit // 2, min(limit, remaining - document.config.min_tokens))
    reach = min(document.pieces.reach(start, budget), stop)
    index = document.element_at(reach)
    border = _border(document, document.element_at(start), index)
    if border > start and document.pieces.cost(start, border) * 2 >= budget:
        return border, True
    inside = _break_inside(document, index, max(start, document.starts[index]), reach)
    if inside is not None:
        return inside, True
    if border > start:
        return border, True
    return _hard_cut(document.text, start, reach)


def _border(document: _Document, first: int, index: int) -> int:
    """Return the end of the last element before `index` that may end a chunk begun in `first`; 0 where none may."""
    while index > first and _belongs_to_next(document.elements[index - 1], document.elements[index]):
        index -= 1
    return document.spans[index - 1][1] if index > first else 0


def _belongs_to_next(before: Element, after: Element) -> bool:
    """Say whether an element must not be left behind: a title over its text, a paragraph that ends in a colon."""
    if before.type is ElementType.TITLE:
        return after.type is not ElementType.TITLE or (after.level or 1) > (before.level or 1)
    return before.type is ElementType.PARAGRAPH and before.text.endswith(":")


def _break_inside(document: _Document, index: int, start: int, reach: int) -> int | None:
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


def _next_start(document: _Document, start: int, end: int) -> int:
    """Return where the chunk after the one of `[start, end)` begins: past the gap, or before it by the overlap."""
    text = document.text
    gap = _LINE_GAP if text[end - 1] == "\n" else _GAP
    match = gap.match(text, end)
    following = match.end() if match else end
    overlap = document.config.overlap_tokens
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


def _cut_table(document: _Document, index: int, lead: int, limit: int) -> Iterator[_Cut]:
    """Cut a large table between rows; each chunk after the first repeats the header row where that takes under half."""
    start, stop = document.spans[index]
    header = _header_row(document, index, limit)
    header_cost = document.pieces.cost(*header) if header else 0
    position, exact = lead, True
    while position < stop:
        is_first = position == lead
        budget = limit if is_first else limit - header_cost
        end, is_clean = stop, True
        if document.pieces.cost(position, stop) > budget:
            reach = document.pieces.reach(position, budget)
            inside = _break_inside(document, index, max(position, start), reach)
            end, is_clean = (inside, True) if inside else _hard_cut(document.text, position, reach)
        yield _Cut(start=position, end=end, header=None if is_first else header, exact=exact and is_clean)
        position, exact = end, is_clean


def _header_row(document: _Document, index: int, limit: int) -> tuple[int, int] | None:
    start, stop = document.spans[index]
    end = document.text.find("\n", start, stop)
    if not document.elements[index].has_header or end <= start:
        return None
    return (start, end) if document.pieces.cost(start, end) * 2 <= limit else None
