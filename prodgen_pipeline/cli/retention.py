"""`prodgen retention`: documents that are older than they are to be kept.

Belongs here: arguments and tables. Does not: what is too old and what goes with it (lifecycle.retention).
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from prodgen_pipeline.cli.outcome import say
from prodgen_pipeline.cli.output import print_json, print_table
from prodgen_pipeline.cli.parameters import AsJson, TenantName, command_group
from prodgen_pipeline.core.errors import NotFound

if TYPE_CHECKING:
    from prodgen_pipeline.cli.session import Session
    from prodgen_pipeline.lifecycle.retention import Applied
    from prodgen_pipeline.storage.tenants import Tenant

group = command_group("Retention: apply, set.")


@group.command()
def apply(
    tenant_name: Annotated[str | None, typer.Argument(metavar="[TENANT]", help="All tenants without one.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete documents and sessions that are older than they are to be kept, and what waited for a released hold.

    What is on legal hold is hidden and kept.
    """
    from prodgen_pipeline.cli.session import open_session
    from prodgen_pipeline.lifecycle import retention

    with open_session("retention apply") as session:
        found: dict[str, Applied] = {}
        for tenant in _tenants(session, tenant_name):
            database = session.databases.pipeline
            if dry_run:
                found[tenant.name] = retention.plan(session.settings, database, tenant)
            else:
                found[tenant.name] = retention.apply(session.settings, database, tenant, actor=session.actor_name)
                retention.release_due(session.settings, database, tenant, actor=session.actor_name)
    rows = [row for name, applied in found.items() for row in _rows(name, applied, dry_run=dry_run)]
    if as_json:
        print_json(rows)
    else:
        columns = ("tenant", "source", "uri", "dated", "days", "outcome")
        print_table(columns, [[row[column] for column in columns] for row in rows], empty="nothing is too old")
        for name, applied in found.items():
            if applied.n_turns:
                say(f"{name}: {applied.n_turns} turns of old sessions {'would be' if dry_run else 'are'} deleted")


@group.command("set")
def set_(
    tenant_name: TenantName,
    days: Annotated[int, typer.Option("--days", min=0, metavar="N", help="0: for ever.")],
) -> None:
    """Say how long a tenant keeps the documents of sources that say nothing themselves."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.lifecycle import retention

    with (
        open_tenant("retention set", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        retention.set_days(tx, tenant, days or None, actor=session.actor_name)
    print(f"{tenant_name}: documents are kept {f'for {days} days' if days else 'for ever'}")


def _tenants(session: "Session", name: str | None) -> "list[Tenant]":
    from prodgen_pipeline.storage import tenants

    if name is not None:
        return [session.tenant(name)]
    with session.databases.pipeline.transaction() as tx:
        found = [tenant for tenant in tenants.list_all(tx) if session.may_see(tenant)]
    if not found:
        raise NotFound("there is no tenant: `prodgen tenant add NAME` makes one")
    return found


def _rows(tenant: str, applied: "Applied", *, dry_run: bool) -> list[dict[str, Any]]:
    going = "would be deleted" if dry_run else "deleted"
    held = "kept by a legal hold" if dry_run else "hidden, kept by a legal hold"
    return [
        {"tenant": tenant, "source": e.source, "uri": e.uri, "dated": e.dated, "days": e.days, "outcome": outcome}
        for outcome, part in ((going, applied.going), (held, applied.held))
        for e in part
    ]
