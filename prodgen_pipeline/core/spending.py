"""What calls cost, what a budget still allows, when somebody may come again: the rules, over values.

Belongs here: the steps at 80, 90 and 100 percent, the refusals. Does not: keeping accounts
(`storage.budgets`, sql/functions/spending.sql), prices (of a release's
tiers, so that what a past answer cost can be told again), which tier a question needs (`core.routing`).
"""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from prodgen_pipeline.core.errors import ConfigurationError, TransientError
from prodgen_pipeline.core.models import Usage
from prodgen_pipeline.core.routing import Cap

#: Shares of a budget at which alerts are raised (sql/functions/spending.sql names them too; a test compares).
ALERT_STEPS = (0.8, 0.9, 1.0)
_NANO = Decimal("0.000000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCost:
    """What one model used for an answer. `tier` is a tier, `extractive` or `cache` where no model was asked."""

    tier: str
    model: str = ""
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingConfig:
    """What is cut when, as shares of a tenant's tightest budget for questions. Changes no answer that is given."""

    #: From here on the strong tier is out.
    no_strong_at: float = 0.8
    #: From here on only the cache and the documents' own sentences answer.
    extractive_only_at: float = 0.9
    #: Beyond a call's own time-out, after which what was set aside for it is returned whatever happened.
    lease_seconds: float = 300.0
    #: How long a tenant that had neither limits nor budgets is taken to have none.
    remember_seconds: float = 1.0


def cap_at(spent_share: float, config: SpendingConfig) -> Cap:
    """What a budget still allows of which this share is spent."""
    if spent_share >= min(config.extractive_only_at, 1.0):
        return Cap.EXTRACTIVE_ONLY
    return Cap.NO_STRONG if spent_share >= config.no_strong_at else Cap.NONE


def dollars(usd: float) -> Decimal:
    """Exact dollars of nine decimals; never fewer than none. Raises ConfigurationError for what is no amount."""
    if not math.isfinite(usd):
        raise ConfigurationError(f"{usd} is no amount of money: look at the prices in the settings")
    return max(Decimal(repr(usd)).quantize(_NANO, ROUND_HALF_UP), Decimal(0))


class ComeBackLater(TransientError):
    """More was asked for than is allowed now."""

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds

    @property
    def retry_after(self) -> int:
        """Whole seconds, as HTTP says it: after them the request is let in, never before."""
        return max(1, math.ceil(self.retry_after_seconds))


class LimitExceeded(ComeBackLater):
    """The rate limit is reached."""


class BudgetSpent(ComeBackLater):
    """The budget is spent, and the tenant wants nothing answered beyond it."""


class Overloaded(ComeBackLater):
    """The service has more to do than it can."""


def limit_exceeded(limited_by: str, waits: float) -> LimitExceeded:
    """The refusal of a request that its rate limit does not let in."""
    return LimitExceeded(
        f"the limit of {limited_by} is reached: try again in {max(1, math.ceil(waits))} s", retry_after_seconds=waits
    )


def budget_spent(ends_at: datetime, now: datetime) -> BudgetSpent:
    """The refusal under a hard stop, which says when it ends."""
    return BudgetSpent(
        f"the budget for questions is spent; the next one begins at {ends_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        retry_after_seconds=(ends_at - now).total_seconds(),
    )
