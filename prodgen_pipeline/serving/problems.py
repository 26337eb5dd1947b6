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
from prodgen_pipeline.core.spending import BudgetSpent, ComeBackLater, LimitExceeded
from prodgen_pipeline.serving.failures import log_failure

MEDIA_TYPE = "application/problem+json"
#: Seconds after which a client may try again what failed for now.
RETRY_AFTER = "5"
_INTERNAL = "An internal error; the log has it by its request id."

#: First match counts; anything else that is ours is the server's fault.
_STATUS: tuple[tuple[type[ProdgenError], HTTPStatus], ...] = (
    (NotAuthenticated, HTTPStatus.UNAUTHORIZED),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (NotFound, HTTPStatus.NOT_FOUND),
    (UsageError, HTTPStatus.BAD_REQUEST),
    (LimitExceeded, HTTPStatus.TOO_MANY_REQUESTS),
    (BudgetSpent, HTTPStatus.TOO_MANY_REQUESTS),
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
    body = _members(request, status, detail) | members
    return JSONResponse(body, status.value, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _members(request: Request, status: HTTPStatus, detail: str | None) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail or status.description or status.phrase,
        "instance": request.url.path,
        "request_id": request.state.request_id,
    }


def internal_error(request: Request, error: Exception) -> JSONResponse:
    """The response to what nobody foresaw; the log says where it happened."""
    log_failure(error, request.state.request_id)
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, _INTERNAL)


def answer_errors_with_problems(app: FastAPI) -> None:
    """Install the handlers."""
    app.add_exception_handler(ProdgenError, _of_ours)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)


def _of_ours(request: Request, error: Exception) -> JSONResponse:
    status, detail = _said(request, error)
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    if isinstance(error, ComeBackLater):
        headers["Retry-After"] = str(error.retry_after)
    elif status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = RETRY_AFTER
    return problem(request, status, detail, headers=headers)


def _said(request: Request, error: Exception) -> tuple[HTTPStatus, str | None]:
    """The status and the words of an error of ours; what is not the client's business is logged."""
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    if isinstance(error, UsageError | ComeBackLater):
        return status, str(error)
    # Messages of the other kinds name files and addresses, which are for the log.
    log_failure(error, request.state.request_id, with_message=True)
    return status, type(error).__doc__


def problem_members(request: Request, error: Exception) -> dict[str, Any]:
    """The members of a problem, where the response has begun and no status can be sent any more."""
    if isinstance(error, ProdgenError):
        return _members(request, *_said(request, error))
    log_failure(error, request.state.request_id)
    return _members(request, HTTPStatus.INTERNAL_SERVER_ERROR, _INTERNAL)


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
