"""The door of the service: so many requests at a time, so many that wait, and a clear word to all others.

Belongs here: the queue of one process, slow senders and slow readers, turning away while the service ends. Does not:
limits and budgets of tenants (`spending`), which hold over all processes.
"""

import asyncio
import logging
import time
from collections import deque
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prodgen_pipeline.core.admission import AdmissionConfig, come_again_seconds
from prodgen_pipeline.core.spending import Overloaded
from prodgen_pipeline.serving.metrics import Metrics
from prodgen_pipeline.serving.problems import problem

logger = logging.getLogger(__name__)

#: Paths that are let in one by one; probes, metrics and pages are never kept waiting.
_GATED = "/v1/"
#: Weight of the last request in the mean of how long requests take.
_FRESH = 0.1


class Gate:
    """Who is in and who waits, first come, first served. Used from one event loop."""

    def __init__(self, config: AdmissionConfig, metrics: Metrics) -> None:
        self._config = config
        self._metrics = metrics
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_closing = False
        #: Seconds.
        self._mean = 0.2

    async def enter(self) -> None:
        """Wait for a turn; raises Overloaded. Who entered leaves, whatever happens."""
        if self._is_closing:
            raise self._refusal("ending")
        if self._running < self._config.concurrent:
            self._running += 1
        elif len(self._waiting) >= self._config.queued:
            raise self._refusal("queue_full")
        else:
            await self._turn()
        self._metrics.set_load(self._running, len(self._waiting))

    def leave(self, seconds: float) -> None:
        """Give the turn, which took so long, to the next one who still waits."""
        self._mean += _FRESH * (seconds - self._mean)
        self._pass_on()
        self._metrics.set_load(self._running, len(self._waiting))

    def close(self) -> None:
        """Let nobody in any more and send away who waits; who is in finishes."""
        self._is_closing = True
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(self._refusal("ending"))

    async def _turn(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._metrics.set_load(self._running, len(self._waiting))
        try:
            async with asyncio.timeout(self._config.max_wait_seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                # It was given the turn in the moment in which it stopped waiting.
                self._pass_on()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise self._refusal("waited") from None
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._running -= 1

    def _refusal(self, reason: str) -> Overloaded:
        self._metrics.count_turned_away(reason)
        seconds = come_again_seconds(len(self._waiting), self._config, mean_seconds=self._mean)
        if reason == "ending":
            return Overloaded("the service is ending: ask again, another process answers", retry_after_seconds=1.0)
        return Overloaded(
            f"{self._running} requests are worked on and {len(self._waiting)} wait: the service is at its limit",
            retry_after_seconds=seconds,
        )


class Admission:
    """Lets requests of the API in one by one, each when it has come whole, and gives up on readers that do not read."""

    def __init__(self, app: ASGIApp, *, gate: Gate, config: AdmissionConfig) -> None:
        self._app = app
        self._gate = gate
        self._config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI event."""
        if scope["type"] != "http" or not scope["path"].startswith(_GATED):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            whole = await self._received(receive)
            await self._gate.enter()
        except (Overloaded, TimeoutError, HTTPException) as error:
            await _refusal(request, error)(scope, receive, send)
            return
        started = time.perf_counter()
        try:
            await self._app(scope, whole, self._read_in_time(send))
        finally:
            self._gate.leave(time.perf_counter() - started)

    async def _received(self, receive: Receive) -> Receive:
        """Wait for the whole request: while it trickles in, it keeps nobody's turn. Raises TimeoutError."""
        messages: deque[Message] = deque()
        async with asyncio.timeout(self._config.receive_seconds):
            while True:
                messages.append(await receive())
                if not messages[-1].get("more_body", False):
                    break

        async def again() -> Message:
            return messages.popleft() if messages else await receive()

        return again

    def _read_in_time(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            try:
                async with asyncio.timeout(self._config.send_seconds):
                    await send(message)
            except TimeoutError:
                logger.info("a reader took nothing for %.0f s and is given up", self._config.send_seconds)
                raise ClientDisconnect from None

        return sent


def _refusal(request: Request, error: Overloaded | TimeoutError | HTTPException) -> Response:
    if isinstance(error, Overloaded):
        headers = {"Retry-After": str(error.retry_after)}
        return problem(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers=headers)
    if isinstance(error, HTTPException):
        # Of the frame around us: larger than it takes.
        return problem(request, HTTPStatus(error.status_code), error.detail, headers=error.headers)
    return problem(request, HTTPStatus.REQUEST_TIMEOUT, headers={"Connection": "close"})
