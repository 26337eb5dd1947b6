"""Ranking measures against values worked out by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core.metrics import mrr, ndcg_at_k, percentile, recall_at_k, reciprocal_rank

RANKED = ["a", "b", "c", "d"]


def test_recall_counts_the_relevant_among_the_first_k():
    assert recall_at_k(RANKED, {"b", "z"}, 2) == 0.5
    assert recall_at_k(RANKED, {"b"}, 1) == 0.0
    assert recall_at_k(RANKED, ["b", "b"], 2) == 1.0


def test_recall_without_relevant_documents_is_refused():
    with pytest.raises(ValueError, match="not defined"):
        recall_at_k(RANKED, set(), 3)


def test_reciprocal_rank_looks_at_the_first_relevant_only():
    assert reciprocal_rank(RANKED, {"c", "d"}) == pytest.approx(1 / 3)
    assert reciprocal_rank(RANKED, {"c"}, k=2) == 0.0
    assert mrr([RANKED, RANKED], [{"a"}, {"b"}]) == pytest.approx(0.75)
    assert mrr([], []) == 0.0


def test_ndcg_by_hand():
    expected = (3 / math.log2(3) + 1 / math.log2(4)) / (3 / math.log2(2) + 1 / math.log2(3))
    assert ndcg_at_k(RANKED, {"b": 3.0, "c": 1.0}, 10) == pytest.approx(expected)
    assert ndcg_at_k(RANKED, {"a": 0.0}, 10) == 0.0


@settings(deadline=None, max_examples=60)
@given(st.permutations(list("abcdef")), st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3), min_size=1))
def test_ndcg_lies_between_0_and_1_and_is_1_for_the_ideal_order(ranked: list[str], grades: dict[str, int]):
    assert 0.0 <= ndcg_at_k(ranked, grades, 4) <= 1.0 + 1e-12
    ideal = sorted(grades, key=lambda item: -grades[item])
    assert ndcg_at_k(ideal, grades, 4) == pytest.approx(1.0 if any(grades.values()) else 0.0)


def test_an_item_that_repeats_in_a_ranking_counts_once():
    assert ndcg_at_k(["a", "a"], {"a": 1.0, "b": 1.0}, 2) < 1.0


def test_a_percentile_is_one_of_the_values():
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(values, share) for share in (0.0, 0.2, 0.5, 0.95, 1.0)] == [1.0, 1.0, 3.0, 5.0, 5.0]


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 1.5)])
def test_a_percentile_that_is_not_defined_is_refused(values: list[float], share: float):
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, share)
