"""`prodgen tenant`: who shares this installation without ever meeting."""

import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from prodgen_pipeline.cli.outcome import say
from prodgen_pipeline.cli.output import counted, print_json, print_table
from prodgen_pipeline.cli.parameters import AsJson, TenantName, command_group
from prodgen_pipeline.core.errors import UsageError

if TYPE_CHECKING:
    from prodgen_pipeline.cli.session import Session
    from prodgen_pipeline.storage.tenants import Tenant

group = command_group("Tenants: add, list, remove.")

#: As the database has it.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@group.command()
def add(name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits, - and _.")]) -> None:
    """Make a tenant."""
    from prodgen_pipeline.cli.session import open_session

    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a tenant: up to 63 of a-z, 0-9, - and _, the first a letter or digit")
    with open_session("tenant add", create_home=True) as session:
        add_tenant(session, name)
    say(f"tenant {name} added; next: prodgen source add {name} NAME FOLDER")


def add_tenant(session: "Session", name: str) -> "Tenant":
    """Register a tenant; raises UsageError when the name is taken."""
    from prodgen_pipeline.governance import audit
    from prodgen_pipeline.storage import tenants

    with session.databases.pipeline.transaction() as tx:
        tenant = tenants.add(tx, name)
        # The audit log is per tenant, and this transaction began before there was one.
        tx.run("cli.enter_tenant", entered=str(tenant.tenant_id))
        audit.record(tx, session.actor_name, "tenant.add", name)
    return tenant


@group.command("list")
def list_(as_json: AsJson = False) -> None:
    """List tenants."""
    from prodgen_pipeline.cli.session import open_session
    from prodgen_pipeline.storage import tenants

    with open_session("tenant list") as session, session.databases.pipeline.transaction() as tx:
        found = [each for each in tenants.list_all(tx) if session.may_see(each)]
    if as_json:
        print_json([{"name": each.name, "created_at": each.created_at} for each in found])
    else:
        print_table(("name", "created"), [(each.name, each.created_at) for each in found])


@group.command()
def remove(
    name: TenantName, yes: Annotated[bool, typer.Option("--yes", help="Do not ask on a terminal.")] = False
) -> None:
    """Remove a tenant with all its documents; its audit log stays."""
    from prodgen_pipeline.cli.removal import remove_tenant
    from prodgen_pipeline.cli.session import open_tenant

    with open_tenant("tenant remove", name) as (session, tenant):
        if sys.stdin.isatty() and not yes:
            typer.confirm(f"Remove tenant {name} with all its documents?", abort=True, err=True)
        n_removed = remove_tenant(session, tenant)
    say(f"tenant {name} removed with {counted(n_removed, 'document')}")
