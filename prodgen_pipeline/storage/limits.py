"""Rate limits: what is set, and one question at the door. The buckets and their clock are the database's.

Belongs here: rows in and out. Does not: what follows from an answer (`core.spending`, `serving.spending`), money
(`budgets`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from prodgen_pipeline.storage.database import Database, Transaction

Unit = Literal["requests", "tokens"]
#: In place of a user's name: all users together, and every user by himself who has no limit of his own.
ALL_TOGETHER, EACH_USER = "", "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A token bucket: it holds `burst`, and `per_minute` flow into it."""

    user_name: str
    unit: Unit
    per_minute: float
    burst: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the database says at the door."""

    #: Whether the tenant has any limit, or a budget for questions.
    configured: bool
    #: Seconds until the request would be let in; 0: it is.
    waits: float
    limited_by: str | None
    #: Of the tightest budget; 1 and more: all of it.
    spent_share: float
    hard_stop: bool
    ends_at: datetime | None


def set_limit(tx: Transaction, limit: Limit) -> None:
    """Set a limit of the transaction's tenant (pipeline side)."""
    tx.run(
        "limits.set", user_name=limit.user_name, unit=limit.unit, per_minute=limit.per_minute, burst=limit.burst
    )  # fmt: skip


def remove(tx: Transaction, user_name: str) -> int:
    """Take the limits of a user away (pipeline side), see `ALL_TOGETHER` and `EACH_USER`; returns how many."""
    return tx.run("limits.remove", user_name=user_name)


def list_all(tx: Transaction) -> list[Limit]:
    """The limits of the transaction's tenant (pipeline side), those for all users first."""
    return tx.rows("limits.list", Limit)


def admit(database: Database, tenant_id: int, user_name: str) -> Entry:
    """Take one request out of every bucket that the user is under, or out of none, in one statement."""
    with database.newest(tenant_id) as tx:
        return tx.rows("limits.admit", Entry, user_name=user_name)[0]


def standing(database: Database, tenant_id: int) -> Entry:
    """The same for what has no limits, such as a batch: how the budget for questions stands, and nothing is taken."""
    with database.newest(tenant_id) as tx:
        return tx.rows("limits.admit", Entry, user_name=None)[0]
