"""The HTTP interface, over a real socket: keys, rights, shapes of answers and of errors."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.governance import keys
from prodgen_pipeline.governance.keys import NewKey
from prodgen_pipeline.governance.rights import RIGHTS
from prodgen_pipeline.serving.app import create_app
from prodgen_pipeline.serving.lines import search_line
from prodgen_pipeline.serving.service import QueryService
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant
from prodgen_pipeline_tests.http_server import running

MakeKey = Callable[..., NewKey]
PROBLEM_MEMBERS = {"type", "title", "status", "detail", "instance", "request_id"}


@pytest.fixture(scope="session")
def address(query_service: QueryService) -> Iterator[str]:
    """A running service on a free port."""
    with running(create_app(query_service)) as at:
        yield at


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    """Without a key."""
    with httpx.Client(base_url=address, timeout=30) as opened:
        yield opened


@pytest.fixture
def as_key(client: httpx.Client) -> Callable[[str], httpx.Client]:
    def sign_in(key: str) -> httpx.Client:
        client.headers["Authorization"] = f"Bearer {key}"
        return client

    return sign_in


@pytest.fixture
def ann(as_key: Callable[[str], httpx.Client], acme: Tenant, make_key: MakeKey) -> httpx.Client:
    """A reader of acme in no group."""
    return as_key(make_key(acme, "ann").key)


def uris(response: httpx.Response) -> set[str]:
    assert response.status_code == 200, response.text
    return {hit["uri"] for hit in response.json()["hits"]}


def assert_problem(response: httpx.Response, status: int) -> dict[str, object]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) >= PROBLEM_MEMBERS
    assert body["status"] == status
    assert body["request_id"] == response.headers["x-request-id"]
    assert response.headers["x-prodgen-release"]
    return dict(body)


def test_search_answers_as_a_batch_line_does(ann: httpx.Client, query_service: QueryService, acme: Tenant) -> None:
    response = ann.post("/v1/search", json={"id": "q1", "text": "annual leave", "k": 3})
    line = search_line(query_service.search(acme, "annual leave", reader=Reader(user="ann"), k=3), "q1")
    body = response.json()
    assert {**body, "timings_ms": None} == {**json.loads(json.dumps(line)), "timings_ms": None}
    assert response.headers["x-prodgen-release"] == body["release"]


def test_ask_answers_with_citations(ann: httpx.Client) -> None:
    body = ann.post("/v1/ask", json={"text": "How many days of annual leave do I have?", "session": "s1"}).json()
    assert body["answer"].startswith("Everybody has 25 days")
    assert [citation["uri"] for citation in body["citations"]][:1] == ["leave.md"]
    assert (body["id"], body["session"]) == (None, "s1")


def test_ask_streams_sentences_and_then_the_whole_answer(ann: httpx.Client) -> None:
    response = ann.post(
        "/v1/ask", json={"text": "How many days of annual leave do I have?"}, headers={"Accept": "text/event-stream"}
    )
    assert response.headers["content-type"].startswith("text/event-stream")
    events = [
        (block.split("\n")[0].removeprefix("event: "), json.loads(block.split("\n")[1].removeprefix("data: ")))
        for block in response.text.strip().split("\n\n")
    ]
    assert [name for name, _ in events][-1] == "answer"
    assert all(name == "sentence" for name, _ in events[:-1])
    assert "".join(data["text"] for _, data in events[:-1]) == events[-1][1]["answer"]
    assert response.headers["x-prodgen-release"] == events[-1][1]["release"]


def test_the_key_decides_tenant_and_groups(
    as_key: Callable[[str], httpx.Client], acme: Tenant, globex: Tenant, make_key: MakeKey
) -> None:
    question = {"text": "the bonus of the directors, annual leave and the car park"}
    assert uris(as_key(make_key(acme, "ann").key).post("/v1/search", json=question)) == {"leave.md", "travel.txt"}
    director = as_key(make_key(acme, "bea", groups=("board",)).key)
    assert uris(director.post("/v1/search", json=question)) == {"leave.md", "travel.txt", "bonus.md"}
    assert uris(as_key(make_key(globex, "ann").key).post("/v1/search", json=question)) == {"parking.md"}


@pytest.mark.parametrize("extra", [{"groups": ["board"]}, {"user": "bea", "groups": ["board", "*"]}])
def test_a_body_cannot_widen_rights(ann: httpx.Client, extra: dict[str, object]) -> None:
    assert "bonus.md" not in uris(ann.post("/v1/search", json={"text": "bonus of the directors", **extra}))


def test_a_body_can_narrow_rights(as_key: Callable[[str], httpx.Client], acme: Tenant, make_key: MakeKey) -> None:
    director = as_key(make_key(acme, "bea", groups=("board",)).key)
    narrowed = director.post("/v1/search", json={"text": "bonus of the directors", "groups": []})
    assert "bonus.md" not in uris(narrowed)


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Bearer pg_1_aaaaaaaaaaaa_" + "x" * 43, "Basic eDp5"])
@pytest.mark.parametrize("path", ["/v1/ask", "/v1/search"])
def test_without_a_good_key_nothing_is_answered(client: httpx.Client, header: str | None, path: str) -> None:
    response = client.post(path, json={"text": "x"}, headers={"Authorization": header} if header else {})
    assert_problem(response, 401)
    assert response.headers["www-authenticate"] == "Bearer"


def test_a_revoked_key_and_one_with_an_old_secret_are_refused(
    as_key: Callable[[str], httpx.Client], acme: Tenant, make_key: MakeKey, served: Databases
) -> None:
    first, second = make_key(acme), make_key(acme)
    with served.pipeline.transaction(acme.tenant_id) as tx:
        keys.revoke(tx, "test", first.key_id)
        renewed = keys.rotate(tx, "test", second.key_id)
    for key in (first.key, second.key):
        assert_problem(as_key(key).post("/v1/search", json={"text": "leave"}), 401)
    assert as_key(renewed.key).post("/v1/search", json={"text": "leave"}).status_code == 200


def test_an_auditor_sees_no_text(as_key: Callable[[str], httpx.Client], acme: Tenant, make_key: MakeKey) -> None:
    auditor = as_key(make_key(acme, "aud", role="auditor").key)
    assert_problem(auditor.post("/v1/search", json={"text": "leave"}), 403)
    assert auditor.get("/metrics").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/search", {}, 422),
        ("/v1/search", {"text": 5}, 422),
        ("/v1/search", {"text": "x", "k": 0}, 422),
        ("/v1/search", {"text": "x", "tenant": "globex"}, 422),
        ("/v1/ask", {"text": "x", "session": "../etc"}, 422),
        ("/v1/search", {"text": "  "}, 400),
        ("/v1/search", {"text": "x", "k": 100_000}, 400),
        ("/v1/ask", {"text": "marker-q" * 2000}, 400),
        ("/v1/ask", {"text": "marker-q" * 40_000}, 413),
    ],
)
def test_wrong_requests_are_problems_that_do_not_repeat_the_text(
    ann: httpx.Client, path: str, body: dict[str, object], status: int
) -> None:
    response = ann.post(path, json=body)
    assert_problem(response, status)
    assert "marker-q" not in response.text


def test_a_body_without_an_announced_length_is_limited_too(ann: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"text": "'
        for _ in range(100):
            yield b"y" * 10_000

    assert_problem(ann.post("/v1/ask", content=chunks(), headers={"Content-Type": "application/json"}), 413)


def test_broken_json_and_wrong_paths_and_methods_are_problems(ann: httpx.Client) -> None:
    assert_problem(ann.post("/v1/ask", content=b"{", headers={"Content-Type": "application/json"}), 422)
    assert_problem(ann.get("/v1/nothing"), 404)
    assert_problem(ann.get("/static/nothing.js"), 404)
    assert ann.get("/v1/ask").headers["allow"] == "POST"
    assert_problem(ann.get("/v1/ask"), 405)


def test_a_request_id_is_accepted_or_made(client: httpx.Client) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    made = client.get("/healthz", headers={"X-Request-Id": "a b\tc"}).headers["x-request-id"]
    assert len(made) == 32
    assert client.get("/healthz").headers["x-prodgen-release"] == "none"


def test_health_and_readiness_need_no_key(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    for _ in range(200):
        ready = client.get("/readyz")
        if ready.status_code == 200:
            break
        assert_problem(ready, 503)
        assert ready.headers["retry-after"]
        time.sleep(0.1)
    assert ready.json()["checks"] == {"database": "ok", "embedder": "ok"}


def test_metrics_count_by_route_and_name_no_tenant(client: httpx.Client, ann: httpx.Client) -> None:
    ann.post("/v1/ask", json={"text": "annual leave"})
    text = ann.get("/metrics").text
    assert 'prodgen_requests_total{method="POST",route="/v1/ask",status="200"}' in text
    assert 'prodgen_step_seconds_bucket{le="0.1",route="/v1/ask",step="retrieve"}' in text
    assert 'prodgen_answers_total{escalated="false",refused="false",tier="extractive"}' in text
    assert "acme" not in text
    assert "ann" not in text.replace("scanned", "")
    del client.headers["Authorization"]
    assert_problem(client.get("/metrics"), 401)


def test_the_page_is_open_and_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "http" not in page.text
    assert "onclick" not in page.text
    for asset in ("page.js", "page.css", "icon.svg"):
        assert asset in page.text
        assert client.get(f"/static/{asset}").status_code == 200


def test_the_interface_describes_itself(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()
    assert {"/v1/search", "/v1/ask", "/healthz", "/readyz", "/metrics"} <= set(described["paths"])
    assert "HTTPBearer" in described["components"]["securitySchemes"]


def test_the_log_holds_no_question(ann: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="prodgen_pipeline"):
        ann.post("/v1/ask", json={"text": "marker-zebra leave"})
        ann.post("/v1/ask", json={"text": 1, "marker-zebra": 1})
    assert "POST /v1/ask 200" in caplog.text
    assert "marker-zebra" not in caplog.text


def test_questions_at_the_same_time_are_answered_each_with_its_own(ann: httpx.Client, address: str) -> None:
    questions = {"annual leave days": "leave.md", "train travel refunded": "travel.txt"}
    found: list[tuple[str, str]] = []

    def ask(text: str) -> None:
        response = httpx.post(f"{address}/v1/search", json={"text": text}, headers=ann.headers, timeout=30)
        found.append((text, response.json()["hits"][0]["uri"]))

    threads = [threading.Thread(target=ask, args=(text,)) for text in [*questions] * 8]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted([*questions.items()] * 8)


def test_every_route_is_open_on_purpose_or_in_the_table_of_rights(query_service: QueryService) -> None:
    open_routes = {"GET /healthz", "GET /readyz"}
    described = create_app(query_service).openapi()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in described.items() for method in methods}
    assert routes == open_routes | {action for action in RIGHTS if "/" in action}
