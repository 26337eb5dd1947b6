"""Which measure applies to which case, and means that have a case behind them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.evaluation.cases import Case
from prodgen_pipeline.evaluation.scoring import Outcome, failures, holds, relevant_documents, score_case, summarise


def outcome(
    *ranking: str,
    uris: tuple[str, ...] = ("leave.md",),
    answer: str | None = "25 days",
    said: str = "You have 25  days. [1]",
    refused: bool = False,
    refuse: bool = False,
    cited: tuple[str, ...] = ("leave.md",),
    name: str = "plain",
) -> Outcome:
    case = Case(
        case_id=f"{name}-1", question="?", uris=() if refuse else uris, answer=None if refuse else answer,
        refuse=refuse, slice=name,
    )  # fmt: skip
    return Outcome(
        case=case, relevant=frozenset(case.uris), ranking=ranking, evidence="everybody has 25 DAYS", answer=said,
        refused=refused, cited=frozenset(cited),
    )  # fmt: skip


def test_a_case_answered_from_the_second_document_is_scored_by_its_rank() -> None:
    scores = score_case(outcome("travel.md", "leave.md"))
    assert scores == {
        "recall@1": 0.0,
        "recall@5": 1.0,
        "recall@10": 1.0,
        "hit@10": 1.0,
        "ndcg@10": pytest.approx(1 / math.log2(3)),
        "mrr@10": 0.5,
        "false_refusal_rate": 0.0,
        "answer_in_hits": 1.0,
        "answer_found": 1.0,
        "cited_relevant": 1.0,
    }


def test_recall_counts_every_relevant_document_and_hit_any() -> None:
    scores = score_case(outcome("leave.md", uris=("leave.md", "annex.md")))
    assert (scores["recall@10"], scores["hit@10"]) == (0.5, 1.0)


def test_a_case_to_refuse_has_a_refusal_rate_and_nothing_else() -> None:
    assert score_case(outcome("leave.md", refuse=True, refused=True)) == {"refusal_rate": 1.0}


def test_a_refusal_where_there_is_an_answer_is_false_and_cites_nothing() -> None:
    scores = score_case(outcome("leave.md", refused=True, said="", cited=()))
    assert (scores["false_refusal_rate"], scores["answer_found"]) == (1.0, 0.0)
    assert "cited_relevant" not in scores


@pytest.mark.parametrize(
    ("made", "codes"),
    [
        (outcome("leave.md"), []),
        (outcome("leave.md", refuse=True, refused=True), []),
        (outcome("leave.md", refuse=True), ["not_refused"]),
        (outcome("leave.md", refused=True), ["refused", "answer_not_found"]),
        (
            outcome("travel.md", said="No idea.", cited=("travel.md",)),
            ["not_retrieved", "answer_not_found", "not_cited"],
        ),
        (outcome("leave.md", answer=None, said="No idea."), []),
    ],
)
def test_what_is_wrong_with_a_case_is_said_in_codes(made: Outcome, codes: list[str]) -> None:
    assert failures(made) == codes


def test_slices_and_the_whole_are_scored_apart() -> None:
    parts = summarise([outcome("leave.md"), outcome("travel.md", name="table"), outcome(refuse=True, name="off_topic")])
    assert list(parts) == ["overall", "slice:off_topic", "slice:plain", "slice:table"]
    assert (parts["overall"]["n_cases"], parts["overall"]["recall@10"]) == (3, 0.5)
    assert parts["slice:off_topic"] == {"n_cases": 1, "refusal_rate": 0.0}


def test_no_cases_have_no_scores() -> None:
    assert summarise([]) == {}


def test_a_copy_counts_as_the_document_it_is_found_as() -> None:
    assert relevant_documents(("a.md", "copy.md"), {"copy.md": "a.md"}) == {"a.md"}


def test_white_space_and_case_do_not_hide_an_answer() -> None:
    assert holds("up to\n\t1,710   MM reach", "1,710 mm")
    assert not holds("up to 1,710 mm", "1,711 mm")


URIS = st.sampled_from(["a", "b", "c", "d"])


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.builds(
            outcome,
            URIS,
            uris=st.lists(URIS, min_size=1, max_size=3, unique=True).map(tuple),
            refused=st.booleans(),
            refuse=st.booleans(),
            cited=st.lists(URIS).map(tuple),
            name=st.sampled_from(["plain", "table"]),
        ),
        min_size=1,
    )
)
def test_every_score_is_a_finite_share(outcomes: list[Outcome]) -> None:
    for scores in summarise(outcomes).values():
        assert all(math.isfinite(value) for value in scores.values())
        assert all(0 <= value <= 1 for name, value in scores.items() if name != "n_cases")
