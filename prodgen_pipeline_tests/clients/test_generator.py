"""The generator against a real HTTP endpoint in all its moods."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from prodgen_pipeline.clients.generator import Generator
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

        def build(*, timeout_seconds: float = 10.0, base_url: str | None = None, model: str = "") -> Generator:
            generator = Generator(
                base_url=base_url or endpoint.base_url, api_key="k", model=model, timeout_seconds=timeout_seconds
            )
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
    with pytest.raises(EndpointUnavailable, match="APITimeoutError"):
        make(timeout_seconds=0.5).generate(QUESTION, max_output_tokens=50)


def test_an_endpoint_that_is_not_there_is_unavailable(make: Make) -> None:
    with pytest.raises(EndpointUnavailable, match="does not answer"):
        make(base_url="http://127.0.0.1:9/v1").generate(QUESTION, max_output_tokens=50)


def test_a_slow_endpoint_within_the_time_answers(make: Make, endpoint: ScriptedEndpoint) -> None:
    endpoint.mode = Mode.SLOW
    endpoint.delay_seconds = 0.2
    assert make().generate(QUESTION, max_output_tokens=50).text.endswith("[2]")
