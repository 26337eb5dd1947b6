"""A process of its own that asks for money or entry as fast as it can: `python spending_process.py DSN TENANT MODE N`.

Prints how much it was given, one line a kind, and waits for standard input to close where MODE is `hold`.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

from prodgen_pipeline.core.models import Usage
from prodgen_pipeline.core.spending import CallCost, LimitExceeded
from prodgen_pipeline.serving.spending import Spending, living_worker
from prodgen_pipeline.serving.tiers import WorstCase
from prodgen_pipeline.storage.database import Database
from prodgen_pipeline.storage.tenants import Tenant

CENT = WorstCase(tokens=100, usd=0.01)


def entered(spending: Spending, tenant: Tenant) -> bool:
    """Whether the limit lets one request in."""
    try:
        spending.admit(tenant, "ann")
    except LimitExceeded:
        return False
    return True


def spent(spending: Spending, tenant: Tenant, number: int) -> bool:
    """Whether one question could be paid for; every second costs all that was set aside, the others half of it."""
    account = spending.admit(tenant, "ann")
    given = account.afford(CENT)
    usd = (0.01 if number % 2 else 0.005) if given else 0.0
    account.settle(
        [CallCost(tier="fast", model="m", usage=Usage(input_tokens=60, output_tokens=40, usd=usd))], release="r"
    )
    return given


def main(dsn: str, tenant_id: int, mode: str, n: int) -> None:
    tenant = Tenant(tenant_id=tenant_id, name="acme", created_at=None)  # type: ignore[arg-type]  # nobody asks
    with Database(dsn, "prodgen_serving", max_connections=16) as database, living_worker(database) as worker:
        spending = Spending(database, worker=worker)
        if mode == "hold":
            account = spending.admit(tenant, "ann")
            print(sum(account.afford(CENT) for _ in range(n)), flush=True)
            sys.stdin.read()
            return
        sys.stdin.readline()
        with ThreadPoolExecutor(12) as pool:
            if mode == "enter":
                given = list(pool.map(lambda _: entered(spending, tenant), range(n)))
            else:
                given = list(pool.map(lambda number: spent(spending, tenant, number), range(n)))
        print(sum(given), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
