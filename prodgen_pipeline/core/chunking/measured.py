"""A redacted document laid out as one text, with its sections and the cost of every stretch in word pieces.

Belongs here: places in a document and what they cost. Does not: where to cut (`cutting`), what a chunk holds
(`chunking`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from prodgen_pipeline.core.chunking.mail_quotes import quote_borders
from prodgen_pipeline.core.chunking.sections import ROOT, Headings, Section, is_named_by_title, join_small, sections
from prodgen_pipeline.core.configuration import ChunkingConfig
from prodgen_pipeline.core.models import Element, ElementType
from prodgen_pipeline.core.word_pieces import PieceMap, Tokenizer

SEPARATOR = "\n\n"


def document_text(elements: Sequence[Element]) -> tuple[str, list[tuple[int, int]]]:
    """Return the redacted document's text and the span `[start, end)` of each element in it."""
    spans = []
    position = 0
    for element in elements:
        spans.append((position, position + len(element.text)))
        position += len(element.text) + len(SEPARATOR)
    return SEPARATOR.join(element.text for element in elements), spans


class Document:
    """One document's text, tokenised once; places are characters of the text, elements are named by index."""

    def __init__(
        self, elements: Sequence[Element], title: str | None, sizes: ChunkingConfig, tokenizer: Tokenizer
    ) -> None:
        self.elements = elements
        self.sizes = sizes
        self.tokenizer = tokenizer
        self.text, self.spans = document_text(elements)
        self.starts = [start for start, _ in self.spans]
        self.pieces = PieceMap(self.text, tokenizer)
        self._root = (ROOT,) if title and is_named_by_title(elements, title) else ()
        self.headings = Headings(elements, self.spans, self.pieces, sizes.heading_tokens)
        if title and self._root:
            self.headings.add_root(title, PieceMap(title, tokenizer))
        self._sections = sections(elements)
        self._path_of = [section.path for section in self._sections for _ in range(section.first, section.last)]
        #: Where new and quoted text of a mail meet.
        self.quote_borders = quote_borders(elements, self.spans, self.pieces.cost, sizes.min_tokens)

    def groups(self) -> list[tuple[Section, ...]]:
        """Return the sections, small ones joined, in order."""
        return join_small(self._sections, self._section_cost, self.sizes.min_tokens)

    def _section_cost(self, section: Section) -> int:
        if section.path and section.last - section.first == 1:
            # A title with nothing under it is never a chunk's worth, however long it is.
            return 0
        return self.pieces.cost(self.starts[section.first], self.spans[section.last - 1][1])

    def limit(self, group: Sequence[Section]) -> int:
        """Return the pieces a chunk's own text may have beside its heading path."""
        return self.sizes.max_tokens - self.headings.most_tokens(self._root + section.path for section in group)

    def element_at(self, position: int) -> int:
        """Return the element that a position is in or just behind."""
        return max(0, bisect_right(self.starts, position) - 1)

    def elements_of(self, start: int, end: int) -> tuple[int, int]:
        """Return the elements `[first, last)` that a stretch touches."""
        return self.element_at(start), bisect_left(self.starts, end)

    def counted_from(self, start: int, stop: int) -> int:
        """Return where the pieces of a chunk of `[start, stop)`, or of any beginning of it, are counted from.

        Titles that lead the only section in it stand in the heading path already.
        """
        first, last = self.elements_of(start, stop)
        if self.starts[first] != start or not self.is_title(first):
            return start
        path = self._path_of[last - 1]
        shown = self.headings.prefix(self._root + path).shown
        index = next((each for each in range(first, last) if each not in shown), last)
        return self.starts[index] if index < last and self._path_of[index] == path else start

    def is_title(self, index: int) -> bool:
        """Say whether an element is a title."""
        return self.elements[index].type is ElementType.TITLE

    def path(self, first: int, last: int) -> tuple[int, ...]:
        """Return the titles that stand above everything in elements `[first, last)`, the document's own first.

        A section of which only the title is there counts where it is all there is: its title says nothing by itself.
        """
        paths = [self._path_of[index] for index in range(first, last) if not self.is_title(index)]
        # The first and last in order differ earliest; what they share, all share.
        low, high = min(paths or self._path_of[first:last]), max(paths or self._path_of[first:last])
        shared = next((depth for depth, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
        return self._root + low[:shared]
