"""`prodgen quarantine`: document versions that went no further, and why.

A dropped one stays in the ledger under the reason `dropped`, so that rows in are still rows out and rows explained;
it is only listed no more.
"""

from typing import TYPE_CHECKING

from prodgen_pipeline.cli.outcome import say
from prodgen_pipeline.cli.output import print_json, print_table
from prodgen_pipeline.cli.parameters import AsJson, DocumentAddress, TenantName, command_group
from prodgen_pipeline.core.errors import NotFound

if TYPE_CHECKING:
    from prodgen_pipeline.storage.database import Transaction

group = command_group("Quarantine: list, retry, drop.")


@group.command("list")
def list_(tenant_name: TenantName, as_json: AsJson = False) -> None:
    """List what is quarantined, with the reason and what to do."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.storage import documents

    with (
        open_tenant("quarantine list", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        rows = documents.quarantine(tx)
    if as_json:
        wanted = ("uri", "source", "version", "stage", "reason", "message", "since")
        print_json([{name: row[name] for name in wanted} for row in rows])
        return
    print_table(
        ("uri", "reason", "stage", "since", "message"),
        [(row["uri"], row["reason"], row["stage"], row["since"], row["message"]) for row in rows],
        empty="nothing is quarantined",
    )


@group.command()
def retry(tenant_name: TenantName, address: DocumentAddress) -> None:
    """Try a quarantined document again at the next sync."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.governance import audit
    from prodgen_pipeline.storage import documents

    with (
        open_tenant("quarantine retry", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        document_id = _document_id(tx, address)
        documents.retry(tx, document_id)
        audit.record(tx, session.actor_name, "quarantine.retry", str(document_id))
    say(f"{address} is tried again at the next sync")


@group.command()
def drop(tenant_name: TenantName, address: DocumentAddress) -> None:
    """Set a quarantined version aside for good; what was served before stays, and a changed file is tried as ever."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.governance import audit

    with (
        open_tenant("quarantine drop", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        document_id = _document_id(tx, address)
        tx.run("cli.set_aside", document_id=document_id)
        audit.record(tx, session.actor_name, "quarantine.drop", str(document_id))
    say(f"{address} is set aside until its file changes")


def _document_id(tx: "Transaction", address: str) -> int:
    """The quarantined document at an address; raises NotFound where it is not quarantined."""
    from prodgen_pipeline.storage import documents

    document_id = int(documents.find(tx, address)["document_id"])
    if all(row["document_id"] != document_id for row in documents.quarantine(tx, dropped=True)):
        raise NotFound(f"{address} is not quarantined: `prodgen quarantine list` names what is")
    return document_id
