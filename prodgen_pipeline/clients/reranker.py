"""A reranker behind HTTP: a question and texts in, one relevance each out.

Speaks the `/rerank` that Cohere, Jina, Text Embeddings Inference, vLLM and Infinity share:
`{"model", "query", "documents", "top_n"}` to `{"results": [{"index", "relevance_score"}]}`.
Belongs here: the endpoint and its moods. Does not: what is reranked, and what happens when it fails (serving).
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from prodgen_pipeline.core.errors import EndpointUnavailable

if TYPE_CHECKING:
    import httpx

#: After a failure it is not asked for so long: every search would else wait for the time-out.
REST_SECONDS = 10.0
_MAX_ANSWER_BYTES = 1_000_000


class Reranker(Protocol):
    """Scores texts by how well they answer a question."""

    @property
    def depth(self) -> int:
        """How many of the best candidates it is given."""

    def scores(self, query: str, documents: Sequence[str]) -> list[float]:
        """One score a document, in the documents' order, higher is better; raises EndpointUnavailable."""


class HttpReranker:
    """One endpoint. Safe to share between threads; nothing is sent before the first call."""

    def __init__(
        self,
        *,
        url: str,
        model: str,
        api_key: str | None,
        depth: int,
        timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`url` is the whole address, `.../rerank` included; `timeout_seconds` covers a request as a whole."""
        self._url = url
        self._model = model
        self._api_key = api_key
        self._depth = depth
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._rests_until = -math.inf

    @property
    def depth(self) -> int:
        """How many of the best candidates it is given."""
        return self._depth

    def scores(self, query: str, documents: Sequence[str]) -> list[float]:
        """One score a document, in order.

        Raises:
            EndpointUnavailable: no answer in time, an error, one that is not one finite score for each document, or a
                failure some seconds ago. The message holds neither the question nor a text.
        """
        if self._clock() < self._rests_until:
            raise EndpointUnavailable("the reranker failed a moment ago and is not asked again yet")
        try:
            return _read(self._answer(query, documents), len(documents))
        except EndpointUnavailable:
            self._rests_until = self._clock() + REST_SECONDS
            raise

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _answer(self, query: str, documents: Sequence[str]) -> object:
        import httpx

        body: dict[str, Any] = {"query": query, "documents": list(documents), "top_n": len(documents)}
        if self._model:
            body["model"] = self._model
        deadline = self._clock() + self._timeout_seconds
        try:
            with self._opened().stream("POST", self._url, json=body) as response:
                if response.status_code != httpx.codes.OK:
                    raise EndpointUnavailable(f"the reranker answers HTTP {response.status_code}")
                return self._within(response, deadline)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            raise EndpointUnavailable(f"the reranker does not answer ({type(error).__name__})") from None

    def _within(self, response: "httpx.Response", deadline: float) -> object:
        """The body as JSON. Time-outs of a client are between bytes: one that drips would take for ever."""
        import json

        data = bytearray()
        for piece in response.iter_bytes():
            data += piece
            if self._clock() > deadline or len(data) > _MAX_ANSWER_BYTES:
                raise EndpointUnavailable("the reranker does not end its answer in time")
        return json.loads(data)

    def _opened(self) -> "httpx.Client":
        import httpx

        with self._lock:
            if self._client is None:
                headers = {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {}
                self._client = httpx.Client(headers=headers, timeout=self._timeout_seconds)
            return self._client


def _read(answer: object, n_documents: int) -> list[float]:
    """Take one score a document out of an answer; raises EndpointUnavailable."""
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or len(results) != n_documents:
        n_given = len(results) if isinstance(results, list) else "no"
        raise EndpointUnavailable(f"the reranker gives {n_given} results for {n_documents} documents")
    scores: dict[int, float] = {}
    for result in results:
        given = result if isinstance(result, dict) else {}
        index, score = given.get("index"), given.get("relevance_score")
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < n_documents or index in scores:
            raise EndpointUnavailable("the reranker names a document that it was not given, or one twice")
        if not isinstance(score, int | float) or isinstance(score, bool) or not math.isfinite(score):
            raise EndpointUnavailable("the reranker gives a score that is no number")
        scores[index] = float(score)
    return [scores[index] for index in range(n_documents)]
