"""Turns of conversations, feedback on answers, and cases that users gave cause for: rows in and out.

Belongs here: the tables of 0011. Does not: what a turn is (`core.conversation`), redacting what is kept and who may ask
for it (serving). A session has no row of its own: it is its turns, under its owner, so that somebody else's id and one
that was never used are the same thing here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prodgen_pipeline.core.conversation import CitedChunk, Turn
from prodgen_pipeline.storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRow:
    """A stored turn, and what of it still holds for the reader of the transaction."""

    turn_id: int
    at: datetime
    answer_id: str
    turn_type: str
    question: str
    search_query: str
    query_from: list[int]
    answer: str
    refused: bool
    #: {"chunk_id", "document_id", "version", "access_id", "readable", "served"} in the order of the citations.
    cited: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedCase:
    """A question whose answer a user called wrong; nobody has reviewed it."""

    answer_id: str
    origin: str
    at: datetime
    actor: str
    question: str
    answer: str
    said: str


def turns(tx: Transaction, owner: str, session_id: str, *, at_most: int) -> list[TurnRow]:
    """The last turns, oldest first; none for a session that the transaction's reader has not."""
    return tx.rows("sessions.turns", TurnRow, owner=owner, session_id=session_id, at_most=at_most)


def add_turn(tx: Transaction, owner: str, session_id: str, turn: Turn) -> int:
    """Append a turn, which gets an id of its own; returns it."""
    turn_id = int(
        tx.value(
            "sessions.add_turn", owner=owner, session_id=session_id, answer_id=turn.answer_id,
            turn_type=turn.turn_type.value, question=turn.question, search_query=turn.search_query,
            query_from=list(turn.query_from), answer=turn.answer, refused=turn.refused,
        )
    )  # fmt: skip
    if turn.cited:
        _add_citations(tx, owner, session_id, turn_id, turn.cited)
    return turn_id


def _add_citations(tx: Transaction, owner: str, session_id: str, turn_id: int, cited: Sequence[CitedChunk]) -> None:
    tx.run(
        "sessions.add_citations", owner=owner, session_id=session_id, turn_id=turn_id,
        chunk_ids=[int(each.chunk_id) for each in cited], document_ids=[int(each.document_id) for each in cited],
        versions=[each.version for each in cited],
    )  # fmt: skip


def remove(tx: Transaction, owner: str, session_id: str) -> int:
    """Delete a session of the transaction's reader with all that it has; returns the number of its turns."""
    return int(tx.value("sessions.remove", owner=owner, session_id=session_id))


def expiring(tx: Transaction, *, days: int) -> int:
    """How many turns `expire` would delete (pipeline side)."""
    return int(tx.value("sessions.expiring", days=days))


def expire(tx: Transaction, *, days: int) -> int:
    """Delete the tenant's sessions in which nothing was said for so many days (pipeline side); returns turns."""
    return tx.run("sessions.expire", days=days)


def answer(tx: Transaction, answer_id: str) -> dict[str, Any] | None:
    """Question and answer as recorded; None for one that is not there, or not the reader's own on the query side."""
    rows = tx.dicts("sessions.answer", answer_id=answer_id)
    return rows[0] if rows else None


def keep_feedback(tx: Transaction, actor: str, answer_id: str, verdict: str, comment: str) -> None:
    """Keep what somebody says of an answer in the place of what was said before."""
    tx.run("sessions.keep_feedback", actor=actor, answer_id=answer_id, verdict=verdict, comment=comment)


def propose_case(
    tx: Transaction, actor: str, answer_id: str, *, origin: str, question: str, answer: str, said: str
) -> None:
    """File a case for review, once per answer and origin; all texts as redacted."""
    tx.run(
        "sessions.propose_case", actor=actor, answer_id=answer_id, origin=origin, question=question, answer=answer,
        said=said,
    )  # fmt: skip


def proposed_cases(tx: Transaction) -> list[ProposedCase]:
    """Cases that nobody has reviewed, oldest first (pipeline side)."""
    return tx.rows("sessions.proposed", ProposedCase)


def mark_reviewed(tx: Transaction, answer_id: str, origin: str) -> bool:
    """Take a case off the list (pipeline side); whether it was on it."""
    return tx.run("sessions.reviewed", answer_id=answer_id, origin=origin) > 0
