"""Which tier answers, and the ladder below it."""

import json
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.core.models import Hit
from prodgen_pipeline.core.routing import (
    MAX_CALLS,
    Calibration,
    Cap,
    Outcome,
    Route,
    RoutingConfig,
    Rung,
    Tier,
    choose,
    doubt_features,
    next_rung,
    parse_calibrations,
    question_features,
    retrieval_features,
    shipped,
)

LENGTH = Calibration(intercept=0.0, weights={"length": (2.0, 1.0, 4.0)})
CONFIG = RoutingConfig(need=LENGTH, strong_above=0.6)
SIMPLE = "Who built it?"
COMPLEX = "What is the difference between the pumps of the north and the south, and why do none of them run at night?"
#: A feature of which nothing is known but that it never varied.
SCALELESS = '{"need": {"intercept": 0, "weights": {"terms": [1, 0, 1]}}, "doubt": {"intercept": 0, "weights": {}}}'


def hit(text: str, rank: int = 1, similarity: float | None = 0.6, coverage: float | None = 0.7) -> Hit:
    return Hit(
        rank=rank, score=1 / rank, uri=f"{rank}.md", source="s", document_id=f"d{rank}", version=1,
        chunk_id=f"c{rank}", title=None, pages=(), text=text, similarity=similarity, term_coverage=coverage,
    )  # fmt: skip


def test_a_complex_question_needs_more_than_a_simple_one() -> None:
    simple, complicated = question_features(SIMPLE), question_features(COMPLEX)
    assert all(complicated[name] >= value for name, value in simple.items())
    assert (complicated["comparison"], complicated["negation"], complicated["asks"]) == (1.0, 1.0, 2.0)


def test_an_answer_that_stands_in_one_sentence_is_told_from_one_that_is_scattered() -> None:
    one = retrieval_features("Which door leads to the pump room?", [hit("The green door leads to the pump room.")])
    scattered = retrieval_features("Which door leads to the pump room?", [hit("A door. It leads up. The pump room.")])
    assert one["statement"] > scattered["statement"]
    assert scattered["scattered"] > one["scattered"]


def test_nothing_found_is_no_error() -> None:
    assert set(retrieval_features("Why?", []).values()) == {0.0}
    assert retrieval_features("Why?", [hit("x", similarity=None, coverage=None)])["similarity"] == 0.0


def test_a_simple_question_goes_to_the_fast_tier_and_a_complex_one_looks_again_and_then_to_the_strong() -> None:
    hits = [hit("The pump was built by the town.")]
    assert choose(SIMPLE, hits, CONFIG).tier is Tier.FAST
    first, again = choose(COMPLEX, hits, CONFIG), choose(COMPLEX, hits, CONFIG, retrieved_more=True)
    assert (first.retrieve_more, again.retrieve_more, again.tier) == (True, False, Tier.STRONG)


@pytest.mark.parametrize(
    ("cap", "tier"),
    [(Cap.NO_STRONG, Tier.FAST), (Cap.CHEAPEST, Tier.FAST), (Cap.EXTRACTIVE_ONLY, Tier.EXTRACTIVE)],
)
def test_a_budget_keeps_even_a_complex_question_from_the_strong_tier(cap: Cap, tier: Tier) -> None:
    assert choose(COMPLEX, [hit("x")], CONFIG, cap=cap).tier is tier


def test_where_it_must_be_cheap_an_extract_answers_what_is_plain() -> None:
    assert choose(SIMPLE, [hit("x")], CONFIG, cap=Cap.CHEAPEST).tier is Tier.EXTRACTIVE


def walk(route: Route, *outcomes: Outcome, can_retrieve_more: bool = True) -> Rung | None:
    tried: list[tuple[Rung, Outcome]] = []
    for outcome in outcomes:
        rung = next_rung(route, tried, can_retrieve_more=can_retrieve_more)
        assert rung is not None
        tried.append((rung, outcome))
    return next_rung(route, tried, can_retrieve_more=can_retrieve_more)


FAST, STRONG = Route(tier=Tier.FAST), Route(tier=Tier.STRONG)


def test_an_answer_that_does_not_hold_goes_to_the_strong_tier_once_with_the_stricter_prompt() -> None:
    assert walk(FAST, Outcome.UNGROUNDED) == Rung(tier=Tier.STRONG, strict=True)
    assert walk(FAST, Outcome.UNGROUNDED, Outcome.UNGROUNDED) is None


def test_without_the_strong_tier_the_stricter_prompt_is_tried_once() -> None:
    capped = Route(tier=Tier.FAST, cap=Cap.NO_STRONG)
    assert walk(capped, Outcome.UNGROUNDED) == Rung(tier=Tier.FAST, strict=True)
    assert walk(capped, Outcome.UNGROUNDED, Outcome.UNGROUNDED) is None
    assert walk(STRONG, Outcome.UNGROUNDED) == Rung(tier=Tier.STRONG, strict=True)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.UNAFFORDABLE])
def test_below_a_tier_that_fails_is_the_next_lower_one_and_below_that_the_documents(outcome: Outcome) -> None:
    assert walk(STRONG, outcome) == Rung(tier=Tier.FAST)
    assert walk(STRONG, outcome, outcome) is None
    assert walk(FAST, outcome) is None


def test_a_refusal_gets_a_second_look_with_more_evidence_where_there_is_any() -> None:
    assert walk(FAST, Outcome.REFUSED) == Rung(tier=Tier.FAST, more=True)
    assert walk(FAST, Outcome.REFUSED, Outcome.REFUSED) is None
    assert walk(FAST, Outcome.REFUSED, can_retrieve_more=False) is None


def test_the_extractive_tier_calls_no_model() -> None:
    assert walk(Route(tier=Tier.EXTRACTIVE)) is None


@pytest.mark.parametrize(("tier", "cap", "more"), list(product((Tier.FAST, Tier.STRONG), Cap, (True, False))))
def test_every_way_down_the_ladder_ends_and_asks_no_rung_twice(tier: Tier, cap: Cap, more: bool) -> None:
    for outcomes in product(Outcome, repeat=MAX_CALLS + 1):
        tried: list[tuple[Rung, Outcome]] = []
        for outcome in outcomes:
            rung = next_rung(Route(tier=tier, cap=cap), tried, can_retrieve_more=more)
            if rung is None:
                break
            tried.append((rung, outcome))
        rungs = [rung for rung, _ in tried]
        assert len(rungs) <= MAX_CALLS
        assert len(set(rungs)) == len(rungs)
        if cap is not Cap.NONE and tier is Tier.FAST:
            assert Tier.STRONG not in {rung.tier for rung in rungs}


@given(st.text(max_size=200), st.lists(st.text(max_size=80), max_size=6))
@settings(deadline=None, max_examples=80)
def test_any_question_and_any_hits_get_a_route(question: str, texts: list[str]) -> None:
    route = choose(question, [hit(text, rank) for rank, text in enumerate(texts, 1)], RoutingConfig())
    assert 0 <= route.need <= 1


def test_a_feature_that_is_missing_is_as_usual() -> None:
    assert LENGTH.probability({}) == 0.5
    assert LENGTH.probability({"length": 3.0, "unknown": 9.0}) > 0.9


def test_what_is_shipped_knows_the_features_there_are() -> None:
    known = question_features("x") | retrieval_features("x", [])
    doubt = doubt_features(0.1, support=1.0, relevance=1.0, best_relevance=1.0, cited=(1,))
    assert shipped()["need"].weights.keys() <= known.keys()
    assert shipped()["doubt"].weights.keys() <= doubt.keys()


@pytest.mark.parametrize(
    "text", ["{}", SCALELESS, '{"need": {}, "doubt": {}}', '{"need": {"intercept": "x", "weights": {}}}']
)
def test_a_broken_calibration_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="calibration of routing"):
        parse_calibrations(json.loads(text))
