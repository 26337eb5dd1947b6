"""Every route with every key that may not: none, a wrong one, another tenant's, each role's, one without groups."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from prodgen_pipeline.governance.keys import NewKey
from prodgen_pipeline.governance.rights import RIGHTS, ROLES
from prodgen_pipeline.serving.app import create_app
from prodgen_pipeline.serving.service import QueryService
from prodgen_pipeline.storage.tenants import Tenant

MakeKey = Callable[..., NewKey]
Call = Callable[..., httpx.Response]
#: Routes about what one has said before are walked where that is said (`test_session_routes`).
OF_SESSIONS = {"GET /v1/sessions/{session_id}", "DELETE /v1/sessions/{session_id}", "POST /v1/feedback"}
ROUTES = sorted(name for name in RIGHTS if "/" in name and name not in OF_SESSIONS)
#: Of acme, and of its group `board` alone.
OWN, OF_THE_BOARD = "25 days of annual leave", "40,000 pounds"


@pytest.fixture(scope="module")
def call(query_service: QueryService) -> Call:
    app = create_app(query_service)

    def send(route: str, key: str | None, **body: Any) -> httpx.Response:
        async def sent() -> httpx.Response:
            headers = {} if key is None else {"Authorization": f"Bearer {key}"}
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://prodgen") as client:
                method, path = route.split(" ")
                if path == "/v1/chat/completions":
                    body["messages"] = [{"role": "user", "content": body.pop("text")}]
                return await client.request(method, path, headers=headers, json=body if method == "POST" else None)

        return asyncio.run(sent())

    return send


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_answers_the_roles_of_the_table_and_no_other(
    call: Call, acme: Tenant, make_key: MakeKey, route: str
) -> None:
    for role in ROLES:
        answered = call(route, make_key(acme, role=role).key, text="annual leave")
        assert answered.status_code == (200 if role in RIGHTS[route] else 403), (role, answered.text)
        assert role in RIGHTS[route] or OWN not in answered.text
    wrong = make_key(acme).key[:-4] + "AAAA"
    for key in (None, "", "pg_1_000000000000_" + "A" * 43, wrong):
        answered = call(route, key, text="annual leave")
        assert (answered.status_code, OWN in answered.text) == (401, False)


@pytest.mark.parametrize("route", [name for name in ROUTES if name.startswith("POST")])
def test_a_route_tells_nothing_of_another_tenant_or_of_groups_that_the_key_has_not(
    call: Call, acme: Tenant, globex: Tenant, make_key: MakeKey, route: str
) -> None:
    board = make_key(acme, groups=("board",)).key
    assert OF_THE_BOARD in call(route, board, text="the bonus of the directors").text
    others = {"another tenant": make_key(globex, groups=("board",)).key, "no groups": make_key(acme).key}
    tricks: list[dict[str, Any]] = [
        {}, {"filter": {"sources": ["board"]}}, {"filter": {"uri_prefix": "bonus"}}, {"id": "' OR true --"},
    ]  # fmt: skip
    for who, key in others.items():
        for trick in tricks:
            answered = call(route, key, text="the bonus of the directors", **trick)
            assert OF_THE_BOARD not in answered.text, (who, trick)
            assert "bonus.md" not in answered.text, (who, trick)
        for widening in ({"tenant": acme.name}, {"tenant_id": acme.tenant_id}, {"groups": ["board"]}, {"user": "ada"}):
            answered = call(route, key, text="the bonus of the directors", **widening)
            assert OF_THE_BOARD not in answered.text, (who, widening)
