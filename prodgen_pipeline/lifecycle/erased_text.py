"""Documents of which an erasure left the redacted text alone: a generation under construction begins from that.

Belongs here: carrying it over. Does not: the erasure (erasure_steps), what a backfill seeds otherwise (backfill).
"""

from prodgen_pipeline.lifecycle.pins import CHUNKED, CLEANED, DEDUPED, PARSED, REDACTED
from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.generations import Generation

_CARRIED = {PARSED: "parsed", CLEANED: "cleaned", DEDUPED: "deduped", REDACTED: "redacted"}


def carry_over(tx: Transaction, serving: Generation, building: Generation) -> int:
    """Let what was erased pass for made in the other generation up to its redacted text, which waits to be cut there.

    Returns how many documents that are. The file, which the store may still offer, is not read again. A redaction
    policy that is stricter than the one they were redacted by does not reach them.
    """
    if serving.lineage(REDACTED) == building.lineage(REDACTED):
        return 0
    rows = tx.dicts(
        "erasure.carried_documents",
        redacted_lineage=serving.lineage(REDACTED),
        deduped_lineage=serving.lineage(DEDUPED),
    )
    ids = [row["document_id"] for row in rows]
    own = [stage for stage in _CARRIED if serving.lineage(stage) != building.lineage(stage)]
    if not ids:
        return 0
    tx.run(
        "erasure.carry_ledger", stages=own, from_lineages=[serving.lineage(stage) for stage in own],
        into_lineages=[building.lineage(stage) for stage in own], document_ids=ids,
    )  # fmt: skip
    for stage in own:
        part = _CARRIED[stage]
        places = {"from": serving.lineage(stage), "into": building.lineage(stage)}
        tx.run(f"erasure.carry_{part}", document_ids=ids, **places)
    tx.run(
        "erasure.carry_due", document_ids=ids, into=building.lineage(CHUNKED), **{"from": building.lineage(REDACTED)}
    )
    return len(ids)
