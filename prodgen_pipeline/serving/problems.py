"""Errors as RFC 9457 problem details: one shape for every status, with nothing of the request's text in it.

Belongs here: which error is which status. Does not: raising them.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from prodgen_pipeline.core.errors import (
    NotAllowed,
    NotAuthenticated,
    NotFound,
    ProdgenError,
    TransientError,
    UsageError,
)
from prodgen_pipeline.serving.failures import log_failure

MEDIA_TYPE = "application/problem+json"
#: Seconds after which a client may try again what failed for now.
RETRY_AFTER = "5"

#: First match counts; anything else that is ours is the server's fault.
_STATUS: tuple[tuple[type[ProdgenError], HTTPStatus], ...] = (
    (NotAuthenticated, HTTPStatus.UNAUTHORIZED),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (NotFound, HTTPStatus.NOT_FOUND),
    (UsageError, HTTPStatus.BAD_REQUEST),
    (TransientError, HTTPStatus.SERVICE_UNAVAILABLE),
)


def problem(
    request: Request,
    status: HTTPStatus,
    detail: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    **members: Any,  # noqa: ANN401 - JSON
) -> JSONResponse:
    """A problem details response; `members` are extensions such as `errors`."""
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail or status.description or status.phrase,
        "instance": request.url.path,
        "request_id": request.state.request_id,
        **members,
    }
    return JSONResponse(body, status.value, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def internal_error(request: Request, error: Exception) -> JSONResponse:
    """The response to what nobody foresaw; the log says where it happened."""
    log_failure(error, request.state.request_id)
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "An internal error; the log has it by its request id.")


def answer_errors_with_problems(app: FastAPI) -> None:
    """Install the handlers."""
    app.add_exception_handler(ProdgenError, _of_ours)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)


def _of_ours(request: Request, error: Exception) -> JSONResponse:
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    if isinstance(error, UsageError):
        headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
        return problem(request, status, str(error), headers=headers)
    # Messages of the other kinds name files and addresses, which are for the log.
    log_failure(error, request.state.request_id, with_message=True)
    headers = {"Retry-After": RETRY_AFTER} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return problem(request, status, type(error).__doc__, headers=headers)


def _of_http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    detail = error.detail if error.detail != status.phrase else None
    return problem(request, status, detail, headers=error.headers)


def _of_validation(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    # Never the input itself: it is somebody's question.
    errors = [
        {"field": ".".join(str(part) for part in each["loc"] if part != "body"), "message": each["msg"]}
        for each in error.errors()
    ]
    detail = "The body is not what this route takes: see `errors` and /openapi.json."
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)
