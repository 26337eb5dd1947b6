"""`prodgen budget`: how much a tenant's questions may cost."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Final, Literal

import typer

from prodgen_pipeline.cli.outcome import say
from prodgen_pipeline.cli.parameters import TenantName, command_group
from prodgen_pipeline.core.errors import UsageError

group = command_group("Budgets: set, remove. `prodgen usage` shows how they stand.")

Period = Annotated[Literal["day", "month"], typer.Option(help="Of the calendar, in UTC.")]
#: What indexing costs at an endpoint is charged to no budget yet, so none is offered.
_ACCOUNT: Final = "querying"
#: As many dollars as the database takes.
_MAX_USD = Decimal(1_000_000_000)


@group.command("set")
def set_(
    tenant_name: TenantName,
    usd: Annotated[str, typer.Option("--usd", metavar="N", help="Dollars.")],
    period: Period = "month",
    hard_stop: Annotated[
        bool, typer.Option("--hard-stop", help="Refuse all once it is spent, also what would cost nothing.")
    ] = False,
) -> None:
    """Set a budget; what this period has spent already counts. It holds within a second.

    From 80 percent on the strong model is not asked, from 90 percent on none: the documents' own sentences
    answer. A tenant may have a budget of the day beside one of the month.
    """
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.governance import audit
    from prodgen_pipeline.storage import budgets

    amount = _dollars(usd)
    with (
        open_tenant("budget set", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        budgets.set_budget(tx, _ACCOUNT, period, amount, hard_stop=hard_stop)
        audit.record(
            tx, session.actor_name, "budget.set", f"{_ACCOUNT} {period}", usd=str(amount), hard_stop=hard_stop
        )  # fmt: skip
    say(f"{tenant_name} has {amount.normalize():f} USD a {period} for questions")


@group.command()
def remove(tenant_name: TenantName, period: Period = "month") -> None:
    """Take a budget away: what questions cost in that period is limited no more."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.governance import audit
    from prodgen_pipeline.storage import budgets

    with (
        open_tenant("budget remove", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        was_there = budgets.remove(tx, _ACCOUNT, period)
        if was_there:
            audit.record(tx, session.actor_name, "budget.remove", f"{_ACCOUNT} {period}")
    say(f"{tenant_name} {'has no' if was_there else 'had no'} budget a {period} for questions")


def _dollars(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise UsageError(f"--usd {text} is no amount: write dollars, such as 25 or 0.5") from None
    if not (amount.is_finite() and 0 <= amount < _MAX_USD):
        raise UsageError(f"--usd {text} is no amount: 0 and more, below {_MAX_USD:,}")
    return amount
