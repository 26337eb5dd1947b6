"""The generator against a real HTTP endpoint in all its moods."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from prodgen_pipeline.clients.circuit_breaker import BreakerConfig, State
from prodgen_pipeline.clients.generator import GenerationFailed, Generator
from prodgen_pipeline.core.errors import ConfigurationError, EndpointUnavailable
from prodgen_pipeline_tests.scripted_endpoint import MODEL, Mode, ScriptedEndpoint

QUESTION = [
    {"role": "system", "content": "Answer from the evidence and cite."},
    {
        "role": "user",
        "content": '<evidence n="1" document="a">\nPumps are checked weekly.\n</evidence>\n'
        '<evidence n="2" document="b">\nThe pump room has two doors.\n</evidence>\n\n'
        "Question: How many doors has the pump room?",
    },
]
Make = Callable[..., Generator]


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint() as running:
        yield running


@pytest.fixture
def make(endpoint: ScriptedEndpoint) -> Iterator[Make]:
    with ExitStack() as stack:

        def build(
            *, timeout_seconds: float = 10.0, base_url: str | None = None, model: str = "", **options: Any
        ) -> Generator:
            generator = Generator(
                base_url=base_url or endpoint.base_url, api_key="k", model=model, timeout_seconds=timeout_seconds,
                **options,
            )  # fmt: skip
            stack.callback(generator.close)
            return generator

        yield build


def test_it_asks_the_first_model_that_the_endpoint_lists(make: Make, endpoint: ScriptedEndpoint) -> None:
    made = make().generate(QUESTION, max_output_tokens=50)
    assert made.text == "The pump room has two doors. [2]"
    assert made.model == endpoint.requests[0]["model"] == MODEL
    assert (endpoint.requests[0]["temperature"], endpoint.requests[0]["max_tokens"]) == (0, 50)
    assert made.input_tokens > made.output_tokens > 0


def test_a_model_that_is_named_is_asked(make: Make, endpoint: ScriptedEndpoint) -> None:
    make(model="mine").generate(QUESTION, max_output_tokens=50)
    make(model="mine").generate(QUESTION, max_output_tokens=50, model="released")
    assert [request["model"] for request in endpoint.requests] == ["mine", "released"]


def test_one_failure_is_tried_again(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.mode = Mode.ERROR_ONCE
    assert make().generate(QUESTION, max_output_tokens=50).text.endswith("[2]")
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("mode", [Mode.ERROR_500, Mode.ERROR_429, Mode.GARBAGE, Mode.NOT_A_COMPLETION])
def test_an_endpoint_that_keeps_failing_is_asked_twice_and_no_more(
    make: Make, endpoint: ScriptedEndpoint, mode: Mode
) -> None:
    endpoint.mode = mode
    with pytest.raises(EndpointUnavailable) as caught:
        make().generate(QUESTION, max_output_tokens=50)
    assert len(endpoint.requests) == 2
    assert "pump" not in str(caught.value).lower()


def test_a_refused_key_is_not_tried_again(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.mode = Mode.ERROR_401
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        make().generate(QUESTION, max_output_tokens=50)
    assert len(endpoint.requests) == 1


def test_an_endpoint_that_hangs_is_given_up(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.mode = Mode.HANG
    with pytest.raises(EndpointUnavailable, match="no answer in time"):
        make(timeout_seconds=0.5).generate(QUESTION, max_output_tokens=50)


def test_an_endpoint_that_is_not_there_is_unavailable(make: Make) -> None:
    with pytest.raises(EndpointUnavailable, match="does not answer"):
        make(base_url="http://127.0.0.1:9/v1").generate(QUESTION, max_output_tokens=50)


def test_a_slow_endpoint_within_the_time_answers(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.mode = Mode.SLOW
    endpoint.delay_seconds = 0.2
    assert make().generate(QUESTION, max_output_tokens=50).text.endswith("[2]")


ANSWER = "The pump room has two doors. [2]"
#: What an endpoint does in the middle of its answer, and what is said of it.
BREAKS = {
    Mode.HALF_STREAM: "in the middle",
    Mode.GARBAGE_IN_STREAM: "nonsense",
    Mode.INVALID_UTF8: "nonsense",
    Mode.ERROR_IN_STREAM: "reports an error",
}


def test_a_stream_is_the_text_in_pieces_with_its_token_counts_at_the_end(
    make: Make, endpoint: ScriptedEndpoint
) -> None:
    stream = make().stream(QUESTION, max_output_tokens=50)
    pieces = list(stream)
    assert ("".join(pieces), len(pieces)) == (ANSWER, 7)
    assert endpoint.requests[0]["stream"]
    assert (stream.used.model, stream.used.is_estimated, stream.is_cut) == (MODEL, False, False)
    assert stream.used.input_tokens > stream.used.output_tokens > 0


def test_tokens_that_an_endpoint_does_not_tell_are_estimated(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.mode = Mode.NO_USAGE
    stream = make(count=lambda text: len(text.split())).stream(QUESTION, max_output_tokens=50)
    assert "".join(stream) == ANSWER
    assert (stream.used.output_tokens, stream.used.is_estimated) == (7, True)
    assert stream.used.input_tokens > 20


def test_a_model_that_answers_with_one_object_is_read_as_well(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.mode = Mode.NO_STREAM
    assert "".join(make().stream(QUESTION, max_output_tokens=50)) == ANSWER


def test_the_model_that_answered_is_named_not_the_one_that_was_asked(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.mode = Mode.WRONG_MODEL
    stream = make(model="mine").stream(QUESTION, max_output_tokens=50)
    assert "".join(stream) == ANSWER
    assert stream.used.model == "another-model"


@pytest.mark.parametrize("mode", BREAKS)
def test_an_endpoint_that_breaks_off_is_unavailable_and_what_came_before_counts(
    make: Make, endpoint: ScriptedEndpoint, mode: Mode
) -> None:
    endpoint.mode = mode
    stream, pieces = make().stream(QUESTION, max_output_tokens=50), []
    with pytest.raises(GenerationFailed, match=BREAKS[mode]) as caught:
        pieces.extend(iter(stream.read, ""))
    assert ANSWER.startswith("".join(pieces))
    assert stream.used.output_tokens > 0
    assert stream.is_ended
    assert "pump" not in str(caught.value)


def test_an_endpoint_that_falls_silent_is_given_up_when_the_time_is_over(
    make: Make, endpoint: ScriptedEndpoint
) -> None:
    endpoint.mode = Mode.HANG_IN_STREAM
    stream = make(timeout_seconds=0.4).stream(QUESTION, max_output_tokens=50)
    with pytest.raises(GenerationFailed, match="in time"):
        list(stream)


def test_an_endpoint_that_only_keeps_the_connection_alive_is_given_up(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.mode = Mode.DRIP
    with pytest.raises(EndpointUnavailable, match="no answer in time"):
        make(timeout_seconds=0.4).stream(QUESTION, max_output_tokens=50)


def test_an_endpoint_that_has_said_all_need_not_hang_up(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.mode = Mode.NEVER_DONE
    stream = make().stream(QUESTION, max_output_tokens=50)
    assert "".join(stream) == ANSWER
    assert not stream.is_cut


def test_an_endpoint_without_end_is_cut_off(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.mode = Mode.ENDLESS
    stream = make().stream(QUESTION, max_output_tokens=20)
    assert len("".join(stream)) < 20 * 12 + 100
    assert stream.is_cut


def test_a_read_with_a_time_limit_comes_back_without_words(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.word_seconds = 0.3
    stream = make().stream(QUESTION, max_output_tokens=50)
    assert stream.read(1.0) == "The"
    assert stream.read(0.05) == ""
    assert not stream.is_ended
    stream.close()
    assert (stream.is_ended, stream.is_cut, stream.read()) == (True, True, "")
    assert stream.used.output_tokens == 1


def test_an_answer_without_a_word_is_none(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.mode = Mode.EMPTY
    with pytest.raises(EndpointUnavailable, match="without text"):
        make().stream(QUESTION, max_output_tokens=50)


def test_what_a_model_does_not_take_is_left_out_from_then_on(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.mode, generator = Mode.CHOOSY, make()
    assert "".join(generator.stream(QUESTION, max_output_tokens=50)) == ANSWER
    n_requests = len(endpoint.requests)
    assert "".join(generator.stream(QUESTION, max_output_tokens=50)) == ANSWER
    assert len(endpoint.requests) == n_requests + 1
    assert endpoint.requests[-1]["max_completion_tokens"] == 50


def test_a_wait_that_is_asked_for_is_kept_or_given_up_where_it_is_long(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.mode, endpoint.retry_after = Mode.ERROR_429, "0.05"
    with pytest.raises(EndpointUnavailable):
        make().stream(QUESTION, max_output_tokens=50)
    assert len(endpoint.requests) == 2
    endpoint.retry_after = "60"
    with pytest.raises(EndpointUnavailable):
        make().stream(QUESTION, max_output_tokens=50)
    assert len(endpoint.requests) == 3


def test_a_model_that_keeps_failing_is_not_asked_for_a_while_and_others_are(
    make: Make, endpoint: ScriptedEndpoint
) -> None:
    endpoint.mode = Mode.ERROR_500
    generator = make(breaker=BreakerConfig(failures=2, open_seconds=60.0))
    with pytest.raises(EndpointUnavailable, match="HTTP 500"):
        generator.generate(QUESTION, max_output_tokens=50, model="bad")
    with pytest.raises(EndpointUnavailable, match="asked again in 60 s"):
        generator.generate(QUESTION, max_output_tokens=50, model="bad")
    assert (len(endpoint.requests), generator.state("bad")) == (2, State.OPEN)
    endpoint.mode = Mode.OBEDIENT
    assert generator.generate(QUESTION, max_output_tokens=50, model="good").text == ANSWER


def test_a_slow_first_word_is_hedged_with_a_second_request(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.first_delays["mine"] = [5.0]
    stream = make(model="mine", hedge_seconds=0.1, count=len).stream(QUESTION, max_output_tokens=50)
    assert "".join(stream) == ANSWER
    assert len(endpoint.requests) == 2
    assert stream.used.input_tokens > sum(len(message["content"]) for message in QUESTION)


def test_a_try_that_hung_is_counted_as_used(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.mode = Mode.HANG
    with pytest.raises(GenerationFailed) as caught:
        make(timeout_seconds=0.3, count=len).stream(QUESTION, max_output_tokens=50)
    assert caught.value.used.input_tokens >= sum(len(message["content"]) for message in QUESTION)


def test_a_request_that_is_refused_says_nothing_of_the_next_one(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.mode, generator = Mode.ERROR_400, make(breaker=BreakerConfig(failures=1))
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="HTTP 400"):
            generator.generate(QUESTION, max_output_tokens=50)
    assert (len(endpoint.requests), generator.state()) == (2, State.CLOSED)


def test_a_text_that_is_read_in_short_waits_ends_soon_after_its_last_word(
    make: Make, endpoint: ScriptedEndpoint
) -> None:
    endpoint.mode = Mode.NEVER_DONE
    stream, text = make(timeout_seconds=60.0).stream(QUESTION, max_output_tokens=50), ""
    for _ in range(100):
        text += stream.read(0.02)
    assert (text, stream.is_ended, stream.is_cut) == (ANSWER, True, False)
