"""Releases: one content-addressed manifest of all that makes an answer, and which of them serves a tenant.

A manifest holds fingerprints and versions, never a generation's id: which generation it is served with stands beside
it, per tenant. A tenant's first release goes out by a `release.bootstrap` entry; every later one needs a gate or an
override.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from prodgen_pipeline.core import answering
from prodgen_pipeline.core.errors import NotFound
from prodgen_pipeline.governance import audit, prompts
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.generations import Generation


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedRelease:
    """What serves a tenant now."""

    release_id: str
    generation_id: int
    served_at: datetime
    actor: str
    manifest: dict[str, Any]
    #: Whether the generation can be searched approximately.
    has_vector_index: bool


def manifest(settings: Settings, generation: Generation) -> dict[str, Any]:
    """Describe what answers under the working configuration of the query side and a generation's pins."""
    tiering = settings.generation.tiering
    return {
        **_corpus_side(generation),
        "retrieval": asdict(settings.retrieval),
        "reranker": {"model": settings.reranker.model, "depth": settings.reranker.depth}
        if settings.reranker_url
        else None,
        "answering": {"version": answering.VERSION, "extraction": asdict(answering.ExtractionConfig())},
        "tiering": asdict(tiering),
        "conversation": asdict(settings.conversation),
        "prompt_budget": asdict(settings.prompt_budget),
        "prompts": {
            name: hashlib.sha256(prompts.load(name).encode()).hexdigest()
            for name in sorted({*tiering.prompts, *prompts.SUPPORTING})
        },
    }


def _corpus_side(generation: Generation) -> dict[str, Any]:
    return {
        "pipeline": {stage: pin["fingerprint"] for stage, pin in generation.pins.items()},
        # By name: the database keeps the pins in an order of its own.
        "lineage": generation.lineage("chunk_embeddings"),
        "embedding": generation.configuration["embedding"],
        "redaction": generation.configuration["redaction"],
    }


def release_id(contents: dict[str, Any]) -> str:
    """The address of a manifest: 16 hexadecimal digits of the hash of its canonical JSON."""
    return hashlib.sha256(json.dumps(contents, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


def served(tx: Transaction) -> ServedRelease | None:
    """The release that serves the tenant, None before the first."""
    rows = tx.rows("releases.served", ServedRelease)
    return rows[0] if rows else None


def require_served(tx: Transaction) -> ServedRelease:
    """The release that serves the tenant; raises NotFound before the first."""
    release = served(tx)
    if release is None:
        raise NotFound("nothing is served to this tenant yet: run `prodgen sync` first")
    return release


def bootstrap(tx: Transaction, settings: Settings, generation: Generation, actor: str) -> ServedRelease:
    """Serve a tenant's first release; where one is served already, that one stands."""
    current = served(tx)
    if current is not None:
        return current
    contents = manifest(settings, generation)
    address = release_id(contents)
    tx.run("releases.record", release_id=address, manifest=Jsonb(contents), actor=actor, reason="first release")
    tx.run("releases.serve", release_id=address, generation_id=generation.generation_id, actor=actor)
    audit.record(tx, actor, "release.bootstrap", address, generation=generation.generation_id)
    return require_served(tx)


def with_generation(current: ServedRelease, generation: Generation) -> dict[str, Any]:
    """The manifest of what serves now, made from another generation: the query side stays as it is."""
    return {**current.manifest, **_corpus_side(generation)}


def cut_over(tx: Transaction, generation: Generation, actor: str, reason: str) -> ServedRelease:
    """Serve what is served now from another generation."""
    contents = with_generation(require_served(tx), generation)
    address = release_id(contents)
    tx.run("releases.record", release_id=address, manifest=Jsonb(contents), actor=actor, reason=reason)
    tx.run("releases.serve", release_id=address, generation_id=generation.generation_id, actor=actor)
    return require_served(tx)


def go_back(tx: Transaction, generation: Generation, actor: str) -> ServedRelease:
    """Serve the release that was last served from a generation; raises NotFound where none ever was."""
    address = tx.value("releases.last_with", generation_id=generation.generation_id)
    if address is None:
        raise NotFound(f"nothing was ever served from generation {generation.generation_id}")
    tx.run("releases.serve", release_id=address, generation_id=generation.generation_id, actor=actor)
    return require_served(tx)
