"""Extractive answers, and when to give none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core.answering import (
    NO_EVIDENCE,
    ExtractionConfig,
    extract_answer,
    refusal,
    sentences,
    should_refuse,
    term_coverage,
)
from prodgen_pipeline.core.configuration import RetrievalConfig
from prodgen_pipeline.core.models import Hit
from prodgen_pipeline.core.statements import StatementKind, statements

RETRIEVAL = RetrievalConfig(min_similarity=0.4, min_term_coverage=0.5)


def hit(
    text: str,
    rank: int = 1,
    *,
    similarity: float | None = 0.6,
    coverage: float | None = 0.8,
    path: tuple[str, ...] = (),
    title: str | None = None,
) -> Hit:
    return Hit(
        rank=rank,
        score=1.0 / rank,
        uri=f"doc-{rank}.md",
        source="docs",
        document_id=f"d{rank}",
        version=rank,
        chunk_id=f"c{rank}",
        title=title,
        pages=(rank,),
        text=text,
        heading_path=path,
        similarity=similarity,
        term_coverage=coverage,
    )


PUMP = "The pump is blue. Its motor needs 400 volts. Grease it every 500 hours."


def test_the_answer_is_the_sentence_that_answers_with_its_citation():
    answer = extract_answer("How many volts does the motor need?", [hit(PUMP)], [[0.1, 0.7, 0.1]])
    assert answer.text == "Its motor needs 400 volts. [1]"
    (citation,) = answer.citations
    assert (citation.n, citation.uri, citation.version, citation.pages) == (1, "doc-1.md", 1, (1,))
    assert citation.quote == "Its motor needs 400 volts."
    assert answer.grounded
    assert not answer.refused


def test_without_similarities_the_terms_decide():
    answer = extract_answer("how often do I grease it", [hit(PUMP)], None)
    assert answer.citations[0].quote == "Grease it every 500 hours."


def test_several_sentences_keep_reading_order_and_say_different_things():
    hits = [hit(PUMP), hit("The motor of the pump needs 400 volts.\n\nA fuse protects the motor's 400 volts line.", 2)]
    answer = extract_answer("motor volts", hits, [[0.1, 0.9, 0.1], [0.95, 0.8]])
    quotes = [citation.quote for citation in answer.citations]
    assert len(quotes) <= ExtractionConfig().max_statements
    assert [citation.n for citation in answer.citations] == list(range(1, len(quotes) + 1))
    assert [citation.uri for citation in answer.citations] == sorted(citation.uri for citation in answer.citations)
    assert not {"Its motor needs 400 volts.", "The motor of the pump needs 400 volts."} <= set(quotes)


def test_a_heading_or_a_question_is_not_an_answer_but_what_stands_under_it_is():
    faq = hit("How do I reset my password?\n\nOpen the portal and choose Forgotten. Then wait for a mail.")
    answer = extract_answer(
        "how can I reset my password", [faq], [[0.95, 0.3, 0.2]], ExtractionConfig(max_statements=1)
    )
    assert answer.text == "Open the portal and choose Forgotten. [1]"
    titled = hit("Visiting hours\n\nFrom 10:00 to 20:00 every day. Children need company.", path=("Visiting hours",))
    answer = extract_answer("visiting hours?", [titled], [[0.95, 0.3, 0.2]], ExtractionConfig(max_statements=1))
    assert answer.text == "From 10:00 to 20:00 every day. [1]"


def test_a_table_row_is_worded_with_its_columns_and_quoted_as_it_is():
    table = hit("Part\tPrice\tStock\nSeal\t12 EUR\t4\nBolt\t3 EUR\t90")
    answer = extract_answer("price of a bolt", [table], None, ExtractionConfig(max_statements=1))
    assert answer.text == "Part: Bolt; Price: 3 EUR; Stock: 90 [1]"
    assert answer.citations[0].quote == "Bolt\t3 EUR\t90"


def test_what_the_heading_says_holds_for_the_rows_under_it():
    hits = [
        hit("AR-200\n\nPayload\t12 kg\nReach\t1,450 mm", path=("AR-200",)),
        hit("AR-210\n\nPayload\t20 kg\nReach\t1,710 mm", 2, path=("AR-210",)),
    ]
    answer = extract_answer("What is the payload of the AR-210?", hits, None, ExtractionConfig(max_statements=1))
    assert answer.text == "Payload: 20 kg [1]"
    assert answer.citations[0].uri == "doc-2.md"


def test_hits_without_a_statement_are_refused():
    for hits in ([], [hit("Title", path=("Title",))]):
        answer = extract_answer("anything", hits, None)
        assert (answer.refused, answer.reason, answer.citations) == (True, NO_EVIDENCE, ())


def test_scores_that_do_not_fit_the_sentences_are_refused():
    with pytest.raises(ValueError, match="3 statements in 1 hits, but 2 scores"):
        extract_answer("volts", [hit(PUMP)], [[0.1, 0.2]])


def test_a_refusal_says_why_and_cites_nothing():
    answer = refusal("no_evidence")
    assert (answer.refused, answer.reason, answer.citations, answer.grounded) == (True, "no_evidence", (), False)


@pytest.mark.parametrize(
    ("hits", "reason"),
    [
        ([], NO_EVIDENCE),
        ([hit("x", similarity=0.2, coverage=0.2)], NO_EVIDENCE),
        ([hit("x", similarity=0.2, coverage=0.2), hit("y", 2, similarity=0.7, coverage=0.5)], None),
        ([hit("x", similarity=0.65, coverage=0.0)], None),
        ([hit("x", similarity=0.25, coverage=1.0)], None),
        ([hit("x", similarity=0.1, coverage=1.0)], NO_EVIDENCE),
        ([hit("x", similarity=None, coverage=0.6)], None),
        ([hit("x", similarity=None, coverage=0.4)], NO_EVIDENCE),
        ([hit("x", similarity=0.41, coverage=None)], None),
        ([hit("x", similarity=None, coverage=None)], NO_EVIDENCE),
    ],
)
def test_refusal_by_similarity_and_coverage(hits: list[Hit], reason: str | None):
    assert should_refuse(hits, RETRIEVAL) == reason


@pytest.mark.parametrize(
    ("question", "refused"),
    [
        ("What is the payload of the AR-500?", True),
        ("What is the payload of the AR-200?", False),
        ("what is the payload of the ar200", False),
        ("payload of the 2nd arm in 2026", False),
        ("payload of <PERSON_7f3a>", False),
        ("payload in PEP-484", False),
        ("payload on a PS3", False),
    ],
)
def test_a_question_about_something_named_that_no_hit_names_is_refused(question: str, refused: bool):
    hits = [hit("The payload of the AR-200 is 12 kg, see PEP 484."), hit("The AR-210 carries 20 kg.", 2)]
    assert (should_refuse(hits, RETRIEVAL, question) is not None) == refused


def test_coverage_is_a_weighted_share():
    idf = {"pump": 1.0, "volt": 3.0}
    assert term_coverage(["pump", "volt"], ["volt", "motor"], idf) == pytest.approx(0.75)
    assert term_coverage(["pump", "unheard"], ["pump"], idf) == pytest.approx(0.25)
    assert term_coverage([], ["pump"], idf) == 0.0


@pytest.mark.parametrize(
    ("text", "kinds", "wordings"),
    [
        ("One. Two.", ["sentence", "sentence"], ["One.", "Two."]),
        ("a\tb\n1\t2", ["row"], ["a: 1; b: 2"]),
        ("Payload\t12 kg\nReach\t3 m", ["row", "row"], ["Payload: 12 kg", "Reach: 3 m"]),
        ("City\t2024\t2025\nBonn\t3\t4", ["row"], ["City: Bonn; 2024: 3; 2025: 4"]),
        ("a\tb\tc\nx\t\tz", ["row"], ["a: x; c: z"]),
        ("From: a@b.example\nTo: c", ["line", "line"], ["From: a@b.example", "To: c"]),
        ("def f():\n    return 1", ["listing"], ["def f():\n    return 1"]),
        (
            "This is a paragraph that was wrapped\nby somebody. It has two sentences in it.",
            ["sentence", "sentence"],
            ["This is a paragraph that was wrapped by somebody.", "It has two sentences in it."],
        ),
        (" \n\n ", [], []),
    ],
)
def test_statements_of(text: str, kinds: list[str], wordings: list[str]):
    found = statements(text)
    assert [statement.kind.value for statement in found] == kinds
    assert [statement.wording for statement in found] == sentences(text) == wordings


PIECES = st.lists(
    st.sampled_from(["One. ", "two", "\n", "\n\n", "\t", " ", "Key: v", "x = (1)", "12", "漢。", "?"]), max_size=25
)


@settings(deadline=None, max_examples=150)
@given(PIECES.map("".join))
def test_statements_are_in_order_apart_and_not_empty(text: str):
    found = statements(text)
    assert all(text[statement.start : statement.end].strip() and statement.wording.strip() for statement in found)
    assert all(a.end <= b.start for a, b in zip(found, found[1:], strict=False))
    assert all(statement.kind in StatementKind for statement in found)


@settings(deadline=None, max_examples=100)
@given(st.lists(PIECES.map("".join), max_size=4), st.text("abOne two?", max_size=12))
def test_every_answer_is_verbatim_and_every_marker_has_its_citation(texts: list[str], question: str):
    hits = [hit(text, rank) for rank, text in enumerate(texts, start=1)]
    answer = extract_answer(question, hits, None)
    assert answer.refused == (not answer.citations)
    by_uri = {found.uri: found for found in hits}
    for citation in answer.citations:
        assert citation.quote in by_uri[citation.uri].text
        assert f"[{citation.n}]" in answer.text
