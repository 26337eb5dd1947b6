"""Sections: the titles of a document, what stands under each, and how a heading path is shown to the embedder.

Belongs here: the structure that titles make. Does not: cutting sections to size (`chunking`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from prodgen_pipeline.core.models import Element, ElementType
from prodgen_pipeline.core.word_pieces import PieceMap, spoken

_JOINER = " > "
#: Stands in a path for the document's own title where that is no element of its text.
ROOT = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A title and what follows it up to the next title, or what stands before the first title (level 0)."""

    level: int
    #: Element indexes of the titles above it, outermost first, its own last.
    path: tuple[int, ...]
    #: Its elements: `[first, last)`.
    first: int
    last: int


def sections(elements: Sequence[Element]) -> list[Section]:
    """Divide the elements at every title, each element in exactly one section; titles without a level are level 1."""
    titles = [index for index, element in enumerate(elements) if element.type is ElementType.TITLE]
    found = [Section(level=0, path=(), first=0, last=titles[0] if titles else len(elements))]
    open_titles: list[tuple[int, int]] = []
    for title, last in pairwise([*titles, len(elements)]):
        level = elements[title].level or 1
        while open_titles and open_titles[-1][0] >= level:
            open_titles.pop()
        open_titles.append((level, title))
        found.append(Section(level=level, path=tuple(index for _, index in open_titles), first=title, last=last))
    return [section for section in found if section.first < section.last]


def join_small(
    divided: Sequence[Section], cost: Callable[[Section], int], min_tokens: int
) -> list[tuple[Section, ...]]:
    """Group sections so that one below `min_tokens` shares a chunk with what follows it under the same parent.

    A group never goes on past a title of a higher level than its first section's.
    """
    groups: list[tuple[Section, ...]] = []
    group: list[Section] = []
    tokens = 0
    for section in divided:
        if group and (tokens >= min_tokens or section.level < group[0].level):
            groups.append(tuple(group))
            group, tokens = [], 0
        group.append(section)
        tokens += cost(section)
    return [*groups, tuple(group)] if group else groups


def is_named_by_title(elements: Sequence[Element], title: str) -> bool:
    """Say whether the document's title tells more than its headings do.

    So it is without headings, and where none of several outermost ones is it.
    """
    headings = [element for element in elements if element.type is ElementType.TITLE]
    outermost = min((heading.level or 1 for heading in headings), default=0)
    if sum((heading.level or 1) == outermost for heading in headings) == 1:
        return False
    wanted = _folded(title)
    # Parsers abridge very long titles.
    return bool(wanted) and not any(_folded(heading.text).startswith(wanted) for heading in headings)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadingPrefix:
    """A heading path as the embedder sees it, `A > B`, or an empty text."""

    text: str
    n_tokens: int
    #: Element indexes of the titles that stand in it unabridged.
    shown: frozenset[int]


class Headings:
    """The heading paths of one document, abridged to a number of word pieces; each path is computed once."""

    def __init__(
        self, elements: Sequence[Element], spans: Sequence[tuple[int, int]], pieces: PieceMap, max_tokens: int
    ) -> None:
        self._max_tokens = max_tokens
        self._prefixes: dict[tuple[int, ...], HeadingPrefix] = {}
        self._titles = {
            index: _Title(text=element.text, offset=spans[index][0], pieces=pieces)
            for index, element in enumerate(elements)
            if element.type is ElementType.TITLE
        }

    def add_root(self, title: str, pieces: PieceMap) -> None:
        """Give the title that `ROOT` stands for, with the map of its own pieces."""
        self._titles[ROOT] = _Title(text=title, offset=0, pieces=pieces)

    def titles(self, path: tuple[int, ...]) -> tuple[str, ...]:
        """Return the titles' texts, outermost first."""
        return tuple(" ".join(self._titles[index].text.split()) for index in path)

    def prefix(self, path: tuple[int, ...]) -> HeadingPrefix:
        """Return the path within the budget: its own title first, then the document's, then the nearest others."""
        if path not in self._prefixes:
            self._prefixes[path] = self._abridged(path)
        return self._prefixes[path]

    def most_tokens(self, paths: Iterable[tuple[int, ...]]) -> int:
        """Return what the longest prefix of any of these paths, or of any path above them, costs."""
        lengths = (self.prefix(path[:depth]).n_tokens for path in paths for depth in range(1, len(path) + 1))
        return max(lengths, default=0)

    def _abridged(self, path: tuple[int, ...]) -> HeadingPrefix:
        by_importance = [*path[-1:], *path[:-1][:1], *reversed(path[1:-1])]
        texts: dict[int, str] = {}
        shown: set[int] = set()
        used = 0
        for index in by_importance:
            title = self._titles[index]
            length = title.length_within(self._max_tokens - used - (1 if texts else 0))
            if not length:
                continue
            texts[index] = spoken(" ".join(title.text[:length].split()))
            shown.update({index} if length == len(title.text) else ())
            used += title.pieces.count(title.offset, title.offset + length) + (1 if len(texts) > 1 else 0)
        text = _JOINER.join(texts[index] for index in path if index in texts)
        return HeadingPrefix(text=text, n_tokens=used, shown=frozenset(shown))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Title:
    """A title, and where it begins in the text whose pieces are counted."""

    text: str
    offset: int
    pieces: PieceMap

    def length_within(self, room: int) -> int:
        """Return how many of its characters fit into `room` pieces, cut between words; 0 where nothing fits."""
        if room <= 0:
            return 0
        if self.pieces.cost(self.offset, self.offset + len(self.text)) <= room:
            return len(self.text)
        reach = self.pieces.reach(self.offset, room)
        return max(0, self.text.rfind(" ", 0, reach - self.offset))
