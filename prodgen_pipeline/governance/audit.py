"""The one way to write the audit log: inside the transaction of what it records."""

from typing import Any

from psycopg.types.json import Jsonb

from prodgen_pipeline.storage.database import Transaction


def record(tx: Transaction, actor: str, action: str, subject: str = "", **details: Any) -> int:  # noqa: ANN401 - JSON
    """Append an entry and return its id; `action` is `family.verb`, details hold ids, counts and names, never text."""
    return int(tx.value("tenants.audit", actor=actor, action=action, object=subject, details=Jsonb(details)))


def entries(tx: Transaction) -> list[dict[str, Any]]:
    """All entries of the tenant, oldest first."""
    return tx.dicts("tenants.audit_list")
