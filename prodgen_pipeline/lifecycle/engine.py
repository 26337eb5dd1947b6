"""Runs one stage: take the rows that wait, map, commit outputs, ledger rows and the next stage's due rows together.

Belongs here: the order of these steps and what a cut-off means. Does not: any stage's own work. Killed anywhere, the
next run takes up what was not committed; a second run over nothing due does nothing.

A live run and a backfill may be at work on one tenant at a time. Commits are one after the other (`generations.hold`),
each under the pins as they are at that moment, and each leaves out what the other has taken away or replaced since.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from prodgen_pipeline.core.errors import DocumentRejected
from prodgen_pipeline.lifecycle.pins import Pin, pin_at
from prodgen_pipeline.lifecycle.runs import Run, StageCounts
from prodgen_pipeline.storage import documents, generations, ledger
from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.ledger import Due, Place


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
    worked = 0.0
    while True:
        run.before_batch(worked)
        with run.database.transaction(run.tenant.tenant_id) as tx:
            batch = ledger.next_batch(tx, pin.place, max_documents=local.batch_documents, max_size=local.batch_bytes)
            waiting = ledger.count_due(tx, pin.place) if batch else 0
        if not batch:
            break
        began = time.monotonic()
        results = _computed(stage, run, pin, batch)
        run.still_mine()
        with run.database.transaction(run.tenant.tenant_id) as tx:
            counts = _commit(tx, stage, run, pin.place, results)
        if counts is None:
            break
        total.add(counts)
        run.progress(stage.name, total.done + total.quarantined, waiting - len(batch))
        worked = time.monotonic() - began
    run.count(stage.name, total)
    return total


def _computed(stage: Stage, run: Run, pin: Pin, batch: Sequence[Due]) -> Sequence[tuple[Due, Any]]:
    """The results; none where inputs went away meanwhile, so that the batch is taken again as it is then."""
    try:
        return stage.compute(run, pin, batch)
    except LookupError:
        with run.database.transaction(run.tenant.tenant_id) as tx:
            is_as_it_was = len(ledger.still_due(tx, pin.place, batch)) == len(batch)
        if is_as_it_was:
            raise
        return ()


def _commit(
    tx: Transaction, stage: Stage, run: Run, place: Place, results: Sequence[tuple[Due, Any]]
) -> StageCounts | None:
    """Commit what still waits as it did; None where no living generation has the place any more."""
    pin = pin_at(generations.hold(tx), place)
    if pin is None:
        return None
    still_due = ledger.still_due(tx, place, [due for due, _ in results])
    counts = StageCounts()
    accepted = []
    for due, result in results:
        if due.document_id not in still_due:
            continue
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
    """Let the next stage's rows wait, in every lineage that forks here.

    Returns how many documents wait nowhere: they were cut off, their input being what it was.
    """
    due = [
        Due(document_id=each.due.document_id, version=each.due.version, input_hash=each.output_hash, size=each.size)
        for each in made
    ]
    waiting_somewhere: set[int] = set()
    for following in pin.next:
        waiting = ledger.mark_due(tx, following.place, due)
        waiting_somewhere |= waiting
        for each in due:
            if each.document_id not in waiting:
                carried_on = ledger.adopt(tx, each.document_id, each.version, following.later)
                if following.serving and not carried_on:
                    documents.serve_version(tx, each.document_id, each.version)
    return len(due) - len(waiting_somewhere) if pin.next else 0
