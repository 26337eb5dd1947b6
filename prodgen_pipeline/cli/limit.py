"""`prodgen limit`: how many requests and tokens a tenant's users may have a minute."""

from typing import Annotated

import typer

from prodgen_pipeline.cli.outcome import say
from prodgen_pipeline.cli.output import print_json, print_table
from prodgen_pipeline.cli.parameters import AsJson, TenantName, command_group
from prodgen_pipeline.core.errors import UsageError

group = command_group("Rate limits: set, remove, show. There is none until one is set, and none on batches.")

User = Annotated[str | None, typer.Option("--user", metavar="U", help="Of this user; without it, of all together.")]
EachUser = Annotated[bool, typer.Option("--each-user", help="Of every user who has no limit of his own.")]
_MAX = 1e9


@group.command("set")
def set_(
    tenant_name: TenantName,
    user: User = None,
    each_user: EachUser = False,
    per_minute: Annotated[
        float | None, typer.Option("--per-minute", metavar="N", min=0.001, max=_MAX, help="Requests a minute.")
    ] = None,
    tokens_per_minute: Annotated[
        float | None,
        typer.Option("--tokens-per-minute", metavar="N", min=0.001, max=_MAX, help="Tokens of models a minute."),
    ] = None,
    burst: Annotated[
        float | None,
        typer.Option("--burst", metavar="N", min=1, max=_MAX, help="How many may come at once (default: a minute's)."),
    ] = None,
) -> None:
    """Set a limit; it holds within a second."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.governance import audit
    from prodgen_pipeline.storage import limits
    from prodgen_pipeline.storage.limits import Limit

    given: list[tuple[limits.Unit, float]] = []
    if per_minute is not None:
        given.append(("requests", per_minute))
    if tokens_per_minute is not None:
        given.append(("tokens", tokens_per_minute))
    if not given:
        raise UsageError("name a limit: --per-minute N, --tokens-per-minute N, or both")
    if burst is not None and len(given) > 1:
        raise UsageError("--burst belongs to one limit: set requests and tokens one after the other")
    name = _subject(user, each_user)
    with (
        open_tenant("limit set", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        for unit, rate in given:
            limit = Limit(user_name=name, unit=unit, per_minute=rate, burst=burst or max(1.0, rate))
            limits.set_limit(tx, limit)
            audit.record(
                tx, session.actor_name, "limit.set", name or "all users", unit=unit, per_minute=rate, burst=limit.burst
            )
    for unit, rate in given:
        say(f"{_told(name)} of {tenant_name}: {rate:,g} {unit} a minute")


@group.command()
def remove(tenant_name: TenantName, user: User = None, each_user: EachUser = False) -> None:
    """Take a limit away, of requests and of tokens."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.governance import audit
    from prodgen_pipeline.storage import limits

    name = _subject(user, each_user)
    with (
        open_tenant("limit remove", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        n = limits.remove(tx, name)
        if n:
            audit.record(tx, session.actor_name, "limit.remove", name or "all users")
    say(f"{_told(name)} of {tenant_name}: {'no limit any more' if n else 'there was no limit'}")


@group.command()
def show(tenant_name: TenantName, as_json: AsJson = False) -> None:
    """Show a tenant's limits."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.storage import limits

    with (
        open_tenant("limit show", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        found = limits.list_all(tx)
    if as_json:
        rows = [
            {"user": each.user_name or None, "unit": each.unit, "per_minute": each.per_minute, "burst": each.burst}
            for each in found
        ]
        print_json(rows)
        return
    print_table(
        ("for", "unit", "per minute", "at once"),
        [(_told(each.user_name), each.unit, each.per_minute, each.burst) for each in found],
        empty="no limits",
    )


def _subject(user: str | None, each_user: bool) -> str:
    """The name that a limit is kept under; raises UsageError."""
    from prodgen_pipeline.storage.limits import ALL_TOGETHER, EACH_USER

    if user is not None and (each_user or not user.strip()):
        raise UsageError("name one user with --user, or --each-user, or neither for all users together")
    return EACH_USER if each_user else user or ALL_TOGETHER


def _told(name: str) -> str:
    return {"": "all users together", "*": "each user"}.get(name, name)
