"""Erasing a document, or a person by any of their identifiers, everywhere; with a receipt that can be proven.

Belongs here: finding what must go, the order, going on after an interruption, the receipt. Does not: how each store is
cleared (erasure_steps), what names a person in a text (core.erasing), looking for what is left, which is handed in
(evaluation.erasure_scan).

What a legal hold keeps is hidden and held back. A person's redacted text stays with <ERASED> in their place; the files,
and what parsing and cleaning made of them, go. An erasure that is interrupted is gone on with by the same command.
"""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from prodgen_pipeline.clients.object_store import ObjectStore
from prodgen_pipeline.core import erasing
from prodgen_pipeline.core.errors import DocumentRejected, NotFound
from prodgen_pipeline.core.redaction import normalise_value
from prodgen_pipeline.core.redaction.aliases import ADDRESS, ALIAS, PERSON, forms_of, grams
from prodgen_pipeline.core.serialization import unpack
from prodgen_pipeline.governance import audit, receipts, vault
from prodgen_pipeline.governance.secrets import PSEUDONYMS, value_key
from prodgen_pipeline.lifecycle import suppression
from prodgen_pipeline.lifecycle.erasure_steps import DOCUMENT_STEPS, SUBJECT_STEPS, Erasure, Found, Step
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.sync import PIPELINE, ensure_generation, open_run, run_pins
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import documents, erasure, holds, tenants
from prodgen_pipeline.storage.database import Database, Transaction
from prodgen_pipeline.storage.erasure import RawRow, Version
from prodgen_pipeline.storage.tenants import Tenant
from prodgen_pipeline.storage.text_columns import KEPT

#: Distinctive lines of an erased document that are looked for afterwards, and how long they are.
_LINES, _MIN_LINE, _MAX_LINE = 5, 30, 200
_PHONE = "PHONE_NUMBER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What was looked for everywhere, and where it still is."""

    #: Rows, objects or files that were searched, by store.
    searched: dict[str, int] = field(default_factory=dict)
    #: In how many rows, objects or files something was found, by place.
    occurrences: dict[str, int] = field(default_factory=dict)


#: Given (run, strings, documents that a hold keeps): looks for the strings everywhere else.
Scan = Callable[[Run, Sequence[str], Sequence[int]], Scanned]


@contextmanager
def open_erasure(
    settings: Settings, database: Database, tenant: Tenant, *, actor: str,
    progress: Callable[[str, int, int], None] = lambda stage, done, waiting: None,
) -> Iterator[Run]:  # fmt: skip
    """Hold the tenant against runs and backfills; raises Busy when one has it for longer than a moment."""
    with (
        tenants.backfill_lock(database, tenant),
        open_run(
            settings, database, tenant, run_id=str(uuid.uuid4()), kind="sync", actor=actor, progress=progress
        ) as run,
    ):
        yield run


def erase_document(run: Run, address: str, *, scan: Scan, steps: Mapping[str, Step] = DOCUMENT_STEPS) -> dict[str, Any]:
    """Erase the document at `URI` or `SOURCE:URI` with all its versions; returns the signed receipt.

    Raises NotFound; UsageError when several sources have one.
    """
    key = suppression.keyed(run.secret(suppression.PURPOSE), "document", address)
    with _transaction(run) as tx:
        before = erasure.running(tx, key)
        found = _from_json(before.found) if before else Found()
        found = _joined(found, _document(tx, address, optional=before is not None))
        needles = _distinctive_lines(tx, found)
    return _erase(run, "document", key, Erasure(run=run, erasure_id="", found=found), needles, scan, steps)


def erase_subject(run: Run, text: str, *, scan: Scan, steps: Mapping[str, Step] = SUBJECT_STEPS) -> dict[str, Any]:
    """Erase a person, or any other value, by one of their identifiers; returns the signed receipt.

    What waits in the tenant's stages is done first, so that everything has been screened. Raises UsageError for a text
    that is too short to mean somebody.
    """
    key = subject_key(run, text)
    living = ensure_generation(run)
    for stage in PIPELINE:
        run_pins(run, stage, living)
    with _transaction(run) as tx:
        before = erasure.running(tx, key)
        found = _from_json(before.found) if before else Found()
        found.tokens |= tokens_of(tx, run, text)
    identifiers = [text, *_other_spellings(run, found.tokens)]
    who = erasing.subject(identifiers, found.tokens)
    found = find_subject(run, who, identifiers, found)
    needles = sorted({each for each in (*identifiers, " ".join(text.split()), *found.tokens) if each})
    work = Erasure(run=run, erasure_id="", found=found, who=who, identifiers=identifiers)
    return _erase(run, "subject", key, work, needles, scan, steps)


def subject_key(run: Run, text: str) -> bytes:
    """The keyed hash by which a subject is known again, however its name is spaced; raises UsageError."""
    return suppression.keyed(run.secret(suppression.PURPOSE), "subject", "\x00".join(sorted(erasing.forms(text))))


def naming_subject(run: Run, text: str) -> dict[str, list[Any]]:
    """Whom a hold on a subject is about: `tokens` that stand for them, and documents `naming` them now."""
    with _transaction(run) as tx:
        tokens = tokens_of(tx, run, text)
    who = erasing.subject([text], tokens)
    found = find_subject(run, who, [text], Found(tokens=tokens))
    return {"tokens": sorted(tokens), "naming": sorted({*found.documents, *found.whole, *found.held})}


def tokens_of(tx: Transaction, run: Run, text: str) -> set[str]:
    """Pseudonyms of whoever an identifier means in the tenant's documents."""
    keyed = value_key(run.secret(PSEUDONYMS))
    labels = [row["label"] for row in tx.dicts("erasure.labels")]
    keys = {keyed(label, normalise_value(label, text)) for label in labels}
    whole = [gram.forms for gram in grams(text) if text[: gram.start].strip() == "" and text[gram.end :].strip() == ""]
    for forms in (*whole, *(forms_of(label, text) for label in (PERSON, ADDRESS, _PHONE))):
        keys |= {keyed(ALIAS, form) for form in forms}
    return erasure.subject_tokens(tx, keys)


def find_subject(run: Run, who: erasing.Subject, identifiers: Sequence[str], found: Found) -> Found:
    """All versions that name the subject, added to what was found before."""
    likes = erasing.like_patterns(identifiers, who.tokens)
    with _transaction(run) as tx:
        for document_id in erasure.candidates(tx, likes):
            found.versions |= _naming(tx, who, document_id)
        ids = {document_id for document_id, _ in found.versions}
        copies = set(erasure.copies_of(tx, ids)) - ids
        found.versions |= {(row.document_id, row.version) for row in erasure.versions(tx, copies)}
        ids |= copies
        every = erasure.versions(tx)
        # Of a document that names the subject, what nobody has screened goes too.
        unscreened = [row for row in every if row.document_id in ids and not row.screened]
        found.versions |= {(row.document_id, row.version) for row in unscreened}
        named = [row.document_id for row in every if who.named_in(row.uri)]
        found.whole |= {each.document_id for each in erasure.leaving(tx, {*named, *ids}) if who.named_in(each.uri)}
    _look_into_files(run, who, [row for row in every if row.object_key and not row.screened], found)
    with _transaction(run) as tx:
        found.versions |= erasure.same_bytes(tx, found.versions)
        return _without_held(tx, found)


def _naming(tx: Transaction, who: erasing.Subject, document_id: int) -> set[Version]:
    """Versions of one document with a stored text that names the subject."""
    named = set()
    for row in erasure.texts(tx, document_id):
        texts = [row["title"] or "", row["metadata"] or "", *(each.text for each in unpack(row["elements"]))]
        if any(map(who.named_in, texts)):
            named.add((document_id, row["version"]))
    for row in tx.dicts("erasure.chunk_texts", document_id=document_id):
        if any(map(who.named_in, (row["text"], row["embedding_text"], *row["heading_path"]))):
            named.add((document_id, row["version"]))
    return named


def _look_into_files(run: Run, who: erasing.Subject, rows: Sequence[RawRow], found: Found) -> None:
    """Versions of which no stage has kept a text: refused, replaced before they were read, or old copies."""
    objects = ObjectStore(run.object_store_url)
    for row in rows:
        version = (row.document_id, row.version)
        if version in found.versions or row.object_key is None:
            continue
        try:
            data = objects.get(row.object_key)
        except DocumentRejected:
            continue  # gone already: an interrupted erasure took it
        text = suppression.text_of(run, data, row.uri)
        plain = data.decode("utf-8", "replace") if isinstance(text, DocumentRejected) else text
        if who.named_in(plain):
            found.versions.add(version)
        elif isinstance(text, DocumentRejected):
            found.unreadable.add(version)


def _document(tx: Transaction, address: str, *, optional: bool) -> Found:
    """The document at an address, and all that lay there before it; nothing where it may be gone already."""
    try:
        row = documents.find(tx, address)
    except NotFound:
        if optional:
            return Found()
        raise
    same = documents.list_all(tx, uri=row["uri"], source=row["source"])
    found = Found(whole={int(each["document_id"]) for each in same}, uris={row["uri"], f"{row['source']}:{row['uri']}"})
    return _without_held(tx, found)


def _without_held(tx: Transaction, found: Found) -> Found:
    """Take out what a hold keeps, and note which pseudonyms stand beside what goes."""
    ids = {document_id for document_id, _ in found.versions} | found.whole
    found.held |= set(holds.held(tx, sorted(ids)))
    found.whole -= found.held
    found.versions = {each for each in found.versions if each[0] not in found.held | found.whole}
    for document_id in sorted(ids - found.held):
        for redacted in erasure.redacted(tx, document_id):
            found.tokens_near |= erasing.tokens_in(redacted.elements + (redacted.title or ""))
        for row in tx.dicts("erasure.chunk_texts", document_id=document_id):
            found.tokens_near |= erasing.tokens_in(row["text"])
    return found


def _other_spellings(run: Run, tokens: set[str]) -> list[str]:
    """What else the subject is called, from the vault; each look is in the audit log. Kept nowhere."""
    found: list[str] = []
    with _transaction(run) as tx:
        for token in sorted(tokens):
            try:
                found += vault.reveal(tx, run.secret, run.actor, token, reason="erasure of this subject").values
            except NotFound:
                continue  # its keys are destroyed already
    return sorted({each for each in found if len("".join(filter(str.isalnum, each))) >= erasing.MIN_CHARACTERS})


def _distinctive_lines(tx: Transaction, found: Found) -> list[str]:
    """A few long lines of a document that no other document has, to be looked for when it is gone."""
    lines: set[str] = set()
    for document_id in found.whole:
        for row in erasure.texts(tx, document_id):
            for element in unpack(row["elements"]):
                lines |= {line.strip()[:_MAX_LINE] for line in element.text.splitlines()}
    longest = sorted((line for line in lines if len(line) >= _MIN_LINE and json.dumps(line)[1:-1] == line), key=len)
    wanted = longest[-_LINES:]
    shared = {
        line for line in wanted
        if any(place.startswith("corpus.") for place in erasure.occurrences(tx, [line], sorted(found.whole)))
    }  # fmt: skip
    return [line for line in wanted if line not in shared]


def _erase(
    run: Run, kind: str, key: bytes, work: Erasure, needles: Sequence[str], scan: Scan, steps: Mapping[str, Step]
) -> dict[str, Any]:
    """Record, do the steps, look for what is left, sign."""
    with _transaction(run) as tx:
        before = erasure.running(tx, key)
        work.erasure_id = before.erasure_id if before else uuid.uuid4().hex
        if before:
            erasure.resume(tx, work.erasure_id)
        else:
            erasure.begin(tx, work.erasure_id, kind, key, run.actor)
            audit.record(tx, run.actor, "erasure.begin", work.erasure_id, kind=kind)
        erasure.keep_found(tx, work.erasure_id, _to_json(work.found))
    removed = dict(before.steps) if before else {}
    for name, step in steps.items():
        run.still_mine()
        counts = step(work)
        removed[name] = {each: n + removed.get(name, {}).get(each, 0) for each, n in counts.items()}
        with _transaction(run) as tx:
            erasure.keep_step(tx, work.erasure_id, name, removed[name])
        run.progress(name, sum(counts.values()), 0)
    return _finish(run, kind, key, work, removed, scan(run, needles, sorted(work.found.held)), before)


def _finish(
    run: Run, kind: str, key: bytes, work: Erasure, removed: dict[str, dict[str, int]], scanned: Scanned,
    before: erasure.Interrupted | None,
) -> dict[str, Any]:  # fmt: skip
    # What was found is forgotten in the transaction that keeps the receipt.
    occurrences = {place: n for place, n in scanned.occurrences.items() if place != "prodgen.erasures.found"}
    left = {place: n for place, n in occurrences.items() if place not in KEPT}
    found = work.found
    n_documents = len({*found.documents, *found.whole, *found.held})
    receipt: dict[str, Any] = {
        "erasure_id": work.erasure_id,
        "tenant": run.tenant.name,
        "kind": kind,
        "target_key": key.hex(),
        "actor": run.actor,
        "completed_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "resumed": before.n_resumed + 1 if before else 0,
        "found": {
            "documents": n_documents,
            "document_ids": sorted({*found.documents, *found.whole, *found.held}),
            "versions": len(found.versions),
            "whole_documents": len(found.whole),
            "pseudonyms": len(found.tokens),
        },
        "removed": removed,
        "held_back": [{"document_id": each, "why": "legal hold"} for each in sorted(found.held)],
        "unreadable": [{"document_id": each[0], "version": each[1]} for each in sorted(found.unreadable)],
        "kept": [{"place": place, "rows": n, "why": KEPT[place]} for place, n in occurrences.items() if place in KEPT],
        "scan": {"searched": scanned.searched, "left": left},
        "verified": not left,
    }
    signed = receipts.sign(receipt, run.secret(receipts.RECEIPTS))
    with _transaction(run) as tx:
        erasure.finish(tx, work.erasure_id, "done" if not left else "failed", signed)
        audit.record(
            tx, run.actor, "erasure.end", work.erasure_id, kind=kind, documents=n_documents,
            held_back=len(found.held), verified=not left, signature=signed["signature"]["value"],
        )  # fmt: skip
    return signed


def _transaction(run: Run) -> Any:  # noqa: ANN401 - a context manager of a transaction
    return run.database.transaction(run.tenant.tenant_id)


def _to_json(found: Found) -> dict[str, Any]:
    return {name: sorted(value) for name, value in asdict(found).items()}


def _from_json(stored: Mapping[str, Any]) -> Found:
    sets: dict[str, Any] = {
        name: {tuple(each) if isinstance(each, list) else each for each in values} for name, values in stored.items()
    }
    return Found(**sets)


def _joined(one: Found, other: Found) -> Found:
    return Found(**{name: value | asdict(other)[name] for name, value in asdict(one).items()})
