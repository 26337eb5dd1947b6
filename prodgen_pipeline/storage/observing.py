"""What the sensor asks about a tenant before it reads its stores, and the record of runs that ended without one."""

from dataclasses import dataclass

from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.tenants import RUN_LOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a tenant stands between two runs."""

    #: Rows of the ledger that wait: a killed run left them, or a person asked for a retry.
    n_pending: int
    #: Whether a run holds the tenant, whoever started it.
    locked: bool


def standing(tx: Transaction) -> Standing:
    """Look at the transaction's tenant."""
    return tx.rows("observing.standing", Standing, space=RUN_LOCK)[0]


def fail_run(tx: Transaction, run_id: str, actor: str, error: str) -> bool:
    """Record that a run failed, unless it did so itself; returns whether this was news."""
    return tx.value("observing.fail_run", run_id=run_id, actor=actor, error=error) is not None
