"""What every response carries, whatever made it: request id, release, security headers, one line of log, metrics.

Belongs here: the frame around all routes. Does not: what a route does, how an error is worded (`problems`).
"""

import logging
import re
import secrets
import time
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prodgen_pipeline.serving.metrics import Metrics
from prodgen_pipeline.serving.problems import internal_error, problem

logger = logging.getLogger("prodgen_pipeline.serving.access")

#: Said where a response comes from no release: pages, errors before a tenant is known.
NO_RELEASE = "none"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
#: Known methods only: a label is for ever.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECURITY = {
    # No inline script or style, nothing from elsewhere.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class RequestFrame:
    """Frames every HTTP request; refuses bodies beyond `max_body_bytes` before they are read."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, max_body_bytes: int) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI event."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request = Request(scope)
        request.state.request_id = _request_id(request.headers)
        request.state.release = NO_RELEASE
        sent: list[int] = []

        async def framed_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent.append(message["status"])
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request.state.request_id
                headers["X-Prodgen-Release"] = request.state.release
                for name, value in _SECURITY.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._respond(request, receive, framed_send)
        except ClientDisconnect:
            logger.info("the client left before the end of the response %s", request.state.request_id)
        except Exception as error:
            # Here and not in Starlette's outermost layer, whose response would carry none of the headers.
            response = internal_error(request, error)
            if not sent:
                await response(scope, receive, framed_send)
        finally:
            self._note(request, sent[0] if sent else HTTPStatus.INTERNAL_SERVER_ERROR, time.perf_counter() - started)

    async def _respond(self, request: Request, receive: Receive, send: Send) -> None:
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > self._max_body_bytes:
            refusal = problem(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._too_large())
            await refusal(request.scope, receive, send)
            return
        await self._app(request.scope, self._limited(receive), send)

    def _limited(self, receive: Receive) -> Receive:
        """Count the body as it comes: a length need not be announced, or be true."""
        n_bytes = 0

        async def limited() -> Message:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > self._max_body_bytes:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._too_large())
            return message

        return limited

    def _too_large(self) -> str:
        return f"The body is larger than {self._max_body_bytes:,} bytes."

    def _note(self, request: Request, status: int, seconds: float) -> None:
        route = getattr(request.scope.get("route"), "path", "other")
        method = request.method if request.method in _METHODS else "other"
        self._metrics.observe_request(route, method, status, seconds)
        logger.info("%s %s %d %.1f ms %s", method, route, status, seconds * 1000, request.state.request_id)


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
