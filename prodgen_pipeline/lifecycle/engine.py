"""Runs one stage: take the rows that wait, map, commit outputs, ledger rows and the next stage's due rows together.

Belongs here: the order of these steps and what a cut-off means. Does not: any stage's own work. Killed anywhere, the
next run takes up what was not committed; a second run over nothing due does nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from prodgen_pipeline.core.errors import DocumentRejected
from prodgen_pipeline.lifecycle.pins import Pin
from prodgen_pipeline.lifecycle.runs import Run, StageCounts
from prodgen_pipeline.storage import documents, ledger
from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.ledger import Due


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a stage committed for one due row."""

    due: Due
    output_hash: str
    #: Characters that the next stage will have to read.
    size: int
    #: False where the document has no business in the next stage: a copy ends here.
    goes_on: bool = True


class Stage(Protocol):
    """The three things in which stages differ."""

    @property
    def name(self) -> str:
        """The stage's name: that of its table and asset."""
        ...

    def compute(self, run: Run, pin: Pin, batch: Sequence[Due]) -> Sequence[tuple[Due, Any]]:
        """Read the inputs and do the work, outside of any writing transaction; a result may be a DocumentRejected."""
        ...

    def commit(self, tx: Transaction, run: Run, pin: Pin, results: Sequence[tuple[Due, Any]]) -> list[Made]:
        """Write the outputs, all of them, in the engine's transaction."""
        ...


def run_stage(stage: Stage, run: Run, pin: Pin) -> StageCounts:
    """Work until nothing waits before this pin; returns what was done."""
    total = StageCounts()
    local = run.settings.local
    while True:
        with run.database.transaction(run.tenant.tenant_id) as tx:
            batch = ledger.next_batch(tx, pin.place, max_documents=local.batch_documents, max_size=local.batch_bytes)
            waiting = ledger.count_due(tx, pin.place) if batch else 0
        if not batch:
            break
        results = stage.compute(run, pin, batch)
        run.still_mine()
        with run.database.transaction(run.tenant.tenant_id) as tx:
            total.add(_commit(tx, stage, run, pin, results))
        run.progress(stage.name, total.done + total.quarantined, waiting - len(batch))
    run.count(stage.name, total)
    return total


def _commit(tx: Transaction, stage: Stage, run: Run, pin: Pin, results: Sequence[tuple[Due, Any]]) -> StageCounts:
    counts = StageCounts()
    accepted = []
    for due, result in results:
        if isinstance(result, DocumentRejected):
            ledger.mark_failed(tx, pin.place, due, result, run.run_id)
            counts.quarantined += 1
        else:
            accepted.append((due, result))
    made = stage.commit(tx, run, pin, accepted) if accepted else []
    if made:
        done = [ledger.Done(due=each.due, output_hash=each.output_hash, size=each.size) for each in made]
        ledger.mark_done(tx, pin.place, done, run.run_id)
    counts.done = len(made)
    counts.unchanged = hand_over(tx, pin, [each for each in made if each.goes_on])
    return counts


def hand_over(tx: Transaction, pin: Pin, made: Sequence[Made]) -> int:
    """Let the next stage's rows wait; returns how many were cut off instead, their input being what it was."""
    cut_off: set[int] = set()
    for place in pin.next:
        due = [
            Due(document_id=each.due.document_id, version=each.due.version, input_hash=each.output_hash, size=each.size)
            for each in made
        ]
        waiting = ledger.mark_due(tx, place, due)
        cut_off |= {each.document_id for each in due} - waiting
    for each in made:
        if each.due.document_id in cut_off:
            carried_on = ledger.adopt(tx, each.due.document_id, each.due.version, pin.later)
            if pin.serving and not carried_on:
                documents.serve_version(tx, each.due.document_id, each.due.version)
    return len(cut_off)
