"""The laws behind the embedding endpoint: allowances, plans, headers, and what may stand in an answer."""

import base64
import json
import struct
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.clients.embedding.endpoint.answers import counted_tokens, parse, unit_vectors
from prodgen_pipeline.clients.embedding.endpoint.failures import BadVectors, NotNumbers, RequestFailed, TryLater
from prodgen_pipeline.clients.embedding.endpoint.limits import BURST_SHARE, Limits, shared_limits
from prodgen_pipeline.clients.embedding.endpoint.patience import asked_wait
from prodgen_pipeline.clients.embedding.endpoint.planning import plan, request_tokens
from prodgen_pipeline.settings import EmbeddingService

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["index", "embedding"]), inner),
    max_leaves=12,
)


@settings(deadline=None, max_examples=60)
@given(
    per_minute=st.integers(1, 600),
    arrivals=st.lists(st.tuples(st.floats(0, 20), st.floats(0, 1)), min_size=1, max_size=80),
)
def test_no_60_seconds_hold_more_than_the_allowance(per_minute: int, arrivals: list[tuple[float, float]]) -> None:
    requests, tokens = Limits(requests_per_minute=per_minute), Limits(tokens_per_minute=per_minute * 100)
    for limits, allowance, size in ((requests, per_minute, 0), (tokens, per_minute * 100, per_minute * 100)):
        now, sent = 0.0, []
        for gap, share in arrivals:
            n_tokens = int(size * BURST_SHARE * share)
            now += gap
            while (wait := limits.reserve(now, n_tokens)) > 0:
                now += wait
            sent.append((now, n_tokens if size else 1))
        for start, _ in sent:
            assert sum(n for at, n in sent if start <= at < start + 60) <= allowance


def test_a_request_beyond_the_allowance_goes_through_and_those_after_it_wait() -> None:
    limits = Limits(tokens_per_minute=1_000)
    assert limits.reserve(0, 5_000) == 0
    assert limits.reserve(0, 1) == pytest.approx((5_000 - 100 + 1) / 15)


def test_a_pause_that_was_asked_for_holds_everybody_and_no_limit_holds_nobody() -> None:
    limits = Limits()
    assert [limits.reserve(0, 10**9) for _ in range(100)] == [0] * 100
    limits.hold(30)
    limits.hold(20)
    assert limits.reserve(10, 1) == 20
    assert limits.reserve(30, 1) == 0


def test_limits_are_shared_by_all_who_speak_to_one_model_of_one_endpoint() -> None:
    assert shared_limits("http://a/v1", "m", 5, 0) is shared_limits("http://a/v1", "m", 5, 0)
    assert shared_limits("http://a/v1", "m", 5, 0) is not shared_limits("http://a/v1", "n", 5, 0)


@settings(deadline=None, max_examples=60)
@given(sizes=st.lists(st.integers(0, 60), max_size=60), max_texts=st.integers(1, 9), max_tokens=st.integers(1, 90))
def test_a_plan_holds_every_text_once_in_order_within_its_bounds(
    sizes: list[int], max_texts: int, max_tokens: int
) -> None:
    parts = list(plan(sizes, max_texts=max_texts, max_tokens=max_tokens))
    assert [position for part in parts for position in part.positions] == list(range(len(sizes)))
    for part in parts:
        assert part.n_tokens == tuple(sizes[position] for position in part.positions)
        assert len(part.positions) <= max_texts
        assert len(part.positions) == 1 or sum(part.n_tokens) <= max_tokens
        if len(part.positions) > 1:
            one, other = part.halves()
            assert one.positions + other.positions == part.positions
            assert one.positions
            assert other.positions


def test_a_request_takes_no_more_of_the_allowance_than_may_go_at_once() -> None:
    assert request_tokens(EmbeddingService(request_tokens=5_000)) == 5_000
    assert request_tokens(EmbeddingService(request_tokens=5_000, tokens_per_minute=10_000)) == 1_000
    assert request_tokens(EmbeddingService(request_tokens=5_000, tokens_per_minute=3)) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 11:00:30 GMT"}, 0.0),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 -0000"}, 30.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_what_an_endpoint_asks_to_wait_is_understood_or_ignored(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(headers, datetime(2026, 11, 23, 12, tzinfo=UTC)) == seconds


@settings(deadline=None, max_examples=150)
@given(data=st.lists(JSON | st.fixed_dictionaries({"index": st.integers(-1, 3), "embedding": JSON}), max_size=4))
def test_whatever_an_answer_holds_it_is_unit_vectors_or_a_named_failure(data: list[object]) -> None:
    body = parse(json.dumps({"data": data}).encode())
    try:
        vectors = unit_vectors(body, 2, 3)
    except RequestFailed:
        return
    assert vectors.shape == (2, 3)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=60))
def test_bytes_that_are_no_answer_may_be_one_later(content: bytes) -> None:
    with pytest.raises(TryLater):
        parse(content)


def test_a_body_nested_beyond_reason_is_no_answer() -> None:
    with pytest.raises(TryLater):
        parse(b'{"data":' + b"[" * 100_000)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3))
def test_base64_and_written_numbers_give_the_same_vector(numbers: list[float]) -> None:
    encoded = base64.b64encode(struct.pack("<3f", *numbers)).decode()
    if not any(numbers):
        with pytest.raises(NotNumbers):
            unit_vectors({"data": [{"index": 0, "embedding": encoded}]}, 1, 3)
        return
    written, packed = (
        unit_vectors({"data": [{"index": 0, "embedding": value}]}, 1, 3) for value in (list(numbers), encoded)
    )
    assert np.array_equal(written, packed)
    # Also for numbers so small that their squares vanish.
    assert np.linalg.norm(packed) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("index", [None, "0", True, 1.0, -1, 1])
def test_an_index_must_be_a_place_in_what_was_asked_for(index: object) -> None:
    with pytest.raises(BadVectors):
        unit_vectors({"data": [{"index": index, "embedding": [1.0]}]}, 1, 1)


@pytest.mark.parametrize(
    ("usage", "n_tokens"),
    [({"prompt_tokens": 7}, 7), ({"total_tokens": 9}, 9), ({"prompt_tokens": "7"}, None), ({"prompt_tokens": -1}, None),
     ({"prompt_tokens": True}, None), ("many", None), (None, None)],
)  # fmt: skip
def test_tokens_are_counted_as_the_endpoint_says_if_it_says_a_number(usage: object, n_tokens: int | None) -> None:
    assert counted_tokens({"usage": usage}) == n_tokens
