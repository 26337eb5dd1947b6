"""What a budget cuts when, and what a refusal says."""

import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.core.routing import Cap
from prodgen_pipeline.core.spending import (
    LimitExceeded,
    SpendingConfig,
    budget_spent,
    cap_at,
    dollars,
)


@pytest.mark.parametrize(
    ("share", "cap"),
    [
        (0.0, Cap.NONE), (0.799, Cap.NONE), (0.8, Cap.NO_STRONG), (0.899, Cap.NO_STRONG), (0.9, Cap.EXTRACTIVE_ONLY),
        (1.0, Cap.EXTRACTIVE_ONLY), (7.0, Cap.EXTRACTIVE_ONLY),
    ],
)  # fmt: skip
def test_what_is_cut_at_each_step(share: float, cap: Cap) -> None:
    assert cap_at(share, SpendingConfig()) == cap


def test_nothing_that_costs_is_allowed_of_a_spent_budget_whatever_is_configured() -> None:
    assert cap_at(1.0, SpendingConfig(no_strong_at=2, extractive_only_at=2)) == Cap.EXTRACTIVE_ONLY


@settings(deadline=None, max_examples=60)
@given(st.floats(min_value=0, max_value=1e6, allow_nan=False))
def test_money_is_exact_to_nine_decimals_and_never_negative(usd: float) -> None:
    exact = dollars(usd)
    assert exact >= 0
    assert abs(exact - Decimal(repr(usd))) <= Decimal("5e-10")
    assert dollars(-usd) == 0


def test_what_is_no_amount_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="nan is no amount"):
        dollars(math.nan)


@settings(deadline=None, max_examples=60)
@given(st.floats(min_value=0, max_value=1e6))
def test_whoever_comes_again_after_the_seconds_that_he_was_told_is_never_early(seconds: float) -> None:
    assert LimitExceeded("", retry_after_seconds=seconds).retry_after >= max(1, seconds)


def test_a_refusal_by_the_budget_says_when_it_ends() -> None:
    ends, now = datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
    refused = budget_spent(ends, now)
    assert (refused.retry_after, "2026-12-01 00:00 UTC" in str(refused)) == (3_600, True)
