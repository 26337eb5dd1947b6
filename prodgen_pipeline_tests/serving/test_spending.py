"""Limits and budgets over several processes: never a cent over, never a request more, nothing kept by the dead."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from prodgen_pipeline.core.models import Usage
from prodgen_pipeline.core.routing import Cap
from prodgen_pipeline.core.spending import BudgetSpent, CallCost, LimitExceeded, SpendingConfig
from prodgen_pipeline.serving.spending import Spending, living_worker
from prodgen_pipeline.serving.tiers import WorstCase
from prodgen_pipeline.storage import budgets, limits
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.limits import ALL_TOGETHER, Limit
from prodgen_pipeline.storage.tenants import Tenant

PROGRAM = Path(__file__).with_name("spending_process.py")
CENT = WorstCase(tokens=100, usd=0.01)


def set_budget(databases: Databases, tenant: Tenant, usd: str, *, hard_stop: bool = False) -> None:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        budgets.set_budget(tx, "querying", "month", Decimal(usd), hard_stop=hard_stop)


def set_limit(databases: Databases, tenant: Tenant, burst: float, *, per_minute: float = 1e-6) -> None:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        limits.set_limit(tx, Limit(user_name=ALL_TOGETHER, unit="requests", per_minute=per_minute, burst=burst))


def usage(usd: float) -> Usage:
    return Usage(input_tokens=10, output_tokens=5, usd=usd)


def standing(databases: Databases, tenant: Tenant) -> budgets.Budget:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return budgets.list_all(tx)[0]


@contextmanager
def process(databases: Databases, tenant: Tenant, mode: str, n: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(PROGRAM), databases.addresses.serving, str(tenant.tenant_id), mode, str(n)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def given(children: Sequence[subprocess.Popen[str]]) -> list[int]:
    """Start them together; how much each was given."""
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    return [int(child.communicate(timeout=60)[0]) for child in children]


def test_two_processes_with_200_requests_never_spend_a_cent_more_than_the_budget(
    databases: Databases, tenant: Tenant
) -> None:
    set_budget(databases, tenant, "0.5")
    with ExitStack() as stack:
        children = [stack.enter_context(process(databases, tenant, "spend", 100)) for _ in range(2)]
        granted = sum(given(children))
    found = standing(databases, tenant)
    # Half of what is granted costs half of what was set aside, so that more than 50 are; the last cents may not do.
    assert found.reserved_usd == 0
    assert Decimal("0.49") < found.spent_usd <= Decimal("0.5")
    assert 50 < granted < 200
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        rows, differences = budgets.usage(tx, "month", days=1), budgets.differences(tx, days=1)
    assert sum(row.requests for row in rows) == 200
    assert sum(row.usd for row in rows) == found.spent_usd
    assert differences.answers == granted
    assert differences.p95_usd == pytest.approx(0.005)


def test_two_processes_let_in_exactly_as_many_requests_as_the_bucket_holds(
    databases: Databases, tenant: Tenant
) -> None:
    set_limit(databases, tenant, 50)
    with ExitStack() as stack:
        children = [stack.enter_context(process(databases, tenant, "enter", 100)) for _ in range(2)]
        let_in = given(children)
    assert sum(let_in) == 50


def test_what_a_killed_process_had_set_aside_is_returned(databases: Databases, tenant: Tenant) -> None:
    set_budget(databases, tenant, "0.1")
    spending = Spending(databases.serving)
    with process(databases, tenant, "hold", 10) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "10\n"
        assert not spending.admit(tenant, "bob").afford(CENT)
        time.sleep(2.5)
        assert not spending.admit(tenant, "bob").afford(CENT), "of a process that lives"
        child.kill()
        child.wait()
        deadline = time.monotonic() + 30
        while not spending.admit(tenant, "bob").afford(CENT):
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert standing(databases, tenant).reserved_usd == Decimal("0.01")


def test_a_process_that_loses_its_connection_takes_its_lock_again(databases: Databases, tenant: Tenant) -> None:
    with psycopg.connect(databases.addresses.owner, autocommit=True) as owner:
        holders = (
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 7130005 AND objid = %s AND granted"
        )
        with living_worker(databases.serving) as worker:
            first = owner.execute(holders, [worker]).fetchone()
            owner.execute("SELECT pg_terminate_backend(%s)", first)
            deadline = time.monotonic() + 10
            while (again := owner.execute(holders, [worker]).fetchone()) in (None, first):
                assert time.monotonic() < deadline
                time.sleep(0.02)
        assert again is not None
        assert owner.execute(holders, [worker]).fetchone() is None


def test_the_refusal_of_a_limit_says_when_to_come_again(databases: Databases, tenant: Tenant) -> None:
    set_limit(databases, tenant, 1, per_minute=30)
    spending = Spending(databases.serving)
    spending.admit(tenant, "ann")
    with pytest.raises(LimitExceeded, match="the limit of requests of all users is reached: try again in 2 s") as found:
        spending.admit(tenant, "ann")
    assert 1 < found.value.retry_after_seconds <= 2
    assert found.value.retry_after == 2


def test_tiers_are_cut_as_the_budget_is_spent_and_a_hard_stop_refuses_at_its_end(
    databases: Databases, tenant: Tenant
) -> None:
    set_budget(databases, tenant, "1")
    spending = Spending(databases.serving)
    caps = []
    for usd in (0.5, 0.3, 0.1, 0.1):
        account = spending.admit(tenant, "ann")
        caps.append(account.cap)
        account.settle([CallCost(tier="fast", model="m", usage=usage(usd))], release="r")
    caps.append(spending.admit(tenant, "ann").cap)
    assert caps == [Cap.NONE, Cap.NONE, Cap.NO_STRONG, Cap.EXTRACTIVE_ONLY, Cap.EXTRACTIVE_ONLY]
    set_budget(databases, tenant, "1", hard_stop=True)
    with pytest.raises(BudgetSpent, match=r"the next one begins at \d{4}-\d\d-01 00:00 UTC") as found:
        spending.admit(tenant, "ann")
    assert 0 < found.value.retry_after_seconds <= 31 * 86_400


def test_a_batch_has_budgets_and_no_limits(databases: Databases, tenant: Tenant) -> None:
    set_limit(databases, tenant, 1)
    set_budget(databases, tenant, "0.005")
    spending = Spending(databases.serving)
    accounts = [spending.open(tenant, "ann") for _ in range(3)]
    assert [account.afford(CENT) for account in accounts] == [False] * 3


def test_without_anything_set_the_database_is_not_asked_before_the_answer(databases: Databases, tenant: Tenant) -> None:
    spending = Spending(databases.serving, SpendingConfig(remember_seconds=60))
    spending.admit(tenant, "ann")
    set_limit(databases, tenant, 1)
    for _ in range(3):
        account = spending.admit(tenant, "ann")
        assert (account.cap, account.afford(CENT)) == (Cap.NONE, True)
    account.settle([CallCost(tier="fast", model="m", usage=usage(0.01))], release="r")
    account.settle([CallCost(tier="fast", model="m", usage=usage(0.01))], release="r")
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert [row.usd for row in budgets.usage(tx, "day", days=1)] == [Decimal("0.01")]
