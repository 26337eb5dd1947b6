"""Limits and budgets on the way of a question: one object a process, one account a question.

    account = spending.admit(tenant, user)      # raises where the question may not be asked now
    route(..., cap=account.cap)                 # what the budget still allows
    AnswerStream(..., afford=account.afford)    # sets aside what a call may cost
    account.settle(costs, ...)                 # what it did cost; the rest is free again

Belongs here: the order of these steps, and that this process is known to live. Does not: the rules (`core.spending`),
the accounts (`storage.budgets`). A tenant that has neither limits nor budgets is asked after once a second.
"""

import logging
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from prodgen_pipeline.core.errors import DatabaseUnavailable
from prodgen_pipeline.core.routing import Cap
from prodgen_pipeline.core.spending import CallCost, SpendingConfig, budget_spent, cap_at, limit_exceeded
from prodgen_pipeline.storage import budgets, limits
from prodgen_pipeline.storage.database import Database
from prodgen_pipeline.storage.limits import Entry
from prodgen_pipeline.storage.tenants import Tenant

logger = logging.getLogger(__name__)

#: A process takes its lock again this soon after it lost it; others are given what it had set aside after two seconds.
ALIVE_SECONDS = 0.5
#: Tenants that are remembered to have nothing configured.
_REMEMBERED = 10_000
_NOTHING = Entry(configured=False, waits=0.0, limited_by=None, spent_share=0.0, hard_stop=False, ends_at=None)


class Amount(Protocol):
    """What a call may cost at most."""

    @property
    def tokens(self) -> int:
        """Of input and output together."""

    @property
    def usd(self) -> float:
        """Dollars."""


class Spending:
    """Who may ask now, and what it may cost. Safe to share between threads."""

    def __init__(self, database: Database, config: SpendingConfig | None = None, *, worker: int | None = None) -> None:
        """`worker` is a number of `living_worker`."""
        self._database = database
        self._config = config or SpendingConfig()
        self._worker = worker
        #: Until when a tenant is taken to have neither limits nor budgets.
        self._unlimited: dict[int, float] = {}

    def admit(self, tenant: Tenant, user: str | None) -> "QuestionAccount":
        """Let one request in and open its account.

        Raises LimitExceeded, BudgetSpent under a hard stop, DatabaseUnavailable.
        """
        return self._opened(tenant, user or "", self._entry(tenant, user or ""))

    def open(self, tenant: Tenant, user: str | None) -> "QuestionAccount":
        """Open an account under the tenant's budgets, with no limit of requests: for batches.

        Raises BudgetSpent under a hard stop, DatabaseUnavailable.
        """
        return self._opened(tenant, user or "", limits.standing(self._database, tenant.tenant_id))

    def _opened(self, tenant: Tenant, user: str, entry: Entry) -> "QuestionAccount":
        if entry.waits > 0:
            raise limit_exceeded(entry.limited_by or "requests", entry.waits)
        if entry.spent_share >= 1 and entry.hard_stop and entry.ends_at is not None:
            raise budget_spent(entry.ends_at, datetime.now(UTC))
        return QuestionAccount(self._database, tenant, user, entry, self._config, worker=self._worker)

    def _entry(self, tenant: Tenant, user: str) -> Entry:
        now = time.monotonic()
        if self._unlimited.get(tenant.tenant_id, 0.0) > now:
            return _NOTHING
        entry = limits.admit(self._database, tenant.tenant_id, user)
        if entry.configured:
            self._unlimited.pop(tenant.tenant_id, None)
        else:
            if len(self._unlimited) >= _REMEMBERED:
                self._unlimited.clear()
            self._unlimited[tenant.tenant_id] = now + self._config.remember_seconds
        return entry


class QuestionAccount:
    """What one question sets aside and settles. Not shared between threads; settled once."""

    def __init__(
        self,
        database: Database,
        tenant: Tenant,
        user: str,
        entry: Entry,
        config: SpendingConfig,
        *,
        worker: int | None = None,
    ) -> None:
        """Made by `Spending`."""
        self._database = database
        self._tenant = tenant
        self._user = user
        self._entry = entry
        self._config = config
        self._worker = worker
        self._reservations: list[int] = []
        self._is_settled = False

    @property
    def cap(self) -> Cap:
        """Which tiers the tightest budget still allows."""
        return cap_at(self._entry.spent_share, self._config) if self._entry.configured else Cap.NONE

    def afford(self, worst: Amount) -> bool:
        """Set aside what a call may cost; False where a budget or a limit of tokens has not as much left.

        Raises DatabaseUnavailable.
        """
        if not self._entry.configured:
            return True
        made = budgets.reserve(
            self._database, self._tenant.tenant_id, "querying", self._user, usd=worst.usd, tokens=worst.tokens,
            lease_seconds=self._config.lease_seconds, worker=self._worker,
        )  # fmt: skip
        if made.reservation_id is None:
            logger.info("a call of tenant %d is not made: %s", self._tenant.tenant_id, made.refused_by)
            return False
        self._reservations.append(made.reservation_id)
        return True

    def settle(self, costs: Sequence[CallCost], *, release: str, cache_hit: bool = False) -> None:
        """Keep what was used, and give the rest back; the last of `costs` is of the tier that answered.

        `release` is the one whose prices they are told by.

        Settling again does nothing. Raises DatabaseUnavailable; what was set aside is then returned after its lease.
        """
        if self._is_settled:
            return
        budgets.settle(
            self._database, self._tenant.tenant_id, "querying", self._user, self._reservations, costs,
            prices=release, cache_hit=cache_hit,
        )  # fmt: skip
        self._is_settled = True


@contextmanager
def living_worker(database: Database) -> Iterator[int]:
    """A number under which this process is known to live for as long as the block lasts.

    Its lock is held on a connection of its own and taken again where the connection is lost, in the background; while
    the database is away nobody can return anything.
    """
    number = secrets.randbelow(2**31 - 1) + 1
    held, ended = threading.Event(), threading.Event()
    keeper = threading.Thread(target=_keep_alive, args=(database, number, held, ended), daemon=True, name="alive")
    keeper.start()
    # Not for ever: the service starts without its database.
    held.wait(1.0)
    try:
        yield number
    finally:
        ended.set()
        keeper.join()


def _keep_alive(database: Database, number: int, held: threading.Event, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            with database.session_lock(budgets.WORKER_LOCK, number, wait_seconds=0.5) as lock:
                if lock.locked:
                    held.set()
                while lock.locked and not ended.wait(ALIVE_SECONDS):
                    lock.check()
        except DatabaseUnavailable as error:
            logger.warning("the lock of worker %d is lost and taken again: %s", number, error)
            ended.wait(ALIVE_SECONDS)
