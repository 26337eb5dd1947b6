"""Wrapped keys and sealed originals, as bytes. What they are under which key is governance's business."""

from collections.abc import Mapping, Sequence

from prodgen_pipeline.storage.database import Transaction

#: A token, and the keyed hash of one spelling that it stands for.
Place = tuple[str, bytes]


def tenant_keys(tx: Transaction) -> dict[str, bytes]:
    """The transaction's tenant's wrapped secrets by purpose; the query side sees the one it may use."""
    return {row["purpose"]: row["wrapped"] for row in tx.dicts("vault.tenant_keys")}


def add_tenant_key(tx: Transaction, purpose: str, wrapped: bytes) -> None:
    """Keep a secret; one that is there stands."""
    tx.run("vault.add_tenant_key", purpose=purpose, wrapped=wrapped)


def replace_tenant_key(tx: Transaction, purpose: str, wrapped: bytes) -> None:
    """Keep a secret in another form."""
    tx.run("vault.replace_tenant_key", purpose=purpose, wrapped=wrapped)


def subject_keys(tx: Transaction, tokens: Sequence[str]) -> dict[str, bytes]:
    """Wrapped data keys by token; a subject whose key was destroyed has none."""
    return {row["token"]: row["wrapped"] for row in tx.dicts("vault.subject_keys", tokens=list(tokens))}


def all_subject_keys(tx: Transaction) -> dict[str, bytes]:
    """Every subject's wrapped key, locked until the transaction ends."""
    return {row["token"]: row["wrapped"] for row in tx.dicts("vault.all_subject_keys")}


def add_subject_keys(tx: Transaction, wrapped: Mapping[str, bytes]) -> None:
    """Keep new subjects' keys; one that is there stands."""
    tx.run("vault.add_subject_keys", tokens=list(wrapped), wrapped=list(wrapped.values()))


def replace_subject_keys(tx: Transaction, wrapped: Mapping[str, bytes]) -> None:
    """Keep subjects' keys in another form."""
    tx.run("vault.replace_subject_keys", tokens=list(wrapped), wrapped=list(wrapped.values()))


def known_originals(tx: Transaction, places: Sequence[Place]) -> set[Place]:
    """Those of the spellings that are kept already."""
    rows = tx.dicts(
        "vault.known_originals", tokens=[place[0] for place in places], original_keys=[place[1] for place in places]
    )
    return {(row["token"], row["original_key"]) for row in rows}


def add_originals(tx: Transaction, sealed: Mapping[Place, bytes]) -> None:
    """Keep sealed spellings."""
    tx.run(
        "vault.add_originals",
        tokens=[place[0] for place in sealed],
        original_keys=[place[1] for place in sealed],
        sealed=list(sealed.values()),
    )


def originals(tx: Transaction, token: str) -> list[bytes]:
    """The sealed spellings that a token stands for."""
    return [row["sealed"] for row in tx.dicts("vault.originals", token=token)]


def destroy_subject(tx: Transaction, token: str) -> int:
    """Delete a subject's key, originals, aliases and the token itself; returns the number of originals."""
    n_originals = int(tx.value("vault.count_originals", token=token))
    tx.run("vault.destroy_subject", token=token)
    return n_originals


def redactions(tx: Transaction, document_id: int) -> dict[str, int]:
    """How many values of each type were replaced in a document as it is served."""
    return {row["label"]: row["n"] for row in tx.dicts("vault.redactions", document_id=document_id)}
