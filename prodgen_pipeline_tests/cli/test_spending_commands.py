"""`prodgen limit`, `budget` and `usage`."""

import pytest

from prodgen_pipeline.core.models import Usage
from prodgen_pipeline.core.spending import CallCost
from prodgen_pipeline.settings import load_settings
from prodgen_pipeline.storage import budgets, tenants
from prodgen_pipeline.storage.connection import open_databases
from prodgen_pipeline_tests.cli.conftest import Prodgen

TENANT = "spending-co"


@pytest.fixture
def spending_tenant(prodgen: Prodgen) -> str:
    if TENANT not in prodgen("tenant", "list").out:
        assert prodgen("tenant", "add", TENANT).code == 0
    return TENANT


def test_limits_are_set_shown_and_removed(prodgen: Prodgen, spending_tenant: str) -> None:
    assert prodgen("limit", "show", TENANT).out == "no limits\n"
    assert prodgen("limit", "set", TENANT, "--per-minute", "60").code == 0
    assert prodgen("limit", "set", TENANT, "--user", "ann", "--per-minute", "6", "--burst", "2").code == 0
    assert prodgen("limit", "set", TENANT, "--each-user", "--tokens-per-minute", "9000").code == 0
    assert prodgen("limit", "show", TENANT, "--json").json == [
        {"user": None, "unit": "requests", "per_minute": 60.0, "burst": 60.0},
        {"user": "*", "unit": "tokens", "per_minute": 9000.0, "burst": 9000.0},
        {"user": "ann", "unit": "requests", "per_minute": 6.0, "burst": 2.0},
    ]
    assert "all users together" in prodgen("limit", "show", TENANT).out
    for options in ((), ("--each-user",), ("--user", "ann")):
        assert "no limit any more" in prodgen("limit", "remove", TENANT, *options).err
    assert prodgen("limit", "show", TENANT, "--json").json == []
    assert [line["action"] for line in prodgen("audit", "export", TENANT).lines].count("limit.set") == 3


@pytest.mark.parametrize(
    "options",
    [
        (), ("--per-minute", "0"), ("--per-minute", "many"), ("--per-minute", "inf"), ("--per-minute", "nan"),
        ("--user", "", "--per-minute", "1"), ("--user", "ann", "--each-user", "--per-minute", "1"),
        ("--per-minute", "1", "--tokens-per-minute", "1", "--burst", "2"),
    ],
)  # fmt: skip
def test_a_limit_that_makes_no_sense_is_refused(
    prodgen: Prodgen, spending_tenant: str, options: tuple[str, ...]
) -> None:
    assert prodgen("limit", "set", TENANT, *options).code == 2


@pytest.mark.parametrize("usd", ["much", "-1", "nan", "inf", "1e12", ""])
def test_a_budget_that_makes_no_sense_is_refused(prodgen: Prodgen, spending_tenant: str, usd: str) -> None:
    assert prodgen("budget", "set", TENANT, "--usd", usd).code == 2


def test_usage_shows_what_was_used_and_how_the_budgets_stand(prodgen: Prodgen, spending_tenant: str) -> None:
    assert prodgen("usage", TENANT).out.startswith("nothing was used")
    assert prodgen("budget", "set", TENANT, "--usd", "2.50").code == 0
    assert prodgen("budget", "set", TENANT, "--usd", "1", "--period", "day", "--hard-stop").code == 0
    with open_databases(load_settings()) as databases:
        with databases.pipeline.transaction() as tx:
            tenant = tenants.find(tx, TENANT)
        made = budgets.reserve(databases.serving, tenant.tenant_id, "querying", "ann", usd=0.5, lease_seconds=60)
        cost = CallCost(tier="fast", model="small", usage=Usage(input_tokens=90, output_tokens=10, usd=0.2))
        budgets.settle(databases.serving, tenant.tenant_id, "querying", "ann", [made.reservation_id], [cost])
    told = prodgen("usage", TENANT, "--json").json
    (row,) = told["usage"]
    assert {key: row[key] for key in ("user", "tier", "model", "requests", "input_tokens", "usd", "refunded_usd")} == {
        "user": "ann", "tier": "fast", "model": "small", "requests": 1, "input_tokens": 90, "usd": 0.2,
        "refunded_usd": 0.3,
    }  # fmt: skip
    assert [(each["period"], each["spent_usd"], each["share"], each["hard_stop"]) for each in told["budgets"]] == [
        ("day", 0.2, 0.2, True), ("month", 0.2, 0.08, False),
    ]  # fmt: skip
    assert told["reservations"]["difference_p95_usd"] == pytest.approx(0.3)
    shown = prodgen("usage", TENANT).out
    assert all(word in shown for word in ("small", "querying, month", "8.0%", "refuse all", "p95 0.300000 USD"))
    for period in ("day", "month"):
        assert "has no budget" in prodgen("budget", "remove", TENANT, "--period", period).err
    assert "had no budget" in prodgen("budget", "remove", TENANT).err
