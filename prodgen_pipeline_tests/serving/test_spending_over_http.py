"""Limits and budgets as a client meets them: what is refused, what a spent budget still answers, what is counted."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import httpx
import psycopg
import pytest

from prodgen_pipeline.governance.keys import NewKey
from prodgen_pipeline.storage import budgets, limits
from prodgen_pipeline.storage.budgets import UsageRow
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.limits import Limit
from prodgen_pipeline.storage.tenants import Tenant
from prodgen_pipeline_tests.scripted_endpoint import ScriptedEndpoint

LEAVE = "How many days of annual leave do I have?"


@pytest.fixture
def user(served: Databases, acme: Tenant) -> Iterator[str]:
    """Somebody whose tenant has spent nothing, and whose limits and budgets are gone after the test."""
    # What other tests asked counts in a budget that is set later.
    with psycopg.connect(served.addresses.owner, autocommit=True) as owner:
        owner.execute("DELETE FROM prodgen.usage WHERE tenant_id = %s", [acme.tenant_id])
    yield "spender"
    with served.pipeline.transaction(acme.tenant_id) as tx:
        limits.remove(tx, "spender")
        budgets.remove(tx, "querying", "month")


@pytest.fixture
def client(address: str, acme: Tenant, user: str, make_key: Callable[..., NewKey]) -> Iterator[httpx.Client]:
    key = make_key(acme, user=user).key
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30) as opened:
        yield opened


def ask(client: httpx.Client) -> dict[str, object]:
    response = client.post("/v1/ask", json={"text": LEAVE})
    assert response.status_code == 200, response.text
    found: dict[str, object] = response.json()
    return found


def set_budget(served: Databases, tenant: Tenant, usd: str, *, hard_stop: bool = False) -> None:
    with served.pipeline.transaction(tenant.tenant_id) as tx:
        budgets.set_budget(tx, "querying", "month", Decimal(usd), hard_stop=hard_stop)


def used(served: Databases, tenant: Tenant, user: str) -> list[UsageRow]:
    with served.pipeline.transaction(tenant.tenant_id) as tx:
        return [row for row in budgets.usage(tx, "month", days=1) if row.user_name == user]


def test_requests_beyond_a_limit_are_told_when_to_come_again_on_every_route(
    client: httpx.Client, served: Databases, acme: Tenant, user: str
) -> None:
    with served.pipeline.transaction(acme.tenant_id) as tx:
        limits.set_limit(tx, Limit(user_name=user, unit="requests", per_minute=0.5, burst=2))
    assert client.post("/v1/search", json={"text": LEAVE}).status_code == 200
    ask(client)
    bodies = {
        # On behalf of others is no way around.
        "/v1/search": {"text": LEAVE, "user": "somebody-else"},
        "/v1/ask": {"text": LEAVE, "user": "somebody-else"},
        "/v1/chat/completions": {"messages": [{"role": "user", "content": LEAVE}]},
    }
    for route, body in bodies.items():
        refused = client.post(route, json=body)
        assert refused.status_code == 429
        assert refused.headers["content-type"] == "application/problem+json"
        assert 100 < int(refused.headers["retry-after"]) <= 120
        assert "the limit of requests" in refused.json()["detail"]


def test_answers_settle_what_their_models_cost(
    client: httpx.Client, served: Databases, acme: Tenant, user: str
) -> None:
    set_budget(served, acme, "1")
    before = sum(row.usd for row in used(served, acme, user))
    answered = ask(client)
    usage = answered["usage"]
    assert isinstance(usage, dict)
    rows = used(served, acme, user)
    assert sum(row.usd for row in rows) - before == Decimal(str(usage["usd"])) > 0
    assert all(row.prices == [answered["release"]] for row in rows)
    with served.pipeline.transaction(acme.tenant_id) as tx:
        standing = budgets.list_all(tx)[0]
    assert standing.reserved_usd == 0
    assert standing.spent_usd >= Decimal(str(usage["usd"]))


def test_a_spent_budget_answers_from_the_documents_and_asks_no_model(
    client: httpx.Client, served: Databases, acme: Tenant, endpoint: ScriptedEndpoint
) -> None:
    set_budget(served, acme, "0")
    answered = ask(client)
    route = answered["route"]
    assert isinstance(route, dict)
    assert (route["tier"], answered["refused"]) == ("extractive", False)
    assert "25 days" in str(answered["answer"])
    assert endpoint.requests == []


def test_a_call_that_the_budget_cannot_pay_in_full_is_not_made(
    client: httpx.Client, served: Databases, acme: Tenant, endpoint: ScriptedEndpoint
) -> None:
    set_budget(served, acme, "1000")
    ask(client)
    with served.pipeline.transaction(acme.tenant_id) as tx:
        spent = budgets.list_all(tx)[0].spent_usd
    asked = len(endpoint.requests)
    # As much again is left as was spent: half a budget, which cuts nothing, and less than the worst case of a call.
    set_budget(served, acme, str(spent * 2))
    assert "25 days" in str(ask(client)["answer"])
    assert len(endpoint.requests) == asked


def test_a_hard_stop_refuses_and_says_when_it_ends(client: httpx.Client, served: Databases, acme: Tenant) -> None:
    set_budget(served, acme, "0", hard_stop=True)
    refused = client.post("/v1/ask", json={"text": LEAVE})
    assert refused.status_code == 429
    assert "the budget for questions is spent; the next one begins at" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) > 0
