"""Joining two rankings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core.fusion import diversify, fuse

SCORES = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-5, 50), max_size=8)


def test_both_halves_are_scaled_before_they_are_added():
    fused = dict(fuse({"a": 0.9, "b": 0.5, "c": 0.1}, {"b": 30.0, "d": 10.0}, dense_weight=0.5))
    assert fused == pytest.approx({"a": 0.5, "b": 0.75, "c": 0.0, "d": 0.0})


def test_the_weight_decides_between_the_halves():
    assert fuse({"a": 1.0, "b": 0.0}, {"b": 1.0, "a": 0.0}, dense_weight=0.7)[0] == ("a", pytest.approx(0.7))
    assert fuse({"a": 1.0, "b": 0.0}, {"b": 1.0, "a": 0.0}, dense_weight=0.3)[0] == ("b", pytest.approx(0.7))


def test_a_lone_hit_and_equal_hits_count_as_found():
    assert fuse({"a": 0.4}, {}, dense_weight=0.5) == [("a", 0.5)]
    assert fuse({}, {"b": 2.0, "a": 2.0}, dense_weight=0.5) == [("a", 0.5), ("b", 0.5)]


@settings(deadline=None, max_examples=60)
@given(SCORES, SCORES, st.floats(0, 1))
def test_the_order_is_total_and_does_not_depend_on_the_order_of_input(dense, lexical, weight):
    fused = fuse(dense, lexical, dense_weight=weight)
    assert fused == fuse(dict(reversed(dense.items())), dict(reversed(lexical.items())), dense_weight=weight)
    assert [key for key, _ in fused] == [key for key, _ in sorted(fused, key=lambda item: (-item[1], item[0]))]
    assert all(-1e-9 <= score <= 1 + 1e-9 for _, score in fused)
    assert {key for key, _ in fused} == dense.keys() | lexical.keys()


def test_a_document_beyond_its_share_comes_last_and_nothing_is_lost():
    assert diversify(["a1", "a2", "a3", "b1"], lambda chunk: chunk[0], 2) == ["a1", "a2", "b1", "a3"]
