"""Limits and budgets as the database keeps them: exact at any concurrency, returned when nobody settles."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import psycopg
import pytest

from prodgen_pipeline.core.models import Usage
from prodgen_pipeline.core.spending import ALERT_STEPS, CallCost
from prodgen_pipeline.storage import budgets, limits
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.limits import ALL_TOGETHER, EACH_USER, Limit
from prodgen_pipeline.storage.tenants import Tenant

#: So slow that nothing flows in while a test runs.
TRICKLE = 1e-6


@pytest.fixture
def limit(databases: Databases, tenant: Tenant) -> Callable[..., None]:
    """Sets a limit of acme whose bucket holds `burst`."""

    def set_limit(
        burst: float, user: str = ALL_TOGETHER, *, unit: str = "requests", per_minute: float = TRICKLE
    ) -> None:
        with databases.pipeline.transaction(tenant.tenant_id) as tx:
            limits.set_limit(tx, Limit(user_name=user, unit=unit, per_minute=per_minute, burst=burst))

    return set_limit


@pytest.fixture
def budget(databases: Databases, tenant: Tenant) -> Callable[..., None]:
    """Sets a budget of acme."""

    def set_budget(usd: str, *, account: str = "querying", period: str = "month", hard_stop: bool = False) -> None:
        with databases.pipeline.transaction(tenant.tenant_id) as tx:
            budgets.set_budget(tx, account, period, Decimal(usd), hard_stop=hard_stop)

    return set_budget


def entered(databases: Databases, tenant: Tenant, user: str = "ann") -> bool:
    return limits.admit(databases.serving, tenant.tenant_id, user).waits == 0


def reserved(databases: Databases, tenant: Tenant, usd: float, **rest: object) -> budgets.Reserved:
    arguments = {"account": "querying", "user_name": "ann", "lease_seconds": 60.0} | rest
    return budgets.reserve(databases.serving, tenant.tenant_id, usd=usd, **arguments)


def settled(databases: Databases, tenant: Tenant, ids: list[int], usd: float, **rest: object) -> None:
    cost = CallCost(tier="fast", model="m", usage=Usage(input_tokens=10, output_tokens=5, usd=usd))
    account = rest.pop("account", "querying")
    budgets.settle(databases.serving, tenant.tenant_id, account, "ann", ids, [cost], **rest)


def stand(databases: Databases, tenant: Tenant) -> list[tuple[str, str, Decimal, Decimal]]:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return [(each.account, each.period, each.spent_usd, each.reserved_usd) for each in budgets.list_all(tx)]


def alerts(databases: Databases, tenant: Tenant) -> list[tuple[str, str]]:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return [
            (row["object"], row["message"].split()[0]) for row in tx.dicts("alerts.open") if row["kind"] == "budget"
        ]


def test_without_limits_and_budgets_nothing_is_configured(databases: Databases, tenant: Tenant) -> None:
    entry = limits.admit(databases.serving, tenant.tenant_id, "ann")
    assert (entry.configured, entry.waits, entry.spent_share) == (False, 0, 0)


@pytest.mark.parametrize("burst", [1, 7, 40])
def test_as_many_requests_are_let_in_as_the_bucket_holds_however_many_come_at_once(
    databases: Databases, tenant: Tenant, limit: Callable[..., None], burst: int
) -> None:
    limit(burst)
    with ThreadPoolExecutor(8) as pool:
        let_in = list(pool.map(lambda _: entered(databases, tenant), range(60)))
    assert sum(let_in) == burst


def test_a_bucket_fills_with_time_and_says_how_long_that_takes(
    databases: Databases, tenant: Tenant, limit: Callable[..., None]
) -> None:
    limit(1, per_minute=600)
    assert entered(databases, tenant)
    entry = limits.admit(databases.serving, tenant.tenant_id, "ann")
    assert 0 < entry.waits <= 0.1
    assert entry.limited_by == "requests of all users"
    time.sleep(entry.waits)
    assert entered(databases, tenant)


def test_a_user_has_his_own_limit_or_that_of_everybody_and_all_share_the_tenant_s(
    databases: Databases, tenant: Tenant, limit: Callable[..., None]
) -> None:
    limit(2, EACH_USER)
    limit(3, "bob")
    assert [entered(databases, tenant, "ann") for _ in range(3)] == [True, True, False]
    assert [entered(databases, tenant, "bob") for _ in range(4)] == [True, True, True, False]
    limit(1)
    assert [entered(databases, tenant, "eve") for _ in range(2)] == [True, False]


def test_a_request_that_one_limit_refuses_takes_nothing_from_the_other(
    databases: Databases, tenant: Tenant, limit: Callable[..., None]
) -> None:
    limit(3)
    limit(1, "ann")
    assert [entered(databases, tenant, "ann") for _ in range(5)] == [True, False, False, False, False]
    assert [entered(databases, tenant, "bob") for _ in range(3)] == [True, True, False]


def test_limits_of_one_tenant_are_none_of_another(
    databases: Databases, tenant: Tenant, make_tenant: Callable[[str], Tenant], limit: Callable[..., None]
) -> None:
    limit(1)
    other = make_tenant("globex")
    assert [entered(databases, other) for _ in range(3)] == [True] * 3
    assert not limits.admit(databases.serving, other.tenant_id, "ann").configured


def test_tokens_are_set_aside_and_what_was_not_used_is_given_back(
    databases: Databases, tenant: Tenant, limit: Callable[..., None]
) -> None:
    limit(100, unit="tokens")
    first = reserved(databases, tenant, 0.0, tokens=80)
    refused = reserved(databases, tenant, 0.0, tokens=80)
    assert first.reservation_id is not None
    assert (refused.reservation_id, refused.refused_by) == (None, "tokens of all users")
    settled(databases, tenant, [first.reservation_id], 0.0)  # 15 tokens
    assert reserved(databases, tenant, 0.0, tokens=85).reservation_id is not None
    assert not entered(databases, tenant)


def test_never_more_is_set_aside_than_the_budget_has(
    databases: Databases, tenant: Tenant, budget: Callable[..., None]
) -> None:
    budget("0.5")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: reserved(databases, tenant, 0.01), range(80)))
    assert sum(each.reservation_id is not None for each in made) == 50
    assert {each.refused_by for each in made} == {None, "budget"}
    assert stand(databases, tenant) == [("querying", "month", Decimal(0), Decimal("0.5"))]


def test_what_is_settled_is_spent_and_the_rest_is_free_again(
    databases: Databases, tenant: Tenant, budget: Callable[..., None]
) -> None:
    budget("1")
    budget("0.1", period="day")
    first = reserved(databases, tenant, 0.1).reservation_id
    assert reserved(databases, tenant, 0.1).refused_by == "budget"
    settled(databases, tenant, [first], 0.03)
    spent = [("querying", "day", Decimal("0.03"), Decimal(0)), ("querying", "month", Decimal("0.03"), Decimal(0))]
    assert stand(databases, tenant) == spent
    assert reserved(databases, tenant, 0.08).refused_by == "budget"
    assert reserved(databases, tenant, 0.07).reservation_id is not None


def test_indexing_and_querying_have_accounts_of_their_own(
    databases: Databases, tenant: Tenant, budget: Callable[..., None]
) -> None:
    budget("0.1", account="indexing")
    budget("0.2")
    assert reserved(databases, tenant, 0.15, account="indexing").refused_by == "budget"
    made = reserved(databases, tenant, 0.1, account="indexing")
    settled(databases, tenant, [made.reservation_id], 0.1, account="indexing", requests=3)
    assert reserved(databases, tenant, 0.2).reservation_id is not None


def test_money_spent_before_a_budget_was_set_counts(
    databases: Databases, tenant: Tenant, budget: Callable[..., None]
) -> None:
    settled(databases, tenant, [], 0.4)
    budget("0.5")
    assert stand(databases, tenant)[0][2] == Decimal("0.4")
    assert reserved(databases, tenant, 0.2).refused_by == "budget"


def test_a_reservation_past_its_deadline_is_returned(
    databases: Databases, tenant: Tenant, budget: Callable[..., None]
) -> None:
    budget("1")
    assert reserved(databases, tenant, 1.0, lease_seconds=0.05).reservation_id is not None
    assert reserved(databases, tenant, 1.0).refused_by == "budget"
    time.sleep(0.1)
    late = reserved(databases, tenant, 1.0)
    assert late.reservation_id is not None


def test_what_is_settled_after_its_deadline_is_still_spent(
    databases: Databases, tenant: Tenant, budget: Callable[..., None]
) -> None:
    budget("1")
    late = reserved(databases, tenant, 0.5, lease_seconds=0.0).reservation_id
    assert reserved(databases, tenant, 1.0).reservation_id is not None
    settled(databases, tenant, [late], 0.5)
    assert stand(databases, tenant)[0][2:] == (Decimal("0.5"), Decimal(1))


def test_a_worker_s_reservation_stands_while_it_holds_its_lock_and_is_returned_when_it_has_gone(
    databases: Databases, tenant: Tenant, budget: Callable[..., None]
) -> None:
    budget("1")
    with databases.serving.session_lock(budgets.WORKER_LOCK, 77, wait_seconds=1) as lock:
        assert lock.locked
        assert reserved(databases, tenant, 1.0, worker=77).reservation_id is not None
        assert reserved(databases, tenant, 1.0).refused_by == "budget"
    assert reserved(databases, tenant, 1.0).refused_by == "budget"  # it may only have lost its connection
    with psycopg.connect(databases.addresses.owner) as owner:
        owner.execute("UPDATE prodgen.reservations SET missed_at = missed_at - interval '3 seconds'")
    assert reserved(databases, tenant, 1.0).reservation_id is not None


def test_there_is_an_alert_at_each_step_and_a_higher_budget_closes_it(
    databases: Databases, tenant: Tenant, budget: Callable[..., None]
) -> None:
    budget("1")
    seen = []
    for usd in (0.7, 0.1, 0.1, 0.1):
        settled(databases, tenant, [], usd)
        seen.append([percent for _, percent in alerts(databases, tenant)])
    assert seen == [[], *([f"{step * 100:.0f}"] for step in ALERT_STEPS)]
    entry = limits.admit(databases.serving, tenant.tenant_id, "ann")
    assert (entry.spent_share, entry.hard_stop) == (1.0, False)
    budget("2")
    assert alerts(databases, tenant) == []


def test_the_query_side_reaches_no_table_of_these_and_can_set_nothing(databases: Databases, tenant: Tenant) -> None:
    for table in ("limits", "rate_buckets", "budgets", "budget_periods", "reservations", "usage"):
        with (
            databases.serving.transaction(tenant.tenant_id) as tx,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            tx.connection.execute(f"SELECT FROM prodgen.{table}")


def test_usage_says_what_each_user_tier_and_model_took_and_what_was_set_aside_for_it(
    databases: Databases, tenant: Tenant, budget: Callable[..., None]
) -> None:
    budget("10")
    made = [reserved(databases, tenant, 0.5).reservation_id for _ in range(2)]
    costs = [
        CallCost(tier="fast", model="small", usage=Usage(input_tokens=100, output_tokens=10, usd=0.1)),
        CallCost(tier="strong", model="large", usage=Usage(input_tokens=100, output_tokens=20, usd=0.4)),
    ]
    budgets.settle(databases.serving, tenant.tenant_id, "querying", "ann", made, costs, prices="7")
    budgets.settle(databases.serving, tenant.tenant_id, "querying", "bob", [], [CallCost(tier="cache")], cache_hit=True)
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        rows = budgets.usage(tx, "month", days=1)
        found = budgets.differences(tx, days=1)
    told = [(row.user_name, row.tier, row.model, row.requests, row.cache_hits, float(row.usd)) for row in rows]
    assert told == [
        ("ann", "fast", "small", 0, 0, 0.1), ("ann", "strong", "large", 1, 0, 0.4), ("bob", "cache", "", 1, 1, 0.0),
    ]  # fmt: skip
    assert [row.prices for row in rows] == [["7"], ["7"], None]
    assert (found.answers, float(found.reserved_usd), float(found.settled_usd), found.p95_usd) == (1, 1.0, 0.5, 0.5)
