"""Fills an index with a drawn corpus: the real pipeline, with vectors put where embedding looks for known ones.

Belongs here: one run of one tenant. Does not: what is drawn (drawn), what is measured (scaling, tenancy).
"""

import secrets
import time
from collections.abc import Callable

from prodgen_pipeline.evaluation.benchmarks.drawn import DrawnVectors
from prodgen_pipeline.evaluation.benchmarks.scratch import Scratch
from prodgen_pipeline.lifecycle import observation
from prodgen_pipeline.lifecycle.pins import CHUNKED, EMBEDDED
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.sync import PIPELINE, ensure_generation, ensure_release, open_run, run_pins
from prodgen_pipeline.storage import index, outputs, sources
from prodgen_pipeline.storage.generations import Generation

_PAGE = 200
_TELL_SECONDS = 15.0


def fill(at: Scratch, vectors: DrawnVectors, progress: Callable[[str], None] = lambda line: None) -> Generation:
    """Observe the tenant's sources and take every document into the index; returns the generation that serves it."""
    told = time.monotonic()

    def tell(stage: str, done: int, waiting: int) -> None:
        nonlocal told
        if time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            progress(f"{stage}: {done:,} done, {waiting:,} wait")

    with open_run(
        at.settings, at.databases.pipeline, at.tenant, run_id=secrets.token_hex(8), kind="sync", actor="benchmark",
        progress=tell,
    ) as run:  # fmt: skip
        living = ensure_generation(run)
        with at.databases.pipeline.transaction(at.tenant.tenant_id) as tx:
            known = sources.list_all(tx)
        for source in known:
            observation.observe(run, source)
        for stage in PIPELINE:
            if stage.name == EMBEDDED:
                _keep_vectors(run, living[0], vectors)
            run_pins(run, stage, living)
        ensure_release(run, living)
    return living[0]


def _keep_vectors(run: Run, generation: Generation, vectors: DrawnVectors) -> None:
    """Put the vectors of all chunks where the embedding stage looks first."""
    space = run.settings.embedding.vector_space
    with run.database.transaction(run.tenant.tenant_id) as tx:
        ids = [row["document_id"] for row in tx.dicts("cli.visible_documents")]
    for start in range(0, len(ids), _PAGE):
        with run.database.transaction(run.tenant.tenant_id) as tx:
            chunks = outputs.chunks(tx, generation.lineage(CHUNKED), ids[start : start + _PAGE])
            texts = {chunk.text_hash: chunk.text for chunk in chunks}
            index.write_vectors(tx, space, "drawn", list(texts), vectors(list(texts.values())))
