"""The laws of batches: nothing lost, little padding, bounded size."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.clients.embedding.batching import (
    MAX_BATCH_TEXTS,
    MAX_BATCH_TOKENS,
    MAX_TOKENS,
    length_sorted_batches,
    model_ids,
)

SEQUENCES = st.lists(st.lists(st.integers(1, 30_000), min_size=2, max_size=MAX_TOKENS), max_size=40)


def test_a_text_is_framed_and_cut_to_what_the_model_reads():
    assert model_ids([]) == [101, 102]
    assert model_ids([7, 8]) == [101, 7, 8, 102]
    longest = model_ids(list(range(1_000)))
    assert len(longest) == MAX_TOKENS
    assert (longest[0], longest[-2], longest[-1]) == (101, MAX_TOKENS - 3, 102)


@settings(deadline=None, max_examples=50)
@given(SEQUENCES)
def test_every_sequence_is_in_one_batch_unchanged(sequences):
    found = {}
    for batch in length_sorted_batches(sequences):
        for row, ids, mask in zip(batch.rows, batch.ids, batch.mask, strict=True):
            assert row not in found
            found[row] = ids[mask == 1].tolist()
            assert not ids[mask == 0].any()
    assert [found[row] for row in sorted(found)] == sequences


@settings(deadline=None, max_examples=50)
@given(SEQUENCES)
def test_batches_are_bounded_and_sorted_by_length(sequences):
    batches = list(length_sorted_batches(sequences))
    assert all(len(batch.rows) <= MAX_BATCH_TEXTS and batch.ids.size <= MAX_BATCH_TOKENS for batch in batches)
    lengths = [len(sequences[row]) for batch in batches for row in batch.rows]
    assert lengths == sorted(lengths, reverse=True)
    assert all(np.any(batch.mask[:, -1]) for batch in batches)
