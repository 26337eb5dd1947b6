"""Documents and their versions: identity, address, rights, and leaving.

Everything that a document has outside its stage outputs is here; `remove` takes it out of every stage and every index.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prodgen_pipeline.core.errors import NotFound, UsageError
from prodgen_pipeline.core.models import ListedObject
from prodgen_pipeline.core.versioning import KnownDocument
from prodgen_pipeline.storage.database import Database, Transaction

_PAGE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class RawVersion:
    """The bytes of a document version, as observed."""

    content_hash: bytes
    size: int
    #: None when the bytes were refused.
    object_key: str | None
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _KnownRow:
    document_id: int
    uri: str
    sign: str
    content_hash: bytes


def known(database: Database, tenant_id: int, source_id: int, *, after: str = "") -> Iterator[KnownDocument]:
    """The living documents of a source in code point order of their URIs, page by page in short transactions."""
    while True:
        with database.transaction(tenant_id) as tx:
            rows = tx.rows("documents.known", _KnownRow, source_id=source_id, after=after, limit=_PAGE)
        for row in rows:
            yield KnownDocument(
                document_id=str(row.document_id), uri=row.uri, sign=row.sign, content_hash=row.content_hash.hex()
            )
        if len(rows) < _PAGE:
            return
        after = rows[-1].uri


def access_set(tx: Transaction, principals: Sequence[str]) -> int:
    """The id of the set of exactly these readers."""
    return int(tx.value("documents.access_set", principals=sorted(set(principals))))


def add(tx: Transaction, source_id: int, listed: ListedObject, raw: RawVersion, access_id: int) -> int:
    """Record a document that was never seen, with its first version; returns its id."""
    document_id = int(
        tx.value(
            "documents.add", source_id=source_id, uri=listed.uri, sign=listed.sign, size=raw.size,
            content_hash=raw.content_hash, access_id=access_id,
        )
    )  # fmt: skip
    _add_raw(tx, document_id, 1, listed, raw)
    return document_id


def add_version(tx: Transaction, document_id: int, listed: ListedObject, raw: RawVersion) -> int:
    """Record a new version of a known document; returns its number."""
    version = int(
        tx.value(
            "documents.add_version", document_id=document_id, uri=listed.uri, sign=listed.sign, size=raw.size,
            content_hash=raw.content_hash,
        )
    )  # fmt: skip
    _add_raw(tx, document_id, version, listed, raw)
    return version


def touch(tx: Transaction, document_id: int, listed: ListedObject) -> None:
    """Same bytes under a new sign or at a new address."""
    tx.run("documents.touch", document_id=document_id, uri=listed.uri, sign=listed.sign)


def serve_version(tx: Transaction, document_id: int, version: int) -> None:
    """What is served of a document stands for this version from now on, its text being the same."""
    tx.run("documents.serve_version", document_id=document_id, version=version)


def deletable(tx: Transaction, document_ids: Sequence[int], cause: str) -> list[int]:
    """Those of the documents that may be deleted for this cause; see sql/functions/deletion.sql."""
    return [row["document_id"] for row in tx.dicts("documents.deletable", document_ids=list(document_ids), cause=cause)]


def remove(tx: Transaction, document_ids: Sequence[int]) -> None:
    """Take documents out of every stage; their raw versions stay. Their index entries must be gone already."""
    for family in ("parsed", "cleaned", "deduped", "redacted", "chunks", "ledger"):
        tx.run(f"documents.delete_{family}", document_ids=list(document_ids))
    tx.run("documents.delete", document_ids=list(document_ids))


def list_all(tx: Transaction, *, uri: str | None = None, source: str | None = None) -> list[dict[str, Any]]:
    """One row per document that ever was, as `prodgen documents list --json` prints it."""
    return tx.dicts("documents.list", uri=uri, source=source)


def find(
    tx: Transaction, address: str, *, readable: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] | None = None
) -> dict[str, Any]:
    """The document at `URI` or `SOURCE:URI`, the living one first; raises NotFound, or UsageError when several fit.

    What `readable` leaves out does not exist for whom it asks: not as a hit, and not as one of several.
    """
    source, colon, rest = address.partition(":")
    rows = list_all(tx, uri=address)
    if colon and not rows:
        rows = list_all(tx, uri=rest, source=source)
    rows = readable(rows) if readable else rows
    living = [row for row in rows if row["state"] != "deleted"] or rows[:1]
    if not living:
        raise NotFound(f"there is no document {address}: `prodgen documents list` names them")
    if len(living) > 1:
        names = ", ".join(f"{row['source']}:{row['uri']}" for row in living)
        raise UsageError(f"{address} is in several sources; say which: {names}")
    return living[0]


def chunks(tx: Transaction, document_id: str) -> list[dict[str, Any]]:
    """The chunks that are served for a document, in order."""
    return tx.dicts("documents.chunks", document_id=int(document_id))


def history(tx: Transaction, document_id: str) -> list[dict[str, Any]]:
    """All versions of a document, oldest first."""
    return tx.dicts("documents.history", document_id=int(document_id))


def quarantine(tx: Transaction, *, dropped: bool = False) -> list[dict[str, Any]]:
    """Document versions that went no further, with the reason; with `dropped`, those too that a person set aside."""
    return tx.dicts("documents.quarantine", dropped=dropped)


def retry(tx: Transaction, document_id: int) -> int:
    """Let a quarantined version be tried again; returns how many stages will."""
    read_again = tx.run("documents.forget_sign", document_id=document_id)
    return read_again + tx.run("ledger.retry", document_id=document_id)


def _add_raw(tx: Transaction, document_id: int, version: int, listed: ListedObject, raw: RawVersion) -> None:
    tx.run(
        "documents.add_raw", document_id=document_id, version=version, uri=listed.uri, content_hash=raw.content_hash,
        size=raw.size, object_key=raw.object_key, source_time=listed.modified_at, run_id=raw.run_id,
    )  # fmt: skip
