"""Filters, widening, sampling and the figures of recall over HTTP."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import pytest
from starlette.testclient import TestClient

from prodgen_pipeline.clients.embedding import query_embedder
from prodgen_pipeline.governance.keys import NewKey
from prodgen_pipeline.serving.app import create_app
from prodgen_pipeline.serving.service import QueryService
from prodgen_pipeline.settings import RetrievalAudit, Settings
from prodgen_pipeline.storage import recall
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant


@pytest.fixture(scope="module")
def app_client(served: Databases, served_settings: Settings) -> Iterator[TestClient]:
    """The application with every search sampled."""
    settings = replace(served_settings, retrieval_audit=RetrievalAudit(sample_share=1.0, samples_per_minute=1000))
    service = QueryService(settings, served.serving, embedder=lambda config: query_embedder())
    with TestClient(create_app(service)) as client:
        yield client


@pytest.fixture
def ann(app_client: TestClient, acme: Tenant, make_key: Callable[..., NewKey]) -> TestClient:
    app_client.headers["Authorization"] = f"Bearer {make_key(acme, 'ann').key}"
    return app_client


def uris(response: httpx.Response) -> set[str]:
    assert response.status_code == 200, response.text
    return {hit["uri"] for hit in response.json()["hits"]}


def test_a_search_is_narrowed_by_its_body(ann: TestClient) -> None:
    body = {"text": "leave and travel"}
    assert uris(ann.post("/v1/search", json=body)) == {"leave.md", "travel.txt"}
    assert uris(ann.post("/v1/search", json={**body, "filter": {"media_types": ["text/markdown"]}})) == {"leave.md"}
    assert uris(ann.post("/v1/search", json={**body, "filter": {"until": "1990-01-01"}})) == set()
    assert uris(ann.post("/v1/search", json={**body, "filter": {}})) == {"leave.md", "travel.txt"}
    # The board's documents are not ann's.
    assert uris(ann.post("/v1/search", json={**body, "filter": {"sources": ["board"]}})) == set()


def test_an_answer_is_narrowed_too(ann: TestClient) -> None:
    body = {"text": "How many days of annual leave do I have?"}
    assert not ann.post("/v1/ask", json=body).json()["refused"]
    assert ann.post("/v1/ask", json={**body, "filter": {"uri_prefix": "travel"}}).json()["refused"]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"filter": {"source": ["x"]}}, 422),
        ({"filter": {"sources": "x"}}, 422),
        ({"filter": {"metadata": {"a": 1}}}, 422),
        ({"filter": {"since": "yesterday"}}, 400),
        ({"filter": {"media_types": ["pdf"]}}, 400),
        ({"filter": {"since": "2026-02-01", "until": "2026-01-01"}}, 400),
        ({"filter": {"uri_prefix": "a\u0000"}}, 400),
        ({"widen": "perhaps"}, 422),
    ],
)
def test_a_filter_that_makes_no_sense_is_a_problem(ann: TestClient, wrong: dict[str, object], status: int) -> None:
    response = ann.post("/v1/search", json={"text": "leave", **wrong})
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"


def test_context_is_there_where_it_was_asked_for(ann: TestClient) -> None:
    plain = ann.post("/v1/search", json={"text": "annual leave"}).json()["hits"][0]
    wide = ann.post("/v1/search", json={"text": "annual leave", "widen": True}).json()["hits"][0]
    assert "context" not in plain
    assert wide["text"] in wide["context"]


def test_searches_and_answers_are_sampled_and_counted(ann: TestClient, served: Databases, acme: Tenant) -> None:
    ann.post("/v1/search", json={"text": "sampled over http", "k": 2})
    ann.post("/v1/ask", json={"text": "asked over http"})
    questions: dict[str, int] = {}
    for _ in range(100):
        with served.pipeline.transaction(acme.tenant_id) as tx:
            questions = {sample.question: sample.k for sample in recall.samples(tx, limit=1000)}
        if {"sampled over http", "asked over http"} <= questions.keys():
            break
        time.sleep(0.02)
    assert questions["sampled over http"] == 2
    assert "asked over http" in questions
    assert 'prodgen_searches_total{plan="exact"}' in ann.get("/metrics").text


def test_recall_is_shown_over_all_tenants_and_unknown_before_the_first_audit(
    ann: TestClient, served: Databases, acme: Tenant
) -> None:
    assert 'prodgen_recall{of_tenants="minimum"} NaN' in ann.get("/metrics").text, "no audit has been kept yet"
    with served.pipeline.transaction(acme.tenant_id) as tx:
        recall.keep_audit(tx, generation_id=1, k=10, n_searches=50, n_expected=500, n_found=480, n_short=0, recall=0.96)
    text = ann.get("/metrics").text
    assert 'prodgen_recall{of_tenants="minimum"} 0.96' in text
    assert 'prodgen_recall{of_tenants="mean"} 0.96' in text
    age = next(line for line in text.splitlines() if line.startswith("prodgen_recall_age_seconds"))
    assert 0 <= float(age.split()[1]) < 300
    assert "acme" not in text
