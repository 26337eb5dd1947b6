"""The routes: who may, what comes in, which part answers, what goes out.

Belongs here: HTTP's side of each route. Does not: answering (`service`), the JSON (`lines`), errors (`problems`).
Questions run in the thread pool: they wait for the database and the embedder, which are not asynchronous.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from prodgen_pipeline.core.errors import UsageError
from prodgen_pipeline.governance import keys, rights
from prodgen_pipeline.governance.keys import Actor
from prodgen_pipeline.serving.ask import AskResult
from prodgen_pipeline.serving.bodies import (
    PROBLEMS,
    AskRequest,
    AskResponse,
    Problem,
    SearchRequest,
    SearchResponse,
    check_text,
)
from prodgen_pipeline.serving.lines import ask_line, search_line
from prodgen_pipeline.serving.metrics import CONTENT_TYPE, Metrics
from prodgen_pipeline.serving.observing import Observe
from prodgen_pipeline.serving.problems import MEDIA_TYPE, RETRY_AFTER, problem
from prodgen_pipeline.serving.readiness import Readiness
from prodgen_pipeline.serving.sampling import SearchSampler
from prodgen_pipeline.serving.service import QueryService
from prodgen_pipeline.serving.streaming import EVENT_STREAM, AnswerResponse, answer_events

_bearer = HTTPBearer(auto_error=False, description="A key of `prodgen key create`: it decides tenant, user and groups.")


def query_routes(service: QueryService, metrics: Metrics, sampler: SearchSampler, observe: Observe) -> APIRouter:
    """`POST /v1/search` and `POST /v1/ask`."""
    router = APIRouter(prefix="/v1", tags=["query"], responses=PROBLEMS)
    limits = service.settings.serving

    @router.post("/search", response_model=SearchResponse)
    def search(
        body: SearchRequest, request: Request, actor: Annotated[Actor, Depends(acting(service, "POST /v1/search"))]
    ) -> JSONResponse:
        """Find the passages nearest to a text, best first."""
        check_text(body.text, limits.max_question_chars)
        if body.k > limits.max_results:
            raise UsageError(f"k is {body.k}, and at most {limits.max_results} hits are given")
        reader, narrowed = body.reader(actor), body.narrowed
        service.admit(actor.tenant, actor.user)
        found = service.search(actor.tenant, body.text, reader=reader, k=body.k, narrowed=narrowed, widen=body.widen)
        request.state.release = found.release
        metrics.observe_steps("/v1/search", found.timings_ms)
        metrics.count_search(found.plan, found.reranking)
        sampler.offer(actor.tenant, reader, found)
        return JSONResponse(search_line(found, body.id))

    @router.post(
        "/ask",
        response_model=AskResponse,
        responses={
            200: {"content": {EVENT_STREAM: {}}, "description": "JSON, or events on Accept: text/event-stream."}
        },
    )
    def ask(
        body: AskRequest, request: Request, actor: Annotated[Actor, Depends(acting(service, "POST /v1/ask"))]
    ) -> Response:
        """Answer a question with citations, or refuse with a reason."""
        check_text(body.text, limits.max_question_chars)
        stream = service.stream(actor.tenant, body.question(actor))
        request.state.release = stream.release

        def done(result: AskResult) -> dict[str, Any]:
            observe("/v1/ask", actor.tenant, body.reader(actor), result)
            return ask_line(result, body.id)

        if EVENT_STREAM in request.headers.get("accept", ""):
            events = answer_events(request, iter(stream), lambda: done(stream.result))
            return AnswerResponse(events, stream.close)
        for _ in stream:
            pass
        return JSONResponse(done(stream.result))

    return router


def operations_routes(service: QueryService, metrics: Metrics, readiness: Readiness) -> APIRouter:
    """`/healthz`, `/readyz` and `/metrics`."""
    router = APIRouter(tags=["operations"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether the process answers at all."""
        return {"status": "ok"}

    @router.get("/readyz", responses={503: {"model": Problem, "content": {MEDIA_TYPE: {}}}})
    async def readyz(request: Request) -> JSONResponse:
        """Whether questions can be answered now."""
        checks = await readiness.check()
        if all(state == "ok" for state in checks.values()):
            return JSONResponse({"status": "ready", "checks": checks})
        return problem(
            request, HTTPStatus.SERVICE_UNAVAILABLE, "Not ready to answer questions.",
            headers={"Retry-After": RETRY_AFTER}, checks=checks,
        )  # fmt: skip

    @router.get("/metrics", response_class=Response, responses={401: PROBLEMS[401]})
    def exposition(_: Annotated[Actor, Depends(acting(service, "GET /metrics"))]) -> Response:
        """Counters and latencies for Prometheus, of all tenants together."""
        metrics.set_recall(service.recall_figures(), datetime.now(UTC))
        return Response(metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    return router


def acting(service: QueryService, action: str) -> Callable[..., Actor]:
    """A dependency that gives who is asking; raises NotAuthenticated or NotAllowed."""

    def authenticated(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Actor:
        actor = keys.authenticate(service.database, credentials.credentials if credentials else None)
        rights.require(actor, action)
        return actor

    return authenticated
