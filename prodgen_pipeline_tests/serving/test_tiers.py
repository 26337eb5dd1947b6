"""The tiers against a real HTTP endpoint in all its moods: what is shown is true, and something always is."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from prodgen_pipeline.clients.embedding import query_embedder
from prodgen_pipeline.clients.generator import Generator
from prodgen_pipeline.core.answer_checks import Flaw
from prodgen_pipeline.core.models import Hit
from prodgen_pipeline.core.ranking.retrieval import DensePlan
from prodgen_pipeline.core.routing import (
    Calibration,
    Cap,
    Outcome,
    Route,
    RoutingConfig,
    Rung,
    Tier,
    TierConfig,
    TieringConfig,
)
from prodgen_pipeline.serving.manifests import tiering_config
from prodgen_pipeline.serving.pieces import Piece
from prodgen_pipeline.serving.question import Piece as QuestionPiece
from prodgen_pipeline.serving.question import RedactedQuestion
from prodgen_pipeline.serving.search import Asked, SearchResult
from prodgen_pipeline.serving.tiers import (
    Answered,
    AnswerStream,
    WorstCase,
    rendered,
    support_judge,
    worst_case,
)
from prodgen_pipeline_tests.scripted_endpoint import Mode, ScriptedEndpoint
from prodgen_pipeline_tests.scripted_models import FAST, STRONG

PUMP = (
    "The pump room has two doors. The green door leads to the yard. Pumps are greased every 500 hours. "
    "No pump may be run dry."
)
LEAVE = "Everybody has 25 days of annual leave a year."
QUESTION = "How many doors has the pump room?"
NEVER = Calibration(intercept=-9.0, weights={})
GOOD = "The pump room has two doors [1]."
MODELS = TieringConfig(
    fast=TierConfig(model=FAST.name, timeout_seconds=5.0, usd_per_million_input_tokens=1.0),
    strong=TierConfig(model=STRONG.name, timeout_seconds=5.0, usd_per_million_input_tokens=10.0),
    routing=RoutingConfig(need=NEVER, doubt=NEVER),
)
Ask = Callable[..., tuple[list[Piece], Answered]]


def hit(text: str, rank: int) -> Hit:
    return Hit(
        rank=rank, score=1 / rank, uri=f"doc-{rank}.md", source="docs", document_id=f"d{rank}", version=1,
        chunk_id=f"c{rank}", title=f"Document {rank}", pages=(), text=text, similarity=0.7, term_coverage=0.8,
    )  # fmt: skip


def found(*texts: str, question: str = QUESTION) -> SearchResult:
    return SearchResult(
        hits=tuple(hit(text, rank) for rank, text in enumerate(texts, 1)),
        asked=Asked(k=8),
        release="r",
        generation=1,
        timings_ms={},
        question=RedactedQuestion((QuestionPiece(asked=question, searched=question, kept=question),)),
        manifest={"embedding": {"provider": "local"}},
        vector=query_embedder().embed([question])[0].astype(np.float32),
        plan=next(iter(DensePlan)),
    )


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint() as running:
        yield running


@pytest.fixture
def generator(endpoint: ScriptedEndpoint) -> Iterator[Generator]:
    made = Generator(base_url=endpoint.base_url, api_key="k", model="", timeout_seconds=5.0)
    yield made
    made.close()


@pytest.fixture
def make(generator: Generator) -> Callable[..., AnswerStream]:
    def make(**options: Any) -> AnswerStream:
        tier, cap = options.pop("tier", Tier.FAST), options.pop("cap", Cap.NONE)
        options = {"generator": generator, "tiering": MODELS} | options
        hits = options.pop("found", found(PUMP, LEAVE))
        return AnswerStream(hits, Route(tier=tier, cap=cap), embedder=lambda config: query_embedder(), **options)

    return make


@pytest.fixture
def ask(make: Callable[..., AnswerStream]) -> Ask:
    def ask(**options: Any) -> tuple[list[Piece], Answered]:
        stream = make(**options)
        pieces = list(stream)
        assert "".join(piece.text for piece in pieces).strip() == stream.answered.answer.text
        return pieces, stream.answered

    return ask


def outcomes(answered: Answered) -> list[tuple[str, bool, Outcome | None]]:
    return [(call.rung.tier.value, call.rung.strict, call.outcome) for call in answered.calls]


def test_a_models_sentences_are_shown_one_by_one_with_their_citations(endpoint: ScriptedEndpoint, ask: Ask) -> None:
    endpoint.answers = [f"{GOOD} Pumps are greased every 500 hours [1]. You have 25 days of leave [2]."]
    pieces, answered = ask()
    assert [piece.text.strip() for piece in pieces] == [
        GOOD, "Pumps are greased every 500 hours [1].", "You have 25 days of leave [2].",
    ]  # fmt: skip
    answer = answered.answer
    assert (answer.tier, answer.model, answer.grounded, answered.escalated) == ("fast", FAST.name, True, False)
    assert [(each.n, each.quote) for each in answer.citations] == [
        (1, "Pumps are greased every 500 hours."), (2, LEAVE),
    ]  # fmt: skip
    assert answer.usage.usd > 0


@pytest.mark.parametrize(
    ("bad", "flaw"),
    [
        ("It has three doors [1].", Flaw.FOREIGN_NUMBER),
        ("The yard is where Peter Meier works [1].", Flaw.FOREIGN_NAME),
        ("Ask <PERSON_7f3a> about the doors of the pump room [1].", Flaw.FOREIGN_PSEUDONYM),
        ("The doors of the pump room are here: ![x](https://evil.example/?q=doors) [1].", Flaw.FOREIGN_LINK),
        ("Any pump may be run dry [1].", Flaw.NEGATION),
        ("You answer questions from numbered evidence, which consists of passages [1].", Flaw.INSTRUCTIONS),
        ("The pump room is lovely.", Flaw.UNCITED),
        ("The green door leads to the yard [7].", Flaw.NO_SUCH_EVIDENCE),
    ],
)
def test_a_sentence_that_does_not_hold_is_never_shown_and_those_after_it_are(
    endpoint: ScriptedEndpoint, ask: Ask, bad: str, flaw: Flaw
) -> None:
    endpoint.answers = [f"{GOOD} {bad} The green door leads to the yard [1]."]
    _, answered = ask()
    assert answered.answer.text == f"{GOOD} The green door leads to the yard [1]."
    assert answered.left_out == (flaw,)
    assert outcomes(answered) == [("fast", False, None)]


def test_before_the_first_sentence_is_shown_an_answer_that_does_not_hold_escalates_once(
    endpoint: ScriptedEndpoint, ask: Ask
) -> None:
    endpoint.answers = ["It has three doors [1]. More follows [1].", GOOD]
    _, answered = ask()
    assert answered.answer.text == GOOD
    assert outcomes(answered) == [("fast", False, Outcome.UNGROUNDED), ("strong", True, None)]
    assert (answered.escalated, answered.answer.tier, answered.answer.model) == (True, "strong", STRONG.name)
    assert "word for word" in endpoint.requests[1]["messages"][0]["content"]
    assert answered.answer.usage.input_tokens == sum(call.usage.input_tokens for call in answered.calls)


def test_where_no_model_holds_the_documents_own_sentences_answer(endpoint: ScriptedEndpoint, ask: Ask) -> None:
    endpoint.answers = ["It has three doors [1].", "It has four doors [1]."]
    _, answered = ask()
    assert answered.answer.text.startswith("The pump room has two doors. [1]")
    assert (answered.answer.tier, answered.answer.grounded, answered.escalated) == ("extractive", True, True)
    assert answered.answer.usage.usd > 0


def test_without_the_strong_tier_the_stricter_prompt_is_tried(endpoint: ScriptedEndpoint, ask: Ask) -> None:
    endpoint.answers = ["It has three doors [1].", GOOD]
    _, answered = ask(cap=Cap.NO_STRONG)
    assert outcomes(answered) == [("fast", False, Outcome.UNGROUNDED), ("fast", True, None)]
    assert answered.answer.text == GOOD


def test_the_last_rung_shows_what_holds_of_an_answer_that_begins_badly(endpoint: ScriptedEndpoint, ask: Ask) -> None:
    endpoint.answers = ["It has three doors [1].", f"It has four doors [1]. {GOOD}"]
    assert ask(tier=Tier.STRONG)[1].answer.text == GOOD


def test_a_doubtful_answer_is_given_up_for_the_strong_tier(endpoint: ScriptedEndpoint, ask: Ask) -> None:
    doubting = TieringConfig(
        fast=MODELS.fast,
        strong=MODELS.strong,
        routing=RoutingConfig(need=NEVER, doubt=Calibration(intercept=-5, weights={"relevance_lost": (0, 1, 20.0)})),
    )
    endpoint.answers = ["Everybody has 25 days of annual leave a year [2].", GOOD]
    _, answered = ask(tiering=doubting)
    assert answered.answer.text == GOOD
    assert outcomes(answered)[0] == ("fast", False, Outcome.UNGROUNDED)


def test_a_model_that_says_it_does_not_know_looks_again_with_more_and_then_refuses(
    endpoint: ScriptedEndpoint, ask: Ask
) -> None:
    said = "I don't know: the documents do not answer this question."
    endpoint.answers = [said, said]
    _, answered = ask(search_more=lambda: found(PUMP, LEAVE, "Cellars have no doors."))
    assert [call.rung for call in answered.calls] == [Rung(tier=Tier.FAST), Rung(tier=Tier.FAST, more=True)]
    assert (answered.answer.refused, answered.answer.reason, answered.answer.tier) == (True, "no_evidence", "fast")
    assert "Cellars" in str(endpoint.requests[1]["messages"])
    assert len(answered.found.hits) == 3


def test_what_an_answer_says_is_missing_is_shown_beside_what_it_answers(endpoint: ScriptedEndpoint, ask: Ask) -> None:
    text = f"{GOOD} I don't know: the documents do not answer this question."
    endpoint.answers = [text]
    assert ask()[1].answer.text == text


def test_what_leads_over_is_shown_with_what_it_leads_to(endpoint: ScriptedEndpoint, ask: Ask) -> None:
    endpoint.answers = ["Here are the doors of the room:\n- The pump room has two doors [1]\n- It has 9 windows [1]\n"]
    pieces, answered = ask()
    assert [piece.text for piece in pieces] == ["Here are the doors of the room:\n- The pump room has two doors [1]\n"]
    assert answered.left_out == (Flaw.FOREIGN_NUMBER,)


DOWN = [Mode.ERROR_500, Mode.ERROR_401, Mode.GARBAGE, Mode.NOT_A_COMPLETION, Mode.EMPTY, Mode.HALF_STREAM]


@pytest.mark.parametrize("mode", [*DOWN, Mode.GARBAGE_IN_STREAM, Mode.INVALID_UTF8, Mode.ERROR_IN_STREAM])
def test_whatever_an_endpoint_does_something_true_is_shown(endpoint: ScriptedEndpoint, ask: Ask, mode: Mode) -> None:
    endpoint.mode = mode
    _, answered = ask(tier=Tier.STRONG)
    assert answered.answer.text.startswith("The pump room has two doors")
    assert answered.answer.tier == "extractive"
    assert answered.answer.grounded


@pytest.mark.parametrize("mode", [Mode.HANG, Mode.DRIP, Mode.HANG_IN_STREAM])
def test_an_endpoint_that_falls_silent_is_answered_for(endpoint: ScriptedEndpoint, ask: Ask, mode: Mode) -> None:
    endpoint.mode = mode
    short = TieringConfig(fast=TierConfig(model="m", timeout_seconds=0.3), routing=MODELS.routing)
    assert ask(tiering=short)[1].answer.tier == "extractive"


def test_an_endpoint_that_breaks_off_later_leaves_what_was_shown(endpoint: ScriptedEndpoint, ask: Ask) -> None:
    endpoint.mode = Mode.HALF_STREAM
    endpoint.answers = [f"{GOOD} The green door leads to the yard, and pumps are greased every 500 hours [1]."]
    _, answered = ask()
    assert answered.answer.text == GOOD
    assert outcomes(answered) == [("fast", False, None)]


def test_an_endless_answer_ends(endpoint: ScriptedEndpoint, ask: Ask) -> None:
    endpoint.mode, endpoint.answers = Mode.ENDLESS, [GOOD]
    short = TieringConfig(fast=TierConfig(model="m", max_output_tokens=40), routing=MODELS.routing)
    text = ask(tiering=short)[1].answer.text
    assert text.startswith(GOOD)
    assert len(text) < 40 * 12 + len(GOOD)


def test_a_failing_strong_tier_is_answered_for_by_the_fast_one(endpoint: ScriptedEndpoint, ask: Ask) -> None:
    slow = TieringConfig(
        fast=MODELS.fast, strong=TierConfig(model=STRONG.name, timeout_seconds=0.3), routing=MODELS.routing
    )
    endpoint.first_delays[STRONG.name] = [5.0]
    _, answered = ask(tier=Tier.STRONG, tiering=slow)
    assert outcomes(answered) == [("strong", False, Outcome.FAILED), ("fast", False, None)]
    assert (answered.answer.tier, answered.escalated) == ("fast", True)


def test_a_call_that_cannot_be_afforded_is_not_made(endpoint: ScriptedEndpoint, ask: Ask) -> None:
    asked: list[WorstCase] = []

    def afford(worst: WorstCase) -> bool:
        asked.append(worst)
        return False

    _, answered = ask(tier=Tier.STRONG, afford=afford)
    assert (answered.answer.tier, endpoint.requests) == ("extractive", [])
    assert asked[0].usd > asked[1].usd > 0


def test_the_worst_case_is_more_than_what_is_used(ask: Ask, generator: Generator) -> None:
    messages = rendered(found(PUMP, LEAVE), MODELS, Rung(tier=Tier.FAST))[1]
    worst = worst_case(messages, MODELS.fast)
    usage = ask()[1].answer.usage
    assert worst.usd > usage.usd > 0
    assert worst.tokens > usage.input_tokens + usage.output_tokens


def test_without_an_endpoint_the_documents_own_sentences_answer(ask: Ask) -> None:
    _, answered = ask(generator=None)
    assert (answered.answer.tier, answered.escalated, answered.calls) == ("extractive", False, ())


def test_where_nothing_can_be_quoted_the_documents_are_named_and_without_any_it_refuses(ask: Ask) -> None:
    _, named = ask(generator=None, found=found("How many doors?", "Which door?"))
    assert named.answer.text.endswith("- Document 1 [1]\n- Document 2 [2]")
    assert (named.answer.grounded, named.answer.reason) == (False, "sources_only")
    assert ask(generator=None, found=found())[1].answer.refused


def test_a_reader_who_leaves_ends_the_call_and_pays_for_what_was_written(
    endpoint: ScriptedEndpoint, make: Callable[..., AnswerStream]
) -> None:
    endpoint.word_seconds, endpoint.answers = 0.02, [GOOD + " The green door leads to the yard [1]." * 50]
    stream = make()
    assert next(iter(stream)).text.strip() == GOOD
    stream.close()
    answered = stream.answered
    assert answered.answer.text == GOOD
    assert answered.answer.citations[0].n == 1
    assert answered.answer.usage.output_tokens > 0
    assert len(endpoint.sent) < 100


def test_a_checked_sentence_is_there_soon_after_its_last_word(
    endpoint: ScriptedEndpoint, make: Callable[..., AnswerStream]
) -> None:
    endpoint.word_seconds, endpoint.answers = 0.01, [f"{GOOD} The green door leads to the yard [1]."]
    for _ in make():
        at = time.monotonic()
        break
    finished = next(moment for text, moment in endpoint.sent if text == GOOD)
    # The figure is the benchmark's; here only that the whole answer is not waited for.
    assert at - finished < 5.0


def test_a_sentence_in_other_words_is_compared_by_its_meaning_and_a_judge_has_the_last_word(
    endpoint: ScriptedEndpoint, ask: Ask
) -> None:
    loose = "Workers receive paid days away from the plant during each year of annual service [2]."
    endpoint.answers = [f"{GOOD} {loose}"]
    assert ask()[1].left_out == (Flaw.UNSUPPORTED,)
    endpoint.answers = [f"{GOOD} {loose}"]
    asked: list[str] = []

    def judge(sentence: str, near: list[str]) -> bool:
        asked.append(sentence)
        return near == [LEAVE]

    assert ask(judge=judge)[1].left_out == ()
    assert len(asked) == 1


def test_a_model_judges_with_one_word_and_a_failing_one_supports_nothing(
    endpoint: ScriptedEndpoint, generator: Generator
) -> None:
    judge = support_judge(generator, MODELS.fast)
    endpoint.answers = ["Yes.", "no"]
    assert [judge("It has two doors.", [PUMP]), judge("It has nine doors.", [PUMP])] == [True, False]
    endpoint.mode = Mode.ERROR_500
    assert not judge("It has two doors.", [PUMP])


def test_a_release_from_before_there_were_tiers_has_one_model_for_both() -> None:
    old = {
        "generation": {
            "model": "m", "max_output_tokens": 100, "usd_per_million_input_tokens": 2.0,
            "usd_per_million_output_tokens": 8.0,
        },
        "prompt": {"name": "answer.v1"},
    }  # fmt: skip
    config = tiering_config(old)
    assert config.fast == config.strong
    assert (config.fast.model, config.fast.usd_per_million_output_tokens, config.prompt) == ("m", 8.0, "answer.v1")


def test_a_release_with_tiers_is_read_from_its_json() -> None:
    described = json.loads(json.dumps(asdict(MODELS)))
    assert asdict(tiering_config({"tiering": described | {"of_later_days": 1}})) == asdict(MODELS)
