"""Many texts through an endpoint: several requests in flight, each tried again in its time, the refused text found.

Belongs here: what becomes of a failed request. Does not: one request (`requests`), when it may go (`limits`), how long
to insist (`patience`).
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prodgen_pipeline.clients.embedding.costs import usd
from prodgen_pipeline.clients.embedding.endpoint.answers import Vectors, counted_tokens, unit_vectors
from prodgen_pipeline.clients.embedding.endpoint.failures import (
    BadVectors,
    NotNumbers,
    Refused,
    RequestFailed,
    Stopped,
    TryLater,
    WrongLength,
)
from prodgen_pipeline.clients.embedding.endpoint.limits import Limits
from prodgen_pipeline.clients.embedding.endpoint.patience import Clock, Patience, SystemClock
from prodgen_pipeline.clients.embedding.endpoint.planning import Part, plan, request_tokens
from prodgen_pipeline.clients.embedding.endpoint.requests import EmbeddingsApi
from prodgen_pipeline.clients.embedding.results import Cost, EmbeddedBatch, RejectedText
from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer
from prodgen_pipeline.core.configuration import EmbeddingConfig
from prodgen_pipeline.core.errors import ConfigurationError, IntegrityError, ProdgenError
from prodgen_pipeline.settings import EmbeddingService

#: An answer that is no vectors is paid for each time.
BAD_ANSWERS = 3
#: What every model can embed. Told apart by it: an endpoint that refuses one text, and one that refuses all.
_PLAIN_TEXT, _PLAIN_TOKENS = "plain text", 2


@dataclass(slots=True)
class _Call:
    """What the requests of one call share."""

    texts: Sequence[str]
    stop: threading.Event
    #: Paid and not yet reported.
    n_tokens: int = 0


class EndpointEmbedder:
    """Embeds through one endpoint; safe to call from several threads."""

    #: What travels; what the endpoint computes in is part of its model's name, or of `embedding.revision`.
    precision = "f32"

    def __init__(
        self,
        config: EmbeddingConfig,
        service: EmbeddingService,
        *,
        api: EmbeddingsApi,
        limits: Limits,
        total_seconds: float | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`total_seconds` bounds a whole request, for those who wait for it; None insists for `retry_seconds`."""
        self.dimensions = config.dimensions
        self._config = config
        self._service = service
        self._api = api
        self._limits = limits
        self._total_seconds = total_seconds
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        #: Whether the model has to be asked for shorter vectors than its own.
        self._shortens = False

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, dimensions) float32 unit vectors in the order of the texts.

        Raises:
            RejectedText: of the first text that cannot be embedded, once the others have been tried.
            ProdgenError: as `embed_batches`.
        """
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        rejected: list[RejectedText] = []
        for batch in self.embed_batches(texts):
            vectors[batch.positions] = batch.vectors
            rejected += batch.rejected
        if rejected:
            raise min(rejected, key=lambda each: each.position)
        return vectors

    def embed_batches(self, texts: Sequence[str]) -> Iterator[EmbeddedBatch]:
        """Yield vectors as they come, in any order; several requests are under way, no more than are configured.

        When one fails for good, no more are sent, those that succeed meanwhile are still yielded, then it raises.

        Raises:
            EndpointUnavailable: no answer within the budget of tries.
            ConfigurationError: the endpoint does not take the address, the key, the model or any text at all, or the
                model's vectors have another length.
            IntegrityError: the answers do not hold one vector a text.
        """
        call = _Call(texts=texts, stop=threading.Event())
        pending = deque(self._planned(texts))
        running: dict[Future[Vectors], Part] = {}
        failures: list[ProdgenError] = []
        pool = ThreadPoolExecutor(self._service.requests_in_flight, thread_name_prefix="embedding")
        try:
            while running or pending:
                while pending and len(running) < self._service.requests_in_flight:
                    part = pending.popleft()
                    running[pool.submit(self._delivered, part, call)] = part
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield from self._outcome(future, running.pop(future), call, pending, failures)
                if failures:
                    call.stop.set()
                    pending.clear()
        finally:
            call.stop.set()
            # Not waited for: who interrupts this must not sit out another request's time-out.
            pool.shutdown(wait=False, cancel_futures=True)
        if failures:
            if cost := self._paid(call):
                yield EmbeddedBatch(positions=[], vectors=np.empty((0, self.dimensions), np.float32), cost=cost)
            raise failures[0]

    def _planned(self, texts: Sequence[str]) -> Iterator[Part]:
        tokenizer = WordPieceTokenizer.load()
        return plan(
            [tokenizer.count(text) for text in texts],
            max_texts=self._service.request_texts,
            max_tokens=request_tokens(self._service),
        )

    def _outcome(
        self, future: Future[Vectors], part: Part, call: _Call, pending: deque[Part], failures: list[ProdgenError]
    ) -> Iterator[EmbeddedBatch]:
        """What becomes of a finished request: vectors, two smaller requests, a rejected text, or the end."""
        vectors, positions = np.empty((0, self.dimensions), np.float32), list[int]()
        rejected: tuple[RejectedText, ...] = ()
        try:
            vectors, positions = future.result(), list(part.positions)
        except ProdgenError as failure:
            failures.append(failure)
            return
        except Stopped:
            return
        except RequestFailed as failure:
            if len(part.positions) > 1:
                pending.extendleft(reversed(part.halves()))
                return
            rejected = (self._rejected(part, failure),)
        yield EmbeddedBatch(
            positions=positions, vectors=vectors, rejected=rejected, cost=self._paid(call) or Cost(n_tokens=0, usd=0.0)
        )

    def _rejected(self, part: Part, failure: RequestFailed) -> RejectedText:
        what = f"refuses it ({failure})" if isinstance(failure, Refused) else f"answers with {failure}"
        return RejectedText(
            part.positions[0],
            f"the embedding endpoint {what}: a chunk of about {part.n_tokens[0]} tokens, while it takes others; "
            "is it longer than the model reads, or stopped by a filter?",
        )

    def _delivered(self, part: Part, call: _Call) -> Vectors:
        """Vectors of a request, in a thread of its own; Refused and NotNumbers mean: split it, or reject the text."""
        texts = [call.texts[position] for position in part.positions]
        try:
            return self._vectors(texts, sum(part.n_tokens), call)
        except (Refused, NotNumbers) as failure:
            if len(texts) == 1:
                self._prove(failure, call)
            raise

    def _prove(self, failure: RequestFailed, call: _Call) -> None:
        """Make sure that the endpoint embeds anything now, so that its own fault does not cost every document."""
        try:
            self._vectors([_PLAIN_TEXT], _PLAIN_TOKENS, call)
        except (Refused, NotNumbers):
            shortened = f", asked for {self.dimensions} numbers a vector" if self._shortens else ""
            raise ConfigurationError(
                f"the embedding endpoint embeds no text at all ({failure}{shortened}): check embedding.model, "
                "embedding.dimensions and OPENAI_BASE_URL"
            ) from None

    def _vectors(self, texts: Sequence[str], n_tokens: int, call: _Call) -> Vectors:
        patience = Patience(
            self._clock, call.stop, retry_seconds=self._total_seconds or self._service.retry_seconds,
            total_seconds=self._total_seconds,
        )  # fmt: skip
        n_bad = 0
        while True:
            self._await_turn(n_tokens, patience)
            shortens = self._shortens
            try:
                return self._attempt(texts, n_tokens, call, patience, shortens=shortens)
            except TryLater as failure:
                seconds = patience.pause(failure)
                if failure.wait_seconds is not None:
                    self._limits.hold(self._clock.monotonic() + seconds)
                patience.sleep(seconds)
            except BadVectors as failure:
                n_bad += 1
                if n_bad == BAD_ANSWERS:
                    raise _final(failure) from None
                patience.sleep(patience.pause(TryLater(str(failure))))
            except WrongLength as failure:
                self._shorten_or_raise(failure.length, shortens=shortens)

    def _await_turn(self, n_tokens: int, patience: Patience) -> None:
        while (seconds := self._limits.reserve(self._clock.monotonic(), n_tokens)) > 0:
            patience.wait_for_turn(seconds)

    def _attempt(
        self, texts: Sequence[str], n_tokens: int, call: _Call, patience: Patience, *, shortens: bool
    ) -> Vectors:
        body = self._api.send(
            texts,
            dimensions=self.dimensions if shortens else None,
            timeout_seconds=patience.timeout(self._service.timeout_seconds),
        )
        counted = counted_tokens(body)
        with self._lock:
            call.n_tokens += n_tokens if counted is None else counted
        return unit_vectors(body, len(texts), self.dimensions)

    def _shorten_or_raise(self, length: int, *, shortens: bool) -> None:
        if length > self.dimensions and not shortens:
            self._shortens = True
            return
        asked = ", though it was asked to shorten them" if shortens else ""
        raise ConfigurationError(
            f"embedding.dimensions is {self.dimensions}, but {self._config.model} returns vectors of {length} "
            f"numbers{asked}: set embedding.dimensions to {length}, or another embedding.model"
        )

    def _paid(self, call: _Call) -> Cost | None:
        """What was paid since this was last asked; None for nothing."""
        with self._lock:
            n_tokens, call.n_tokens = call.n_tokens, 0
        return Cost(n_tokens=n_tokens, usd=usd(self._config, self._service, n_tokens)) if n_tokens else None


def _final(failure: BadVectors) -> Exception:
    if isinstance(failure, NotNumbers):
        return failure
    return IntegrityError(
        f"the embedding endpoint answers with {failure}, {BAD_ANSWERS} times in a row: nothing of it was kept; "
        "is it an embedding model, and does it take embedding_service.request_texts texts at once?"
    )
