"""Sections: the titles of a document, what stands under each, and how a heading path is shown to the embedder.

Belongs here: the structure that titles make. Does not: cutting sections to size (`chunking`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from prodgen_pipeline.core.models import Element, ElementType
from prodgen_pipeline.core.word_pieces import PieceMap, spoken

_JOINER = " > "


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
        self._elements = elements
        self._spans = spans
        self._pieces = pieces
        self._max_tokens = max_tokens
        self._prefixes: dict[tuple[int, ...], HeadingPrefix] = {}

    def titles(self, path: tuple[int, ...]) -> tuple[str, ...]:
        """Return the titles' texts, outermost first."""
        return tuple(" ".join(self._elements[index].text.split()) for index in path)

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
            room = self._max_tokens - used - (1 if texts else 0)
            end = self._end_within(index, room)
            start, whole = self._spans[index]
            if end <= start:
                continue
            texts[index] = spoken(" ".join(self._elements[index].text[: end - start].split()))
            shown.update({index} if end == whole else ())
            used += self._pieces.count(start, end) + (1 if len(texts) > 1 else 0)
        text = _JOINER.join(texts[index] for index in path if index in texts)
        return HeadingPrefix(text=text, n_tokens=used, shown=frozenset(shown))

    def _end_within(self, index: int, room: int) -> int:
        """Return where the title ends within `room` pieces, cut between words; its start where nothing fits."""
        start, end = self._spans[index]
        if room <= 0 or self._pieces.cost(start, end) <= room:
            return end if room > 0 else start
        reach = self._pieces.reach(start, room)
        return start + max(0, self._elements[index].text.rfind(" ", 0, reach - start))
