"""The embedding endpoint against a real HTTP server in all its moods."""

import pickle
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest

from prodgen_pipeline.clients.embedding import EmbeddedBatch, RejectedText
from prodgen_pipeline.clients.embedding.endpoint.embedder import BAD_ANSWERS, EndpointEmbedder
from prodgen_pipeline.clients.embedding.endpoint.limits import Limits
from prodgen_pipeline.clients.embedding.endpoint.patience import SystemClock
from prodgen_pipeline.clients.embedding.endpoint.requests import EmbeddingsApi
from prodgen_pipeline.core.configuration import EmbeddingConfig
from prodgen_pipeline.core.errors import (
    ConfigurationError,
    EndpointUnavailable,
    IntegrityError,
    ProdgenError,
    TransientError,
)
from prodgen_pipeline.settings import EmbeddingService
from prodgen_pipeline_tests.scripted_endpoint import EmbeddingMode, EmbeddingScript, ScriptedEndpoint, scripted_vector

KEY = "sk-planted-key"
TEXTS = [f"planted marker number {number}" for number in range(20)]
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class FakeClock:
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.sleeps: list[float] = []
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float, stop: threading.Event) -> None:
        if not stop.is_set():
            with self._lock:
                self.seconds += seconds
                self.sleeps.append(seconds)


Make = Callable[..., EndpointEmbedder]


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint() as running:
        yield running


@pytest.fixture
def script(endpoint: ScriptedEndpoint) -> EmbeddingScript:
    return endpoint.embeddings


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make(endpoint: ScriptedEndpoint, clock: FakeClock) -> Iterator[Make]:
    opened: list[EmbeddingsApi] = []

    def build(
        *, dimensions: int = 8, base_url: str | None = None, total_seconds: float | None = None, real: bool = False,
        **service: float,
    ) -> EndpointEmbedder:  # fmt: skip
        clock_used = SystemClock() if real else clock
        api = EmbeddingsApi(base_url=base_url or endpoint.base_url, api_key=KEY, model="scripted", clock=clock_used)
        opened.append(api)
        settings = EmbeddingService(**{"request_texts": 4, **service})  # type: ignore[arg-type]
        return EndpointEmbedder(
            EmbeddingConfig(provider="openai", model="scripted", revision="1", dimensions=dimensions),
            settings,
            api=api,
            limits=Limits(
                requests_per_minute=settings.requests_per_minute, tokens_per_minute=settings.tokens_per_minute
            ),
            total_seconds=total_seconds,
            clock=clock_used,
        )

    yield build
    for api in opened:
        api.close()


def expected(texts: list[str], dimensions: int = 8) -> np.ndarray:
    vectors = np.array([scripted_vector(text, dimensions) for text in texts], np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def until_it_fails(embedder: EndpointEmbedder, texts: list[str]) -> tuple[list[EmbeddedBatch], ProdgenError]:
    """What came, and how it ended; whatever the error says, it must not quote a text or the key."""
    batches: list[EmbeddedBatch] = []
    with pytest.raises(ProdgenError) as caught:
        batches.extend(embedder.embed_batches(texts))
    assert "planted" not in str(caught.value)
    return batches, caught.value


@pytest.mark.parametrize(
    "mode", [EmbeddingMode.OBEDIENT, EmbeddingMode.NUMBERS, EmbeddingMode.SHUFFLED, EmbeddingMode.NO_USAGE]
)
def test_vectors_come_as_unit_vectors_in_the_order_of_the_texts(
    make: Make, script: EmbeddingScript, mode: EmbeddingMode
) -> None:
    script.mode = mode
    vectors = make().embed(TEXTS)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, expected(TEXTS), atol=1e-6)
    assert [len(request["input"]) for request in script.requests] == [4] * 5
    assert all(request["model"] == "scripted" and "dimensions" not in request for request in script.requests)


def test_no_texts_are_no_request(make: Make, script: EmbeddingScript) -> None:
    assert make().embed([]).shape == (0, 8)
    assert script.requests == []


def test_text_of_any_script_arrives_as_it_is_but_for_lone_surrogates(make: Make, script: EmbeddingScript) -> None:
    texts = ["日本語 한국어 עברית 👩‍🚀", "a\x00b", "half \ud83d a pair", "word" * 5_000]
    make().embed(texts)
    assert script.requests[0]["input"] == [*texts[:2], "half \ufffd a pair", texts[3]]


def test_requests_hold_no_more_tokens_than_allowed_but_a_long_text_goes_alone(
    make: Make, script: EmbeddingScript
) -> None:
    texts = ["one two three", "one two", "word " * 50, "one"]
    make(request_tokens=5, request_texts=100).embed(texts)
    assert sorted(len(request["input"]) for request in script.requests) == [1, 1, 2]


def test_several_requests_are_in_flight_but_no_more_than_allowed(make: Make, script: EmbeddingScript) -> None:
    script.delay_seconds = 0.05
    make(requests_in_flight=3, request_texts=1).embed(TEXTS)
    assert 1 < script.most_at_once <= 3


def test_each_batch_is_handed_over_once_it_is_paid_for(make: Make, script: EmbeddingScript) -> None:
    batches = make(requests_in_flight=1).embed_batches(TEXTS)
    first = next(batches)
    assert np.allclose(first.vectors, expected([TEXTS[position] for position in first.positions]), atol=1e-6)
    assert len(script.requests) == 1
    batches.close()
    assert len(script.requests) == 1


def test_what_it_cost_is_what_the_endpoint_counted_else_our_estimate(make: Make, script: EmbeddingScript) -> None:
    batches = list(make(usd_per_million_tokens=2.0).embed_batches(TEXTS))
    assert sum(batch.cost.n_tokens for batch in batches) == 20 * 4
    assert sum(batch.cost.usd for batch in batches) == pytest.approx(160 / 1_000_000)
    script.mode = EmbeddingMode.NO_USAGE
    assert sum(batch.cost.n_tokens for batch in make().embed_batches(["five words in a text"])) == 5


@pytest.mark.parametrize("status", [429, 503, 500, 408])
def test_an_endpoint_in_trouble_is_tried_again_with_longer_and_longer_pauses(
    make: Make, script: EmbeddingScript, clock: FakeClock, status: int
) -> None:
    script.mode, script.status, script.times = EmbeddingMode.STATUS, status, 4
    assert np.allclose(make().embed(TEXTS[:2]), expected(TEXTS[:2]), atol=1e-6)
    assert len(script.requests) == 5
    longest = [0.5, 1, 2, 4]
    assert all(most / 2 <= pause <= most for pause, most in zip(clock.sleeps, longest, strict=True))


@pytest.mark.parametrize("retry_after", ["7", format_datetime(NOW + timedelta(seconds=7), usegmt=True)])
def test_it_waits_as_long_as_the_endpoint_asks_in_seconds_or_by_date(
    make: Make, script: EmbeddingScript, clock: FakeClock, retry_after: str
) -> None:
    script.mode, script.status, script.times, script.retry_after = EmbeddingMode.STATUS, 429, 1, retry_after
    make().embed(TEXTS[:1])
    assert clock.sleeps == [7.0]


def test_an_endpoint_that_asks_for_no_pause_is_not_stormed(
    make: Make, script: EmbeddingScript, clock: FakeClock
) -> None:
    script.mode, script.status, script.retry_after = EmbeddingMode.STATUS, 429, "0"
    _, error = until_it_fails(make(retry_seconds=10), TEXTS[:1])
    assert isinstance(error, EndpointUnavailable)
    assert len(script.requests) <= 21


def test_whoever_leaves_half_way_does_not_wait_for_what_is_under_way(make: Make, script: EmbeddingScript) -> None:
    script.mode, script.times = EmbeddingMode.HANG, 1
    batches = make(real=True, requests_in_flight=2, timeout_seconds=20).embed_batches(TEXTS)
    assert next(batches).positions
    batches.close()
    assert script.n_at_once >= 1  # the endpoint still hangs (and may be answering the batch behind it)


def test_429_for_an_hour_ends_the_run_within_its_budget_and_keeps_what_was_paid_for(
    make: Make, script: EmbeddingScript, clock: FakeClock
) -> None:
    batches = make(requests_in_flight=1, retry_seconds=120).embed_batches(TEXTS)
    came = [next(batches)]
    script.mode, script.status = EmbeddingMode.STATUS, 429
    with pytest.raises(
        EndpointUnavailable, match=r"HTTP 429.*tries in 1\d\d s, embedding_service.retry_seconds is 120"
    ):
        came += batches
    assert [position for batch in came for position in batch.positions] == [0, 1, 2, 3]
    assert 100 <= clock.seconds <= 120
    script.mode = EmbeddingMode.OBEDIENT
    assert make().embed(TEXTS[4:]).shape == (16, 8)


def test_a_wait_that_the_budget_does_not_allow_is_not_begun(
    make: Make, script: EmbeddingScript, clock: FakeClock
) -> None:
    script.mode, script.status, script.retry_after = EmbeddingMode.STATUS, 429, "3600"
    batches, error = until_it_fails(make(), TEXTS)
    assert isinstance(error, EndpointUnavailable)
    assert "asks to wait another 3,600 s" in str(error)
    assert batches == []
    assert clock.seconds == 0


def test_when_one_request_fails_for_good_those_under_way_are_still_kept(make: Make, script: EmbeddingScript) -> None:
    script.mode, script.status, script.times, script.delay_seconds = EmbeddingMode.STATUS, 401, 1, 0.1
    batches, error = until_it_fails(make(requests_in_flight=4), TEXTS)
    assert isinstance(error, ConfigurationError)
    kept = [position for batch in batches for position in batch.positions]
    # How many were under way when the answer came is a matter of time; nothing new is sent after it.
    assert 4 <= len(kept) == len(script.embedded) < len(TEXTS)
    assert {TEXTS[position] for position in kept} == set(script.embedded)


@pytest.mark.parametrize(
    ("status", "named"),
    [(401, "OPENAI_API_KEY"), (403, "OPENAI_API_KEY"), (404, "OPENAI_BASE_URL"), (405, "OPENAI_BASE_URL")],
)
def test_a_refused_key_address_or_model_is_a_configuration_error_at_once(
    make: Make, script: EmbeddingScript, status: int, named: str
) -> None:
    script.mode, script.status = EmbeddingMode.STATUS, status
    _, error = until_it_fails(make(requests_in_flight=1), TEXTS)
    assert isinstance(error, ConfigurationError)
    assert named in str(error)
    assert len(script.requests) == 1


def test_a_refused_text_is_found_and_costs_only_itself(make: Make) -> None:
    texts = [*TEXTS[:5], "please REFUSE this planted text", *TEXTS[5:9]]
    batches = list(make(request_texts=8).embed_batches(texts))
    [rejected] = [each for batch in batches for each in batch.rejected]
    assert (rejected.position, rejected.reason) == (5, "embedding_refused")
    assert "HTTP 400" in str(rejected)
    assert "planted" not in str(rejected)
    found = {
        position: vector for batch in batches for position, vector in zip(batch.positions, batch.vectors, strict=True)
    }
    assert sorted(found) == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert all(np.allclose(vector, expected([texts[position]])[0], atol=1e-6) for position, vector in found.items())


def test_a_text_that_confuses_the_model_is_found_in_the_same_way(make: Make) -> None:
    batches = list(make().embed_batches([*TEXTS[:3], "CONFUSE"]))
    assert [(each.position, "NaN" in str(each)) for batch in batches for each in batch.rejected] == [(3, True)]
    assert sorted(position for batch in batches for position in batch.positions) == [0, 1, 2]


def test_one_sequence_asked_for_as_a_whole_raises_the_first_rejected_text(make: Make) -> None:
    with pytest.raises(RejectedText) as caught:
        make().embed([*TEXTS[:6], "REFUSE", "REFUSE too"])
    assert caught.value.position == 6
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (copied.position, copied.reason, str(copied)) == (6, "embedding_refused", str(caught.value))


def test_an_endpoint_that_refuses_every_text_costs_no_document(make: Make, script: EmbeddingScript) -> None:
    script.mode, script.status = EmbeddingMode.STATUS, 400
    batches, error = until_it_fails(make(requests_in_flight=1), TEXTS)
    assert isinstance(error, ConfigurationError)
    assert "no text at all (HTTP 400)" in str(error)
    assert batches == []
    assert len(script.requests) == 4  # 4 texts, 2, 1 and the plain one


@pytest.mark.parametrize(
    "mode", [EmbeddingMode.NAN, EmbeddingMode.INFINITE, EmbeddingMode.TOO_LARGE_A_NUMBER, EmbeddingMode.ZERO,
             EmbeddingMode.NOT_NUMBERS],
)  # fmt: skip
def test_a_model_that_makes_no_numbers_of_any_text_costs_no_document(
    make: Make, script: EmbeddingScript, mode: EmbeddingMode
) -> None:
    script.mode = mode
    batches, error = until_it_fails(make(requests_in_flight=1), TEXTS)
    assert isinstance(error, ConfigurationError)
    assert "no text at all" in str(error)
    assert all(not batch.positions for batch in batches)
    assert sum(batch.cost.n_tokens for batch in batches) > 0  # paid for all the same


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (EmbeddingMode.FEWER, "3 vectors for 4 texts"),
        (EmbeddingMode.MORE, "5 vectors for 4 texts"),
        (EmbeddingMode.DUPLICATE_INDEX, "two vectors with the index 0"),
        (EmbeddingMode.NO_INDEX, "without a valid index"),
    ],
)
def test_an_answer_that_is_not_one_vector_a_text_is_tried_again_and_then_an_error(
    make: Make, script: EmbeddingScript, mode: EmbeddingMode, said: str
) -> None:
    script.mode, script.times = mode, 1
    assert np.allclose(make().embed(TEXTS[:4]), expected(TEXTS[:4]), atol=1e-6)
    script.requests.clear()
    script.times = None
    batches, error = until_it_fails(make(requests_in_flight=1), TEXTS)
    assert isinstance(error, IntegrityError)
    assert said in str(error)
    assert len(script.requests) == BAD_ANSWERS
    assert all(not batch.positions for batch in batches)


@pytest.mark.parametrize("mode", [EmbeddingMode.HTML, EmbeddingMode.NO_LIST, EmbeddingMode.HANG_UP])
def test_an_answer_that_is_none_may_be_one_later(make: Make, script: EmbeddingScript, mode: EmbeddingMode) -> None:
    script.mode, script.times = mode, 1
    assert np.allclose(make().embed(TEXTS[:4]), expected(TEXTS[:4]), atol=1e-6)
    script.times = None
    _, error = until_it_fails(make(), TEXTS[:4])
    assert isinstance(error, TransientError)


def test_vectors_of_another_length_are_a_configuration_error_that_names_both(
    make: Make, script: EmbeddingScript
) -> None:
    _, error = until_it_fails(make(dimensions=16, requests_in_flight=1), TEXTS)
    assert isinstance(error, ConfigurationError)
    assert "embedding.dimensions is 16" in str(error)
    assert "vectors of 8 numbers" in str(error)
    assert len(script.requests) == 1


def test_a_model_with_longer_vectors_is_asked_to_shorten_them(make: Make, script: EmbeddingScript) -> None:
    script.dimensions, script.shortens = 32, True
    assert np.allclose(make(requests_in_flight=1).embed(TEXTS), expected(TEXTS), atol=1e-6)
    assert [request.get("dimensions") for request in script.requests] == [None, 8, 8, 8, 8, 8]


def test_a_model_that_cannot_shorten_its_vectors_is_a_configuration_error(make: Make, script: EmbeddingScript) -> None:
    script.dimensions = 32
    _, error = until_it_fails(make(requests_in_flight=1), TEXTS)
    assert isinstance(error, ConfigurationError)
    assert "asked for 8 numbers a vector" in str(error)


@pytest.mark.parametrize("mode", [EmbeddingMode.HANG, EmbeddingMode.DRIP])
def test_an_answer_that_takes_too_long_is_given_up(make: Make, script: EmbeddingScript, mode: EmbeddingMode) -> None:
    script.mode = mode
    _, error = until_it_fails(make(real=True, timeout_seconds=0.3, retry_seconds=0), TEXTS[:1])
    assert isinstance(error, EndpointUnavailable)
    assert "no answer in time" in str(error)


def test_an_endpoint_that_is_not_there_is_unavailable(make: Make) -> None:
    _, error = until_it_fails(make(base_url="http://127.0.0.1:9/v1"), TEXTS)
    assert isinstance(error, EndpointUnavailable)
    assert "no connection" in str(error)


def test_a_question_does_not_wait_as_long_as_a_run(make: Make, script: EmbeddingScript, clock: FakeClock) -> None:
    script.mode, script.status = EmbeddingMode.STATUS, 503
    _, error = until_it_fails(make(total_seconds=10), TEXTS[:1])
    assert "embedding_service.question_seconds is 10" in str(error)
    assert clock.seconds <= 10


def test_requests_keep_to_the_allowance_of_a_minute(make: Make, script: EmbeddingScript, clock: FakeClock) -> None:
    make(requests_per_minute=10, request_texts=1, requests_in_flight=1).embed(TEXTS)
    assert len(script.requests) == 20
    assert 19 * 60 / 10 <= clock.seconds <= 20 * 60 / 9


def test_a_question_that_would_wait_too_long_for_its_turn_is_told_so(make: Make) -> None:
    embedder = make(requests_per_minute=2, total_seconds=10)
    embedder.embed(TEXTS[:1])
    with pytest.raises(EndpointUnavailable, match="question_seconds"):
        embedder.embed(TEXTS[:1])
