"""The parent of a chunk: what a search hands over around it.

Belongs here: which neighbouring chunks belong together. Does not: cutting (`cutting`), reading it back (`serving`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate


def parents(paths: Sequence[tuple[int, ...]], costs: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Return the ordinals of the first and the last chunk of each chunk's parent.

    `paths` are the titles above each chunk, `costs` its word pieces, both in the order of the document. The parent is
    the smallest section around the chunk that holds another one as well, or as much of it around the chunk as has
    at most `most` pieces; the chunk alone where it has more, or where nothing is around it.
    """
    before = [0, *accumulate(costs)]
    found = []
    for ordinal, (first, last) in enumerate(_enclosing(paths)):
        if before[last + 1] - before[first] > most:
            first, last = _around(ordinal, first, last, before, most)
        found.append((first, last))
    return found


def _enclosing(paths: Sequence[tuple[int, ...]]) -> list[tuple[int, int]]:
    """The chunks `[first, last]` of the smallest section around each that holds two, the whole document at most."""
    found = [(0, len(paths) - 1)] * len(paths)
    for depth in range(1, max(map(len, paths), default=0) + 1):
        first = 0
        for index in range(1, len(paths) + 1):
            if index < len(paths) and paths[index][:depth] == paths[first][:depth]:
                continue
            if index - first > 1 and len(paths[first]) >= depth:
                found[first:index] = [(first, index - 1)] * (index - first)
            first = index
    return found


def _around(ordinal: int, first: int, last: int, before: Sequence[int], most: int) -> tuple[int, int]:
    """As many neighbours within `[first, last]` as fit: half of the room before the chunk, then what fits after it."""
    room = most - (before[ordinal + 1] - before[ordinal])
    if room <= 0:
        return ordinal, ordinal
    lowest = bisect_left(before, before[ordinal] - room // 2, first, ordinal)
    highest = bisect_right(before, before[lowest] + most, ordinal + 1, last + 2) - 2
    # What is not needed after it is of use before it.
    lowest = bisect_left(before, before[highest + 1] - most, first, lowest)
    return lowest, highest
