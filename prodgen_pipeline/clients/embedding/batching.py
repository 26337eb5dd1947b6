"""Texts to batches of padded ids for the embedding model, and vectors back into the texts' order.

Pure arithmetic over the tokenizer's ids; running a batch is the engines' work.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: What the model was trained on, `[CLS]` and `[SEP]` included; what a text has beyond is not seen.
MAX_TOKENS = 256
#: More in a batch is no faster on a processor (measured up to 64), and a batch of long texts must fit its cache.
MAX_BATCH_TEXTS = 8
MAX_BATCH_TOKENS = 2_048
_CLS, _SEP = 101, 102


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Texts of similar length."""

    #: Positions of the texts in the order they were given.
    rows: list[int]
    #: (n_texts, longest) int32, zero where a text is over.
    ids: NDArray[np.int32]
    #: Same shape, float32: 1 where there is a token, else 0.
    mask: NDArray[np.float32]


def model_ids(pieces: Sequence[int]) -> list[int]:
    """Return what the model reads for a text's word pieces: `[CLS]`, as many as fit, `[SEP]`."""
    return [_CLS, *pieces[: MAX_TOKENS - 2], _SEP]


def length_sorted_batches(
    sequences: Sequence[Sequence[int]], *, max_texts: int = MAX_BATCH_TEXTS, max_tokens: int = MAX_BATCH_TOKENS
) -> Iterator[Batch]:
    """Cut id sequences into batches of similar length, longest first, so that little is computed on padding.

    The order is fixed by lengths and positions alone, hence the same texts give the same vectors to the last bit.
    """
    order = sorted(range(len(sequences)), key=lambda row: -len(sequences[row]))
    start = 0
    while start < len(order):
        longest = len(sequences[order[start]])
        rows = order[start : start + max(1, min(max_texts, max_tokens // longest))]
        yield _padded(rows, [sequences[row] for row in rows], longest)
        start += len(rows)


def _padded(rows: list[int], sequences: list[Sequence[int]], longest: int) -> Batch:
    ids = np.zeros((len(rows), longest), np.int32)
    mask = np.zeros((len(rows), longest), np.float32)
    for line, sequence in enumerate(sequences):
        ids[line, : len(sequence)] = sequence
        mask[line, : len(sequence)] = 1
    return Batch(rows=rows, ids=ids, mask=mask)
