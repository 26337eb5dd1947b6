"""One request to /v1/embeddings: sent through the openai library, its HTTP status turned into what to do about it.

Belongs here: the wire. Does not: the body of an answer (`answers`), trying again (`patience`).
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from prodgen_pipeline.clients.embedding.endpoint.answers import parse
from prodgen_pipeline.clients.embedding.endpoint.failures import Refused, TryLater
from prodgen_pipeline.clients.embedding.endpoint.patience import Clock, asked_wait
from prodgen_pipeline.core.errors import ConfigurationError

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

#: More is no answer: 2,048 vectors of 4,096 numbers, written out, take 200 MB.
MAX_ANSWER_BYTES = 300_000_000
#: Too large, malformed, or stopped by a content filter: whichever, it may be due to one text of the batch.
_REFUSED = frozenset({400, 413, 422})
#: Beside every 5xx.
_LATER = frozenset({408, 409, 425, 429})
_WHAT_TO_CHECK = {
    401: "it does not accept the key: check OPENAI_API_KEY",
    403: "the key has no right to this: check OPENAI_API_KEY and embedding.model",
    404: "it does not know the address or the model: check OPENAI_BASE_URL and embedding.model",
}


class EmbeddingsApi:
    """One endpoint and model. Safe to share between threads; connects when first used."""

    def __init__(self, *, base_url: str | None, api_key: str | None, model: str, clock: Clock) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._model = model
        self._clock = clock
        self._lock = threading.Lock()
        self._client: OpenAI | None = None

    def send(self, texts: Sequence[str], *, dimensions: int | None, timeout_seconds: float) -> dict[str, Any]:
        """Ask once for the vectors of some texts and return the answer's body, unread but for being a list.

        `dimensions` asks the model to shorten its vectors. Every try costs the tokens of the texts.

        Raises:
            TryLater: no answer in time, or one of an endpoint in trouble.
            Refused: it does not take these texts.
            ConfigurationError: it does not take the key, the address or the model.
        """
        from openai import omit

        with self._translated():
            deadline = self._clock.monotonic() + timeout_seconds
            with self._opened().embeddings.with_streaming_response.create(
                model=self._model,
                input=[_encodable(text) for text in texts],
                # Half the bytes of written numbers, and exact. An endpoint that sends numbers all the same is read.
                encoding_format="base64",
                dimensions=omit if dimensions is None else dimensions,
                timeout=timeout_seconds,
            ) as response:
                return parse(self._content(response.iter_bytes(), deadline))

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _content(self, blocks: Iterator[bytes], deadline: float) -> bytes:
        # The library's time-out is for one read: a body that drips never meets it.
        content = bytearray()
        for block in blocks:
            content += block
            if len(content) > MAX_ANSWER_BYTES:
                raise TryLater("its answer does not end")
            if self._clock.monotonic() > deadline:
                raise TryLater("no answer in time")
        return bytes(content)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        import httpx2
        import openai

        try:
            yield
        except openai.APITimeoutError:
            raise TryLater("no answer in time") from None
        except openai.APIStatusError as error:
            raise self._failure(error) from None
        # The library's own requests come wrapped, but not what happens while a body is read.
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError) as error:
            raise TryLater(f"no connection: {type(error).__name__}") from None

    def _failure(self, error: "APIStatusError") -> Exception:
        status = error.status_code
        if status in _REFUSED:
            return Refused(f"HTTP {status}")
        if status in _LATER or status >= 500:
            return TryLater(f"HTTP {status}", asked_wait(error.response.headers, self._clock.now()))
        hint = _WHAT_TO_CHECK.get(status, "check OPENAI_BASE_URL, OPENAI_API_KEY and embedding.model")
        return ConfigurationError(f"the embedding endpoint answers HTTP {status}: {hint}")

    def _opened(self) -> "OpenAI":
        from openai import OpenAI

        with self._lock:
            if self._client is None:
                # Local servers want no key; the library does. Its own tries would not know our limits and budget.
                self._client = OpenAI(base_url=self._base_url, api_key=self._api_key or "none", max_retries=0)
            return self._client


def _encodable(text: str) -> str:
    """The text without lone surrogates (an undecodable byte of a command line), which no request can carry."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
