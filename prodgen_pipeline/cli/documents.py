"""`prodgen documents`: what is known, what is served of it, and how it came to be so."""

from typing import TYPE_CHECKING, Any

from prodgen_pipeline.cli.output import print_json, print_table, printable
from prodgen_pipeline.cli.parameters import AsJson, DocumentAddress, TenantName, command_group

if TYPE_CHECKING:
    from prodgen_pipeline.cli.session import Session
    from prodgen_pipeline.storage.database import Transaction
    from prodgen_pipeline.storage.tenants import Tenant

group = command_group("Documents: list, show, history.")


@group.command("list")
def list_(tenant_name: TenantName, as_json: AsJson = False) -> None:
    """List all documents with their state, quarantined and deleted ones included."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.storage import documents

    with (
        open_tenant("documents list", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        rows = _readable(session, tenant, documents.list_all(tx))
    if as_json:
        print_json(rows)
        return
    print_table(
        ("uri", "state", "version", "source", "title"),
        [(row["uri"], _state(row), row["version"], row["source"], row["title"]) for row in rows],
    )


@group.command()
def show(tenant_name: TenantName, address: DocumentAddress, as_json: AsJson = False) -> None:
    """Show a document with its chunks as searches find them; of a duplicate, those of its canonical.

    And how many personal values of each type were replaced in it.
    """
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.storage import documents, vault

    with (
        open_tenant("documents show", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        row = _find(session, tenant, tx, address)
        chunks = documents.chunks(tx, row["document_id"])
        redactions = vault.redactions(tx, int(row["document_id"]))
    if as_json:
        print_json({**row, "redactions": redactions, "chunks": chunks})
        return
    title = printable(row["title"] or "(no title)")
    print(f"{printable(row['uri'])}  {title}\n{_state(row)}, version {row['version']}, source {row['source']}")
    if redactions:
        print(f"replaced: {', '.join(f'{label} {n:,}' for label, n in redactions.items())}")
    for chunk in chunks:
        pages = f", page {', '.join(map(str, chunk['pages']))}" if chunk["pages"] else ""
        print(f"\n[{chunk['ordinal']}{pages}] {printable(chunk['text'])}")


@group.command()
def history(tenant_name: TenantName, address: DocumentAddress, as_json: AsJson = False) -> None:
    """List the versions of a document, oldest first."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.storage import documents

    with (
        open_tenant("documents history", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        rows = documents.history(tx, _find(session, tenant, tx, address)["document_id"])
    if as_json:
        print_json(rows)
        return
    print_table(
        ("version", "state", "source time", "observed", "content", "run"),
        [
            (
                row["version"], row["state"], row["source_time"], row["observed_time"], row["content_hash"][:12],
                row["run_id"],
            )
            for row in rows
        ],
    )  # fmt: skip


def _state(row: dict[str, Any]) -> str:
    return f"duplicate of {row['duplicate_of']}" if row["duplicate_of"] else str(row["state"])


def _find(session: "Session", tenant: "Tenant", tx: "Transaction", address: str) -> dict[str, Any]:
    from prodgen_pipeline.storage import documents

    return documents.find(tx, address, readable=lambda rows: _readable(session, tenant, rows))


def _readable(session: "Session", tenant: "Tenant", rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those documents that the actor may read: all of them for an administrator, else what row-level security shows."""
    holder = session.key_holder
    if holder is None or holder.role == "admin":
        return rows
    with session.databases.serving.transaction(tenant.tenant_id, holder.reader) as tx:
        visible = {row["document_id"] for row in tx.dicts("cli.visible_documents")}
    return [row for row in rows if int(row["document_id"]) in visible]
