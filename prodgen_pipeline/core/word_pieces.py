"""Where the embedding model's word pieces stand in a redacted text, and how many a stretch of it costs.

Belongs here: measuring. Does not: tokenising itself (`clients.tokenizer`), where to cut (`chunking`).

The embedder sees `email address` where the text says `<EMAIL_ADDRESS_7f3a>`: a pseudonym is 5 to 12 pieces of noise. So
the spoken text is tokenised, once per document, and the places are mapped back to the redacted text.
"""

from array import array
from bisect import bisect_left
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from prodgen_pipeline.core.redaction import PSEUDONYM, type_word

#: A piece may be as long as its word ("[UNK]" beyond 100 characters): so many characters count as one piece at least.
MAX_CHARS_PER_PIECE = 24


class Tokenizer(Protocol):
    """Splits text into the word pieces of the embedding model."""

    def offsets(self, text: str) -> NDArray[np.int32]:
        """Return (n, 2) character spans `[start, end)`, starts ascending, without special pieces or truncation."""
        ...


def spoken(text: str) -> str:
    """Return the text as the embedder sees it: every pseudonym is its type word."""
    return PSEUDONYM.sub(lambda match: type_word(match.group()), text) if "<" in text else text


class PieceMap:
    """Counts word pieces in stretches of one redacted text."""

    def __init__(self, text: str, tokenizer: Tokenizer) -> None:
        self._n_chars = len(text)
        #: Not a list, which would hold one Python object per piece of a document of millions.
        self._starts = array("q", _piece_starts(text, tokenizer).tobytes())

    def count(self, start: int, end: int) -> int:
        """Return the number of pieces that begin in `[start, end)`; exact where both ends stand between words."""
        return bisect_left(self._starts, end) - bisect_left(self._starts, start)

    def cost(self, start: int, end: int) -> int:
        """Return `count`, or more where few pieces hold very many characters."""
        return max(self.count(start, end), -(-(end - start) // MAX_CHARS_PER_PIECE))

    def reach(self, start: int, budget: int) -> int:
        """Return the furthest end such that `[start, end)` costs at most `budget` (more only if one character does)."""
        index = bisect_left(self._starts, start) + budget
        end = self._starts[index] if index < len(self._starts) else self._n_chars
        return max(start + 1, min(end, start + budget * MAX_CHARS_PER_PIECE))

    def back(self, end: int, n_pieces: int) -> int:
        """Return where the last `n_pieces` before `end` begin."""
        index = bisect_left(self._starts, end) - n_pieces
        return self._starts[index] if index > 0 else 0


def _piece_starts(text: str, tokenizer: Tokenizer) -> NDArray[np.int64]:
    """Starts of the pieces in places of `text`; all pieces of a type word stand at its pseudonym's start."""
    matches = list(PSEUDONYM.finditer(text)) if "<" in text else []
    starts = tokenizer.offsets(spoken(text))[:, 0].astype(np.int64)
    if not matches:
        return starts
    begins, ends = np.array([match.span() for match in matches]).T
    lengths = np.array([len(type_word(match.group())) for match in matches])
    # Where the type words stand in the spoken text: shifted by everything that was replaced before them.
    spoken_ends = begins + np.cumsum(lengths - (ends - begins)) + (ends - begins)
    spoken_begins = spoken_ends - lengths
    last = np.searchsorted(spoken_begins, starts, side="right") - 1
    shifted = np.where(starts < spoken_ends[last], begins[last], ends[last] + starts - spoken_ends[last])
    return np.where(last < 0, starts, shifted)
