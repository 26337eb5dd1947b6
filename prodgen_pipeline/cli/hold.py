"""`prodgen hold`: legal holds on documents, sources and persons.

Belongs here: arguments and tables. Does not: what a hold keeps (governance.holds, sql/functions/deletion.sql), what
goes when it is released (lifecycle.retention).
"""

from typing import TYPE_CHECKING, Annotated

import typer

from prodgen_pipeline.cli.outcome import say
from prodgen_pipeline.cli.output import print_json, print_table
from prodgen_pipeline.cli.parameters import AsJson, TenantName, command_group
from prodgen_pipeline.core.errors import Busy, UsageError

if TYPE_CHECKING:
    from prodgen_pipeline.cli.session import Session
    from prodgen_pipeline.storage.tenants import Tenant

group = command_group("Legal holds: add, release, list.")


@group.command()
def add(
    tenant_name: TenantName,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; must not name the person.")],
    document: Annotated[str | None, typer.Option("--document", metavar="URI", help="A document.")] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="TEXT", help="A person: all documents that name them.")
    ] = None,
    source: Annotated[str | None, typer.Option("--source", metavar="NAME", help="All documents of a source.")] = None,
    as_json: AsJson = False,
) -> None:
    """Keep documents whatever else would delete them, until every hold on them is released."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.governance import holds

    if sum(each is not None for each in (document, subject, source)) != 1:
        raise UsageError("say what to hold: --document URI, --subject TEXT or --source NAME, one of them")
    with open_tenant("hold add", tenant_name) as (session, tenant):
        if subject is not None:
            hold_id = _hold_subject(session, tenant, subject, reason)
        else:
            with session.databases.pipeline.transaction(tenant.tenant_id) as tx:
                hold_id = (
                    holds.on_document(tx, session.actor_name, document, reason)
                    if document is not None
                    else holds.on_source(tx, session.actor_name, source or "", reason)
                )
    if as_json:
        print_json({"hold_id": hold_id})
    else:
        print(f"hold {hold_id} placed")


@group.command()
def release(
    tenant_name: TenantName,
    hold_id: Annotated[int, typer.Argument(metavar="HOLD_ID", help="As `prodgen hold list` has it.")],
    as_json: AsJson = False,
) -> None:
    """Release a hold; what it alone kept from being deleted or erased goes now."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.governance import holds
    from prodgen_pipeline.lifecycle import retention

    with open_tenant("hold release", tenant_name) as (session, tenant):
        database = session.databases.pipeline
        with database.transaction(tenant.tenant_id) as tx:
            holds.release(tx, session.actor_name, hold_id)
        try:
            gone = retention.release_due(session.settings, database, tenant, actor=session.actor_name)
        except Busy:
            gone = {}
            say(f"a run is working on {tenant_name}: what the hold kept goes with the next `prodgen retention apply`")
    if as_json:
        print_json({"hold_id": hold_id, "removed": gone})
    else:
        print(f"hold {hold_id} released; {sum(gone.values())} documents that it alone kept were removed")


@group.command("list")
def list_(tenant_name: TenantName, as_json: AsJson = False) -> None:
    """List holds, released ones too; a person's name is not kept."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.governance import holds

    with (
        open_tenant("hold list", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        rows = holds.list_all(tx)
    if as_json:
        print_json(rows)
        return
    columns = ("hold_id", "kind", "document", "source", "reason", "placed_by", "placed_at", "released_at", "waiting")
    print_table(columns, [[row[name] for name in columns] for row in rows])


def _hold_subject(session: "Session", tenant: "Tenant", subject: str, reason: str) -> int:
    """Place a hold on a person under the tenant's lock: no run may bring a document meanwhile that is overlooked."""
    from prodgen_pipeline.governance import holds
    from prodgen_pipeline.lifecycle.erasure import naming_subject, open_erasure, subject_key

    database = session.databases.pipeline
    with open_erasure(session.settings, database, tenant, actor=session.actor_name) as run:
        named = naming_subject(run, subject)
        with database.transaction(tenant.tenant_id) as tx:
            return holds.on_subject(tx, session.actor_name, subject_key(run, subject), reason, **named)
