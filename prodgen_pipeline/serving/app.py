"""The HTTP application: routes, pages, errors and the frame around them, put together.

Belongs here: composition. Does not: running it (`__main__`), any route's work.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import to_thread
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

import prodgen_pipeline
from prodgen_pipeline.core.admission import AdmissionConfig
from prodgen_pipeline.governance.keys import Actor
from prodgen_pipeline.serving.admission import Admission, Gate
from prodgen_pipeline.serving.chat import chat_routes
from prodgen_pipeline.serving.metrics import Metrics
from prodgen_pipeline.serving.middleware import RequestFrame
from prodgen_pipeline.serving.observing import observing
from prodgen_pipeline.serving.problems import answer_errors_with_problems
from prodgen_pipeline.serving.readiness import Readiness
from prodgen_pipeline.serving.routes import acting, operations_routes, query_routes
from prodgen_pipeline.serving.sampling import SearchSampler
from prodgen_pipeline.serving.service import QueryService
from prodgen_pipeline.serving.session_routes import session_routes

_PAGES = Path(__file__).parent / "pages"
#: Bytes that a character may take in JSON (`\ud83d\ude00`), and what the other fields may.
_BYTES_PER_CHARACTER, _OTHER_BYTES = 12, 16_384


def create_app(
    service: QueryService, metrics: Metrics | None = None, *, admission: AdmissionConfig | None = None
) -> FastAPI:
    """Build the application around an open query path, which the caller closes after it.

    Its `state.gate` lets requests in; whoever ends the service closes it first.
    """
    readiness = Readiness(service)
    metrics = metrics or Metrics()
    admission = admission or AdmissionConfig()
    sampler = SearchSampler(service.database, service.settings.retrieval_audit)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        readiness.start()
        yield
        await to_thread.run_sync(readiness.stop)
        await to_thread.run_sync(sampler.stop)

    # No interactive documentation: its page loads scripts from elsewhere.
    app = FastAPI(
        title="prodgen query service", version=prodgen_pipeline.__version__, lifespan=lifespan, docs_url=None,
        redoc_url=None, swagger_ui_oauth2_redirect_url=None,
    )  # fmt: skip
    answer_errors_with_problems(app)
    observe = observing(metrics, sampler)

    def who(action: str) -> Callable[..., Actor]:
        return acting(service, action)

    app.include_router(query_routes(service, metrics, sampler, observe))
    app.include_router(chat_routes(service, who, observe))
    app.include_router(session_routes(service.database, service.settings.sessions, who, service.redactor))
    app.include_router(operations_routes(service, metrics, readiness))
    _add_page(app)
    max_body_bytes = service.settings.serving.max_question_chars * _BYTES_PER_CHARACTER + _OTHER_BYTES
    app.state.gate = Gate(admission, metrics)
    app.add_middleware(Admission, gate=app.state.gate, config=admission)
    app.add_middleware(RequestFrame, metrics=metrics, max_body_bytes=max_body_bytes)
    return app


def _add_page(app: FastAPI) -> None:
    page = (_PAGES / "index.html").read_text(encoding="utf-8")

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def index() -> str:
        return page

    app.mount("/static", StaticFiles(directory=_PAGES / "static"), name="static")
