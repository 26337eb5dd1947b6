"""Budgets: what is set, what is set aside and settled, what was used.

Belongs here: rows in and out; money is `Decimal` dollars here, exact to nine decimals. Does not: what a budget still
allows (`core.spending`), when to reserve (`serving.spending`). The rules that must hold at any concurrency are in
sql/functions/spending.sql, and are called in transactions that see what others have committed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from prodgen_pipeline.core.spending import CallCost, dollars
from prodgen_pipeline.storage.database import Database, Transaction

Account = Literal["indexing", "querying"]
Period = Literal["day", "month"]
#: Of advisory locks by which a process is known to live; the other half of the key is its number.
WORKER_LOCK = 7130005


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A budget and how it stands."""

    account: Account
    period: Period
    usd: Decimal
    hard_stop: bool
    spent_usd: Decimal = Decimal(0)
    reserved_usd: Decimal = Decimal(0)
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """What became of a wish to set money and tokens aside."""

    #: None where it was refused.
    reservation_id: int | None
    #: 'budget', or the limit that has not as many tokens now.
    refused_by: str | None
    #: Seconds until the same wish may be granted.
    waits: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """What a user's questions used of a model in one period; `requests` are counted where the model answered."""

    starts_on: date
    account: Account
    user_name: str
    tier: str
    model: str
    requests: int
    cache_hits: int
    input_tokens: int
    output_tokens: int
    usd: Decimal
    reserved_usd: Decimal
    #: Of what was set aside for; the rest was given back.
    settled_usd: Decimal
    #: Releases whose prices `usd` comes from.
    prices: list[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """How much more was set aside for answers than they cost."""

    answers: int
    reserved_usd: Decimal
    settled_usd: Decimal
    p50_usd: float | None
    p95_usd: float | None


def set_budget(tx: Transaction, account: Account, period: Period, usd: Decimal, *, hard_stop: bool) -> None:
    """Set a budget of the transaction's tenant (pipeline side); what the period has spent already counts."""
    tx.run("budgets.set", account=account, period=period, usd=usd, hard_stop=hard_stop)
    tx.run("budgets.judged", account=account)


def remove(tx: Transaction, account: Account, period: Period) -> bool:
    """Take a budget away (pipeline side); whether there was one."""
    return tx.run("budgets.remove", account=account, period=period) > 0


def list_all(tx: Transaction) -> list[Budget]:
    """The budgets of the transaction's tenant (pipeline side)."""
    return tx.rows("budgets.list", Budget)


def reserve(
    database: Database,
    tenant_id: int,
    account: Account,
    user_name: str,
    *,
    usd: float,
    tokens: int = 0,
    lease_seconds: float,
    worker: int | None = None,
) -> Reserved:
    """Set aside what a call may cost, in one statement: in every budget of the account and every bucket, or nowhere.

    It is returned when settled, after the lease, or soon after the process that holds `worker`'s lock has gone.
    """
    with database.newest(tenant_id) as tx:
        return tx.rows(
            "budgets.reserve", Reserved, account=account, user_name=user_name, usd=dollars(usd), tokens=tokens,
            lease_seconds=lease_seconds, worker=worker,
        )[0]  # fmt: skip


def settle(
    database: Database,
    tenant_id: int,
    account: Account,
    user_name: str,
    reservation_ids: Sequence[int],
    costs: Sequence[CallCost],
    *,
    requests: int = 1,
    prices: str = "",
    cache_hit: bool = False,
) -> None:
    """Keep what was used in place of what was set aside; the last of `costs` is of the model that answered."""
    with database.newest(tenant_id) as tx:
        tx.run(
            "budgets.settle", account=account, user_name=user_name, reservation_ids=list(reservation_ids),
            tiers=[cost.tier for cost in costs], models=[cost.model for cost in costs],
            input_tokens=[cost.usage.input_tokens for cost in costs],
            output_tokens=[cost.usage.output_tokens for cost in costs],
            usd=[dollars(cost.usage.usd) for cost in costs], requests=requests, prices=prices, cache_hit=cache_hit,
        )  # fmt: skip


def usage(tx: Transaction, period: Period, *, days: int) -> list[UsageRow]:
    """What was used in the last days (pipeline side), by period, account, user, tier and model."""
    return tx.rows("budgets.usage", UsageRow, period=period, days=days)


def differences(tx: Transaction, *, days: int) -> Differences:
    """Set aside against settled, over the last days (pipeline side)."""
    return tx.rows("budgets.differences", Differences, days=days)[0]
