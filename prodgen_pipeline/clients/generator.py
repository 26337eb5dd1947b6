"""Text generation through any OpenAI-compatible endpoint: chat messages in, text with its token counts out.

Belongs here: the endpoint's moods (slow, busy, broken, rude) and what they mean to a caller: tries within the time
allowed, a circuit per model, a hedge, a text as it is written. Does not: the wire (`chat_completions`), prompts
(`core.prompting`), whether the text is a good answer and what answers instead (serving), prices (the release).
"""

import logging
import math
import queue
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from prodgen_pipeline.clients.chat_completions import OPTIONAL, ChatApi, Delta, RequestRefused, Unanswered, Unsupported
from prodgen_pipeline.clients.circuit_breaker import BreakerConfig, CircuitBreaker, State
from prodgen_pipeline.clients.text_stream import (
    GenerationFailed,
    Incoming,
    Messages,
    Reading,
    Request,
    TextStream,
    Used,
    count_tokens,
    received,
)
from prodgen_pipeline.core.errors import ConfigurationError

__all__ = ["ATTEMPTS", "Generated", "GenerationFailed", "Generator", "TextStream", "Used"]

logger = logging.getLogger(__name__)

#: One try and one more, both within the time allowed.
ATTEMPTS = 2
#: Before the second try at most: where an endpoint says how long to wait, that is waited for up to the second figure.
_LONGEST_PAUSE_SECONDS = 0.4
LONGEST_RETRY_AFTER_SECONDS = 2.0
_MIN_ATTEMPT_SECONDS = 0.1
#: Characters that one token may have at most. An endpoint that writes more than it was allowed is cut off.
CHARS_PER_TOKEN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What a model wrote."""

    text: str
    model: str
    input_tokens: int
    output_tokens: int


class Generator:
    """One endpoint. Safe to share between threads; nothing is sent before the first call."""

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str | None,
        model: str,
        timeout_seconds: float,
        breaker: BreakerConfig | None = None,
        hedge_seconds: float | None = None,
        count: Callable[[str], int] = count_tokens,
    ) -> None:
        """`model` empty means the first one that the endpoint lists; `timeout_seconds` covers all tries together.

        With `hedge_seconds`, a request without its first word after so long is sent once more, and the first of the
        two to write is read: both may be charged.
        """
        self._api = ChatApi(base_url=base_url, api_key=api_key)
        self._model = model
        self._timeout_seconds = timeout_seconds
        self._hedge_seconds = hedge_seconds
        self._count = count
        self._breaker = CircuitBreaker(breaker)
        #: Parameters that a model was found not to take.
        self._refused: dict[str, frozenset[str]] = {}

    def generate(
        self,
        messages: Messages,
        *,
        max_output_tokens: int,
        model: str = "",
        timeout_seconds: float | None = None,
    ) -> Generated:
        """Ask for one completion, with temperature 0; what is named here goes before the generator's own.

        Raises:
            EndpointUnavailable: no answer in time, an error, or one that is no chat completion with text in it, or
                so many of these before that the model is not asked for a while. The message holds neither the prompt
                nor what came back.
            ConfigurationError: the endpoint refuses the key, the model or the request itself.
        """
        stream = self._started(messages, max_output_tokens, model, timeout_seconds, streams=False)
        text = "".join(stream)
        used = stream.used
        return Generated(
            text=text.strip(), model=used.model, input_tokens=used.input_tokens, output_tokens=used.output_tokens
        )

    def stream(
        self,
        messages: Messages,
        *,
        max_output_tokens: int,
        model: str = "",
        timeout_seconds: float | None = None,
    ) -> TextStream:
        """Ask for one completion and return it once its first word is there; arguments and errors as `generate`.

        A failure after the first word is not tried again: what was read may have been passed on.
        """
        return self._started(messages, max_output_tokens, model, timeout_seconds, streams=True)

    def state(self, model: str = "") -> State:
        """How the circuit of a model stands."""
        return self._breaker.state(model or self._model)

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def _started(
        self, messages: Messages, max_output_tokens: int, model: str, timeout_seconds: float | None, *, streams: bool
    ) -> TextStream:
        model = model or self._model
        body: dict[str, Any] = {
            "model": model,
            "messages": [dict(message) for message in messages],
            "max_tokens": max_output_tokens,
            "temperature": 0,
        }
        if streams:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        request = Request(
            body=body,
            deadline=time.monotonic() + (self._timeout_seconds if timeout_seconds is None else timeout_seconds),
            max_chars=max_output_tokens * CHARS_PER_TOKEN,
            count=self._count,
        )
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._opened(request, model)
            except Unanswered as error:
                request.wasted_tokens += request.input_tokens() if error.is_billed else 0
                pause = _pause(error, request.deadline) if attempt < ATTEMPTS else None
                if pause is None:
                    used = Used(model=model, input_tokens=request.wasted_tokens, is_estimated=True)
                    raise GenerationFailed(f"the model endpoint does not answer ({error})", used) from None
                logger.warning("generation failed, trying again: %s", error)
                time.sleep(pause)
        raise AssertionError("unreachable")

    def _opened(self, request: Request, model: str) -> TextStream:
        """One try, up to the first word; its outcome is told to the model's circuit."""
        if wait := self._breaker.ask(model):
            message = f"model {model or 'of the endpoint'} failed too often and is asked again in {wait:.0f} s"
            raise GenerationFailed(message, Used(model=model, input_tokens=request.wasted_tokens, is_estimated=True))
        try:
            return self._begun(request, model)
        except Unanswered:
            self._breaker.failed(model)
            raise
        except RequestRefused:
            # Too long, for example: the endpoint answers.
            self._breaker.succeeded(model)
            raise
        except ConfigurationError:
            # A refused key or a missing model does not heal by asking.
            self._breaker.failed(model)
            raise

    def _begun(self, request: Request, model: str) -> TextStream:
        while True:
            try:
                return self._first_word(request, model)
            except Unsupported as error:
                refused = self._refused.get(model, frozenset())
                if error.parameter in refused:
                    raise ConfigurationError(
                        f"the model endpoint refuses the request (it takes no {error.parameter}): choose another model"
                    ) from None
                self._refused[model] = refused | {error.parameter}

    def _first_word(self, request: Request, model: str) -> TextStream:
        """Send the request, and once more where it is hedged, and wait for the first word of either."""
        incoming: Incoming = queue.SimpleQueue()
        body = _adapted(request.body, self._refused.get(model, frozenset()))
        readings: list[Reading] = []

        def send() -> None:
            deltas = self._api.deltas(body, timeout_seconds=request.left(), max_chars=request.max_chars)
            readings.append(Reading(deltas, incoming))

        send()
        hedge_at = time.monotonic() + (math.inf if self._hedge_seconds is None else self._hedge_seconds)
        try:
            while True:
                try:
                    reading, item = received(incoming, readings, min(hedge_at, request.deadline))
                except queue.Empty:
                    if time.monotonic() >= request.deadline:
                        raise Unanswered("no answer in time") from None
                    hedge_at = math.inf
                    send()
                    request.wasted_tokens += request.input_tokens()
                    continue
                if isinstance(item, Delta) and item.text.strip():
                    readings.remove(reading)
                    return TextStream(reading, incoming, item, request=request, done=self._teller(model))
                if not isinstance(item, Delta) or item.finished:
                    # Without a word. Of two, the other one may still write.
                    readings.remove(reading)
                    if not readings:
                        raise item if isinstance(item, Exception) else Unanswered("it answers without text")
        finally:
            for reading in readings:
                reading.cancel()

    def _teller(self, model: str) -> Callable[[bool], None]:
        return lambda went_well: (self._breaker.succeeded if went_well else self._breaker.failed)(model)


def _adapted(body: Mapping[str, Any], refused: frozenset[str]) -> dict[str, Any]:
    """The body without what the model does not take, or under the other name that it has for it."""
    kept = {name: value for name, value in body.items() if name not in refused}
    renamed = {str(OPTIONAL[name]): body[name] for name in refused if OPTIONAL[name] and name in body}
    return kept | renamed


def _pause(error: Unanswered, deadline: float) -> float | None:
    """Seconds before another try, None where there is no time for one. Full jitter: who failed together comes apart."""
    pause = random.uniform(0, _LONGEST_PAUSE_SECONDS)  # noqa: S311 - no secret depends on it
    if error.wait_seconds is not None:
        if error.wait_seconds > LONGEST_RETRY_AFTER_SECONDS:
            return None
        pause = max(pause, error.wait_seconds)
    return pause if deadline - time.monotonic() - pause >= _MIN_ATTEMPT_SECONDS else None
