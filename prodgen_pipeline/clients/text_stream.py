"""A text as a model writes it: read by a thread of its own, handed on within time limits, its tokens counted.

Belongs here: one request from its first byte to its end, also where the end never comes. Does not: sending it, trying
again, circuits (`generator`), the bytes (`chat_completions`), what the text says (serving).
"""

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prodgen_pipeline.clients.chat_completions import Delta, Unanswered
from prodgen_pipeline.core.errors import EndpointUnavailable

logger = logging.getLogger(__name__)

Messages = Sequence[Mapping[str, str]]

_MIN_ATTEMPT_SECONDS = 0.1
#: What comes after the last word (token counts) is not waited for longer.
_AFTERWORD_SECONDS = 0.3
#: Word pieces that a message costs beside its content.
TOKENS_PER_MESSAGE = 4


class GenerationFailed(EndpointUnavailable):
    """A model endpoint does not answer, or not with text; `used` is what it may charge all the same."""

    def __init__(self, message: str, used: "Used") -> None:
        super().__init__(message)
        self.used = used


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What was used of a model so far, in tokens."""

    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    #: Counted with the embedding model's word pieces, because the endpoint did not tell.
    is_estimated: bool = False


def count_tokens(text: str) -> int:
    """Estimate the tokens of a text: word pieces of the embedding model, whatever the endpoint's own are."""
    from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer

    return WordPieceTokenizer.load().count(text)


def count_message_tokens(messages: Messages, count: Callable[[str], int] = count_tokens) -> int:
    """Estimate the tokens of a chat."""
    return sum(count(message["content"]) + TOKENS_PER_MESSAGE for message in messages)


#: What a reading came upon: a delta, its end (None), or what went wrong.
Item = Delta | Exception | None
Incoming = queue.SimpleQueue[tuple["Reading", Item]]


class Reading:
    """One request, read by a thread of its own: waiting for it can end when the time is over, to the millisecond.

    A time-out of the HTTP library is for one wait between two bytes, and an endpoint that drips never meets it.
    """

    def __init__(self, deltas: Iterator[Delta], into: "Incoming") -> None:
        self._deltas = deltas
        self._into = into
        self._is_cancelled = threading.Event()
        threading.Thread(target=self._read, name="completion", daemon=True).start()

    def cancel(self) -> None:
        """Stop reading; the connection is closed when the next bytes come, or none come in time."""
        self._is_cancelled.set()

    def _read(self) -> None:
        try:
            for delta in self._deltas:
                if self._is_cancelled.is_set():
                    return
                self._into.put((self, delta))
            self._into.put((self, None))
        except Exception as error:  # raised again where the answer is waited for
            self._into.put((self, error))
        finally:
            self._deltas.close()  # type: ignore[attr-defined]  # a generator's, which ends the request


class TextStream:
    """One completion as it is written: iterate it, or `read` with a time limit. Not shared between threads."""

    def __init__(
        self,
        reading: Reading,
        incoming: "Incoming",
        first: Delta,
        *,
        request: "Request",
        done: Callable[[bool], None],
    ) -> None:
        self._reading = reading
        self._incoming = incoming
        self._first: Delta | None = first
        self._request = request
        self._done: Callable[[bool], None] | None = done
        self._text: list[str] = []
        self._n_chars = 0
        self._model = request.body["model"]
        self._told: tuple[int, int] | None = None
        #: Set with the last word: until then what follows it is waited for.
        self._afterword_until = math.inf
        #: True once the text is whole, or cut: nothing more comes.
        self.is_ended = False
        #: True where the text stops before its writer came to an end.
        self.is_cut = False

    def __iter__(self) -> Iterator[str]:
        while not self.is_ended:
            if text := self.read():
                yield text

    @property
    def used(self) -> Used:
        """What was used so far; the endpoint's own figures once it told them, else estimates."""
        tokens = self._told or (self._request.input_tokens(), self._request.count("".join(self._text)))
        return Used(
            model=self._model,
            input_tokens=tokens[0] + self._request.wasted_tokens,
            output_tokens=tokens[1],
            is_estimated=self._told is None,
        )

    def read(self, wait_seconds: float | None = None) -> str:
        """Return what was written next, "" where nothing came in time or the text is at its end.

        Raises:
            GenerationFailed: the time allowed is over, or the endpoint broke off; what came before stays valid.
        """
        if self.is_ended:
            return ""
        try:
            return self._took(self._next(wait_seconds))
        except queue.Empty:
            return self._waited()
        except Unanswered as error:
            self._end(went_well=False)
            raise GenerationFailed(f"the model endpoint broke off: {error}", self.used) from None

    def close(self) -> None:
        """Stop reading where the text is not at its end yet; what was used until then stays to be asked."""
        if not self.is_ended:
            self.is_cut = True
            self._end(went_well=True)

    def _next(self, wait_seconds: float | None) -> Delta | None:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        until = self._request.deadline if wait_seconds is None else time.monotonic() + wait_seconds
        until = min(until, self._afterword_until, self._request.deadline)
        item = received(self._incoming, (self._reading,), until)[1]
        if isinstance(item, Exception):
            raise item
        return item

    def _took(self, delta: Delta | None) -> str:
        if delta is None:
            self._end(went_well=True)
            return ""
        self._model = delta.model or self._model
        self._told = delta.usage or self._told
        if delta.finished:
            self._afterword_until = time.monotonic() + _AFTERWORD_SECONDS
        self.is_cut = self.is_cut or delta.is_cut
        self._text.append(delta.text)
        self._n_chars += len(delta.text)
        if self._n_chars > self._request.max_chars:
            logger.warning("model %s writes on beyond what it was allowed and is cut off", self._model)
            self.is_cut = True
            self._end(went_well=True)
        return delta.text

    def _waited(self) -> str:
        now = time.monotonic()
        if now >= self._afterword_until or (math.isfinite(self._afterword_until) and now >= self._request.deadline):
            self._end(went_well=True)
            return ""
        if now < self._request.deadline:
            return ""
        self._end(went_well=False)
        raise GenerationFailed("the model endpoint does not end its answer in time", self.used)

    def _end(self, *, went_well: bool) -> None:
        self.is_ended = True
        self._reading.cancel()
        if self._done is not None:
            self._done(went_well)
            self._done = None


@dataclass(slots=True, kw_only=True)
class Request:
    """One question to one model, through all its tries."""

    body: dict[str, Any]
    deadline: float
    max_chars: int
    count: Callable[[str], int]
    #: Input of tries that came to nothing and may be charged.
    wasted_tokens: int = 0
    _input_tokens: int | None = None

    def input_tokens(self) -> int:
        """Estimated tokens of the chat."""
        if self._input_tokens is None:
            self._input_tokens = count_message_tokens(self.body["messages"], self.count)
        return self._input_tokens

    def left(self) -> float:
        """Seconds that are left, at least as many as a try is worth."""
        return max(_MIN_ATTEMPT_SECONDS, self.deadline - time.monotonic())


def received(incoming: Incoming, readings: Collection[Reading], until: float) -> tuple[Reading, Item]:
    """The next item of one of these readings; raises queue.Empty when there is none by then."""
    while True:
        reading, item = incoming.get(timeout=max(0.0, until - time.monotonic()))
        if reading in readings:
            return reading, item
