"""`deduped_documents`: copies of the same cleaned text under equal rights share one set of chunks.

The first of them is canonical and goes on; the others end here and are found through it. When a canonical document
changes or goes, its first copy takes over what was made of the shared text in the same transaction, so that the text
is never missing.
"""

import hashlib
import hmac
from collections.abc import Sequence

from prodgen_pipeline.lifecycle.engine import Made
from prodgen_pipeline.lifecycle.pins import DEDUPED, Pin
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.storage import duplicates, index, outputs
from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.ledger import Due


class Deduplication:
    """Finds the canonical document of every text."""

    name = DEDUPED

    def compute(self, run: Run, pin: Pin, batch: Sequence[Due]) -> list[tuple[Due, bytes]]:
        """Key each text together with who may read it, under the tenant's own secret."""
        with run.database.transaction(run.tenant.tenant_id) as tx:
            readers = outputs.readers(tx, [due.document_id for due in batch])
        secret = run.secret("duplicates")
        return [(due, _text_key(secret, due, readers.get(due.document_id, []), pin)) for due in batch]

    def commit(self, tx: Transaction, run: Run, pin: Pin, results: Sequence[tuple[Due, bytes]]) -> list[Made]:
        """Hand over what changing documents held for their copies, then decide who is canonical."""
        changed = [due.document_id for due, _ in results]
        hand_over_to_copies(tx, pin, changed)
        known = duplicates.canonical_of_texts(tx, pin.place.lineage, [key for _, key in results], besides=changed)
        made = []
        for due, key in results:
            canonical = known.setdefault(key, due.document_id)
            duplicates.write(tx, pin.place.lineage, due.document_id, due.version, key, canonical)
            is_copy = canonical != due.document_id
            if is_copy:
                index.remove_documents(tx, pin.generations, [due.document_id])
                duplicates.become_copy(
                    tx, due.document_id, due.version, canonical, later_lineages=pin.later, serving=pin.serving
                )
            made.append(Made(due=due, output_hash=due.input_hash, size=due.size, goes_on=not is_copy))
        return made


def hand_over_to_copies(tx: Transaction, pin: Pin, leaving: Sequence[int]) -> None:
    """Let the first copy of each leaving canonical document inherit its chunks and index entries."""
    for family in duplicates.copies(tx, pin.place.lineage, leaving):
        duplicates.promote(tx, family, later_lineages=pin.later, generations=pin.generations, serving=pin.serving)


def _text_key(secret: bytes, due: Due, principals: Sequence[str], pin: Pin) -> bytes:
    policy = "\x00".join(principals)
    if not pin.configuration.deduplication.exact:
        policy += f"\x00document:{due.document_id}"
    return hmac.new(secret, f"{due.input_hash}\x00{policy}".encode(), hashlib.sha256).digest()
