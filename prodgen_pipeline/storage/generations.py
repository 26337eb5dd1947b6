"""Generations: the pinned ways of making a tenant's index, which of them live, and what they hold.

Belongs here: opening, seeding, serving and giving up a generation. Does not: deleting its rows (reclaiming), its
entries and term lists (index), what a stage of it is (lifecycle.pins).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.ledger import Place

#: Lock space of transactions that move documents; the other half of the key is the tenant.
COMMIT_LOCK = 7130004


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A living generation: `pins` maps a stage to its fingerprint and lineage, made from `configuration`."""

    generation_id: int
    state: str
    pins: dict[str, dict[str, str]]
    configuration: dict[str, Any]

    def lineage(self, stage: str) -> str:
        """Fingerprint of a stage and all stages before it."""
        return self.pins[stage]["lineage"]

    @property
    def lineages(self) -> list[str]:
        """Those of all stages."""
        return [pin["lineage"] for pin in self.pins.values()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a stage of some lineages is, in documents."""

    stage: str
    n_due: int
    n_done: int
    n_quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Documents that are served now, those that would not be from a generation, and those quarantined in it."""

    n_served: int
    n_lost: int
    n_quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A generation's index against its own ledger; all but the first must be 0."""

    n_entries: int
    n_incomplete: int
    n_orphans: int
    n_miscounted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What would be read again: served documents, and the chunks there are now."""

    n_documents: int
    n_chunks: int
    n_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Distinct texts of the chunks there are, and those without a vector of a model."""

    n_texts: int
    n_missing: int
    n_missing_tokens: int


def hold(tx: Transaction) -> list[Generation]:
    """Be the only transaction of the tenant that moves documents; returns the generations that live, oldest first.

    Live runs and a backfill commit at the same time: each must see what the other did, and neither may wait for the
    other's rows in another order. To be called before a transaction writes anything.
    """
    tx.run("generations.hold", space=COMMIT_LOCK)
    return living(tx)


def living(tx: Transaction) -> list[Generation]:
    """Generations that are kept up to date, oldest first."""
    return tx.rows("generations.living", Generation)


def list_all(tx: Transaction) -> list[dict[str, Any]]:
    """All that ever were, oldest first, with the number of chunks in each."""
    return tx.dicts("generations.list")


def open_first(tx: Transaction, pins: dict[str, dict[str, str]], configuration: dict[str, Any], actor: str) -> bool:
    """Open a tenant's first generation, serving from the start; returns False where one exists."""
    opened = tx.value("generations.open_first", pins=Jsonb(pins), configuration=Jsonb(configuration), actor=actor)
    return opened is not None


def open_next(tx: Transaction, pins: dict[str, dict[str, str]], configuration: dict[str, Any], actor: str) -> int:
    """Open a generation beside the one that serves; returns its number."""
    return int(tx.value("generations.open_next", pins=Jsonb(pins), configuration=Jsonb(configuration), actor=actor))


def seed(tx: Transaction, place: Place, previous: Place | None, shared: Sequence[str]) -> int:
    """Let everything that the shared stages made wait at a place; returns how many documents do.

    `previous` is the stage before, None before the first; `shared` are the lineages up to it.
    """
    if previous is None:
        return tx.run("generations.seed_from_raw", stage=place.stage, lineage=place.lineage)
    return tx.run(
        "generations.seed", stage=place.stage, lineage=place.lineage, previous_stage=previous.stage,
        previous_lineage=previous.lineage, shared=list(shared),
    )  # fmt: skip


def n_due(tx: Transaction, lineages: Sequence[str]) -> int:
    """How many rows wait in lineages."""
    return int(tx.value("generations.n_due", lineages=list(lineages)))


def progress(tx: Transaction, lineages: Sequence[str]) -> list[Progress]:
    """How far lineages are; one row a stage that has begun."""
    return tx.rows("generations.progress", Progress, lineages=list(lineages))


def mark_built(tx: Transaction, generation_id: int) -> None:
    """Everything that it was opened for is in it."""
    tx.run("generations.built", generation_id=generation_id)


def keep_checks(tx: Transaction, generation_id: int, checks: dict[str, Any]) -> None:
    """Keep what the checks before a cut-over said."""
    tx.run("generations.keep_checks", generation_id=generation_id, checks=Jsonb(checks))


def switch(tx: Transaction, to: Generation, stages: Sequence[str]) -> None:
    """Let a generation serve and the one that serves stand by; documents are said to be served as it holds them.

    `stages` are all stages in order.
    """
    tx.run("generations.leave")
    tx.run("generations.serve", generation_id=to.generation_id)
    tx.run(
        "generations.serve_documents", stages=list(stages), lineages=[to.lineage(stage) for stage in stages],
        parsed_lineage=to.lineage("parsed_documents"), deduped_lineage=to.lineage("deduped_documents"),
        redacted_lineage=to.lineage("redacted_documents"), embedded_lineage=to.lineage("chunk_embeddings"),
    )  # fmt: skip


def give_up(tx: Transaction, generation_id: int) -> bool:
    """Let a generation live no more; False where it serves, or lived no more already."""
    return tx.run("generations.give_up", generation_id=generation_id) > 0


def losses(tx: Transaction, generation: Generation) -> Losses:
    """Compare what is served with what a generation holds."""
    return tx.rows(
        "generations.losses", Losses, lineages=generation.lineages,
        deduped_lineage=generation.lineage("deduped_documents"),
        embedded_lineage=generation.lineage("chunk_embeddings"),
    )[0]  # fmt: skip


def contents(tx: Transaction, generation: Generation) -> Contents:
    """Compare a generation's index with its ledger."""
    return tx.rows(
        "generations.contents", Contents, generation_id=generation.generation_id,
        chunked_lineage=generation.lineage("document_chunks"), embedded_lineage=generation.lineage("chunk_embeddings"),
    )[0]  # fmt: skip


def recalled(tx: Transaction, generation: Generation, *, n_questions: int, k: int, effort: int) -> tuple[int, int]:
    """Search for vectors of the generation's own through its vector index and exactly.

    Returns how many of the exact hits there are in all (`k` a question at most), and how many the index found.
    """
    asked = {"generation_id": generation.generation_id, "document_ids": None}
    dimensions = generation.configuration["embedding"]["dimensions"]
    sets = [row["access_id"] for row in tx.dicts("generations.access_sets", generation_id=generation.generation_id)]
    n_expected = n_found = 0
    for row in tx.dicts("generations.sample_vectors", generation_id=generation.generation_id, n=n_questions):
        exact = tx.dicts("search.dense_exact", vector=row["vector"], access_ids=sets, limit=k, **asked)
        near = tx.dicts(
            "search.dense_approximate", vector=row["vector"], dimensions=dimensions, limit=effort, effort=effort,
            **asked,
        )  # fmt: skip
        ranked = sorted(near, key=lambda hit: -hit["similarity"])[:k]
        # Equal texts have equal vectors: which of them is found is no miss.
        floor = min((hit["similarity"] for hit in exact), default=0.0) - 1e-6
        n_expected += len(exact)
        n_found += min(len(exact), sum(hit["similarity"] >= floor for hit in ranked))
    return n_expected, n_found


def amount(tx: Transaction, chunked_lineage: str) -> Amount:
    """Count what would be read again."""
    return tx.rows("generations.amount", Amount, chunked_lineage=chunked_lineage)[0]


def texts(tx: Transaction, chunked_lineage: str, model: str) -> Texts:
    """Count the texts of the chunks there are, and those that a model has no vector of."""
    return tx.rows("generations.texts", Texts, chunked_lineage=chunked_lineage, model=model)[0]


def embedding_rate(tx: Transaction) -> float | None:
    """Chunks embedded a second in the tenant's newest run that embedded enough to tell."""
    rate = tx.value("generations.embedding_rate")
    return None if rate is None else float(rate)


def lineages_of_chunks(tx: Transaction, chunk_ids: Sequence[int]) -> dict[int, str]:
    """The lineage of each chunk that is still there, superseded versions included."""
    rows = tx.dicts("generations.lineages_of_chunks", chunk_ids=list(chunk_ids))
    return {row["chunk_id"]: row["lineage"] for row in rows}
