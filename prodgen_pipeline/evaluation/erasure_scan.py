"""Looking for what an erasure should have taken: in every table, every stored file, the logs and Dagster's folder.

Belongs here: where to look. Does not: what is looked for, and what it means to find it (lifecycle.erasure). Bytes are
compared whatever their case; a file that packs its text (PDF, Office) was read by the erasure itself.
"""

from collections.abc import Sequence
from pathlib import Path

from prodgen_pipeline.clients.object_store import ObjectStore
from prodgen_pipeline.core.errors import DocumentRejected
from prodgen_pipeline.lifecycle.erasure import Scanned
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.storage import erasure

#: Of a home folder: what we and Dagster write beside the database. Objects are read by key.
_READ = ("logs", "dagster")


def scan(run: Run, needles: Sequence[str], besides: Sequence[int]) -> Scanned:
    """Look for strings everywhere but in what documents `besides`, which a hold keeps, need."""
    if not needles:
        return Scanned()
    with run.database.transaction(run.tenant.tenant_id) as tx:
        occurrences = erasure.occurrences(tx, needles, besides)
        kept = {row["object_key"] for row in tx.dicts("erasure.held_objects", document_ids=list(besides))}
    wanted = [needle.encode().lower() for needle in needles]
    objects = ObjectStore(run.object_store_url)
    keys = [key for key in objects.keys(run.tenant.tenant_id) if key not in kept]
    files = _files(run.settings.home)
    for key in keys:
        if _holds(_bytes_of(objects, key), wanted):
            occurrences[f"object store: {key}"] = 1
    for path in files:
        if _holds(path.read_bytes(), wanted):
            occurrences[f"file: {path.name}"] = 1
    return Scanned(searched={"objects": len(keys), "files": len(files)}, occurrences=occurrences)


def _files(home: Path | None) -> list[Path]:
    if home is None:
        return []
    found = (path for folder in _READ for path in (home / folder).rglob("*"))
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def _bytes_of(objects: ObjectStore, key: str) -> bytes:
    try:
        return objects.get(key)
    except DocumentRejected:
        return b""  # deleted since it was listed


def _holds(data: bytes, wanted: Sequence[bytes]) -> bool:
    lowered = data.lower()
    return any(needle in lowered for needle in wanted)
