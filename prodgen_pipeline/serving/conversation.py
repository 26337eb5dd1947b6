"""Conversations in the query path: load what may be used, keep what was said, file what was called wrong.

Belongs here: the order of the steps, and who owns a session. Does not: what a turn is (`core.conversation`), rows
(storage.sessions), answering (`ask`). What is handed over to be kept is redacted already.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prodgen_pipeline.core.configuration import RedactionConfig
from prodgen_pipeline.core.conversation import CitedChunk, SessionConfig, Turn, TurnType, Understanding
from prodgen_pipeline.core.conversation.budget import Allocation, BudgetConfig, Part, Piece, allocate
from prodgen_pipeline.core.conversation.history import History, StoredTurn, usable
from prodgen_pipeline.core.conversation.summary import summarise
from prodgen_pipeline.core.erasing import ERASED
from prodgen_pipeline.core.errors import NotFound, UsageError
from prodgen_pipeline.core.models import Answer, Hit, Reader
from prodgen_pipeline.core.redaction.names import FindNames
from prodgen_pipeline.governance import audit, releases
from prodgen_pipeline.serving.question import RedactedQuestion, Secret, redact_question
from prodgen_pipeline.storage import sessions
from prodgen_pipeline.storage.database import Database, Transaction
from prodgen_pipeline.storage.sessions import TurnRow

#: Makes a user's words safe to keep.
Redact = Callable[[Transaction, str], str]
#: Counts the tokens of a text.
Size = Callable[[str], int]
VERDICTS = ("up", "down")
FROM_CORRECTION, FROM_FEEDBACK = "from correction", "from feedback"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReader(Reader):
    """A reader who has sessions: the same rights on documents, and one name more, under which sessions are kept."""

    owner: str

    @property
    def principals(self) -> tuple[str, ...]:
        """Those of the reader, and the owner's name, which no document is ever open to."""
        return (*Reader(user=self.user, groups=self.groups).principals, self.owner)


def session_reader(reader: Reader, actor: str) -> SessionReader:
    """Whose sessions these are: the user's who is read for, else the actor's (`user:ann`, `local:root`).

    A key whose question is narrowed to nobody in particular still talks in its own user's session.
    """
    name = f"user:{reader.user}" if reader.user else actor
    return SessionReader(user=reader.user, groups=reader.groups, owner=f"actor:{name}")


def load(
    tx: Transaction, owner: str, session_id: str, config: SessionConfig, *, now: datetime, must_exist: bool = True
) -> History:
    """What of a session may be used; `tx` is that of a `SessionReader`. One round trip, two for a session that is old.

    Raises NotFound for one that is not there, has expired or is somebody else's, in the same words; without
    `must_exist` such a session is empty, and a turn that is added begins it.
    """
    rows = sessions.turns(tx, owner, session_id, at_most=config.max_turns)
    expired = bool(rows) and rows[-1].at < now - timedelta(days=config.retention_days)
    if must_exist and (expired or not rows):
        raise _no_session()
    if expired:  # the schedule that deletes it was not there yet, and its id begins anew
        sessions.remove(tx, owner, session_id)
        return History()
    return usable([_stored(row) for row in rows])


def _stored(row: TurnRow) -> StoredTurn:
    turn = Turn(
        turn_id=row.turn_id, question=row.question, answer=row.answer, search_query=row.search_query,
        answer_id=row.answer_id, turn_type=TurnType(row.turn_type), refused=row.refused,
        cited=tuple(_chunk(each) for each in row.cited if each["served"]), query_from=tuple(row.query_from),
    )  # fmt: skip
    return StoredTurn(
        turn=turn, at=row.at, readable=all(each["readable"] for each in row.cited),
        erased=ERASED in row.question or ERASED in row.answer or ERASED in row.search_query,
    )  # fmt: skip


def _chunk(cited: dict[str, Any]) -> CitedChunk:
    return CitedChunk(
        chunk_id=cited["chunk_id"], document_id=cited["document_id"], version=cited["version"],
        access_id=cited["access_id"],
    )  # fmt: skip


def keep(
    tx: Transaction,
    owner: str,
    session_id: str,
    understood: Understanding,
    *,
    question: str,
    answer: Answer,
    answer_id: str,
    hits: Sequence[Hit] = (),
) -> int:
    """Append a turn, `question` as it may be kept; returns its id. `hits` are those that the citations point to."""
    document_of = {hit.chunk_id: hit.document_id for hit in hits}
    cited = {
        each.chunk_id: CitedChunk(chunk_id=each.chunk_id, document_id=document_of[each.chunk_id], version=each.version)
        for each in answer.citations
    }
    turn = Turn(
        turn_id=0, question=question, answer=answer.text, search_query=understood.search_query or question,
        answer_id=answer_id, turn_type=understood.turn_type, refused=answer.refused, cited=tuple(cited.values()),
        query_from=understood.query_from,
    )  # fmt: skip
    return sessions.add_turn(tx, owner, session_id, turn)


def file_correction(
    tx: Transaction, actor: str, history: History, understood: Understanding, *, said: str
) -> str | None:
    """Propose an evaluation case where a turn corrects an answer; returns that answer's id, for the cache to forget.

    `said` is the correction as it may be kept. None where nothing is corrected.
    """
    turn = next((turn for turn in history.turns if turn.answer_id == understood.corrects), None)
    if understood.corrects is None or turn is None:
        return None
    sessions.propose_case(
        tx, actor, turn.answer_id, origin=FROM_CORRECTION, question=turn.standalone, answer=turn.answer, said=said
    )
    audit.record(tx, actor, "answer.correct", turn.answer_id)
    return turn.answer_id


def remove(database: Database, tenant_id: int, reader: SessionReader, session_id: str, *, actor: str) -> int:
    """Delete a session with all that it has; returns its turns. Raises NotFound as `load`."""
    with database.transaction(tenant_id, reader) as tx:
        n_turns = sessions.remove(tx, reader.owner, session_id)
        if not n_turns:
            raise _no_session()
        audit.record(tx, actor, "session.delete", "", turns=n_turns)
    return n_turns


def give_feedback(tx: Transaction, actor: str, answer_id: str, verdict: str, text: str, *, redact: Redact) -> None:
    """Keep what somebody says of an answer of his own, redacted; "down" with words is proposed as a case as well.

    `tx` is the reader's, who sees its own answers; on the pipeline side every answer of the tenant is seen.

    Raises:
        NotFound: there is no such answer, or it is somebody else's, in the same words.
        UsageError: the verdict is neither up nor down.
    """
    if verdict not in VERDICTS:
        raise UsageError(f"feedback is up or down, not {verdict!r:.20}")
    found = sessions.answer(tx, answer_id)
    if found is None:
        raise NotFound("there is no such answer of yours: its id stands in the answer as answer_id")
    comment = redact(tx, text.strip()) if text.strip() else ""
    sessions.keep_feedback(tx, actor, answer_id, verdict, comment)
    if verdict == "down" and comment:
        sessions.propose_case(
            tx, actor, answer_id, origin=FROM_FEEDBACK, question=found["question"], answer=found["answer"],
            said=comment,
        )  # fmt: skip
    audit.record(tx, actor, "answer.feedback", answer_id, verdict=verdict, with_text=bool(comment))


def redactor(config: RedactionConfig, secret: Secret, names: FindNames | None = None) -> Redact:
    """A `Redact` for a tenant's users, under `config` as it holds for that tenant; raises NotFound before a release."""

    def redact(tx: Transaction, text: str) -> str:
        release = releases.require_served(tx)
        found = redact_question(tx, text, config, secret, generation_id=release.generation_id, names=names)
        return found.kept

    return redact


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """A turn with what came before it, for who words the answer."""

    understood: Understanding
    #: The turn itself, as it was asked; what is searched stands alone.
    question: RedactedQuestion
    history: History
    budget: BudgetConfig = BudgetConfig()

    @property
    def continues(self) -> bool:
        """Whether there is anything before it that an answer may need."""
        return bool(self.history.turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The history of a prompt, and how the window was divided."""

    #: Lines of the summary, then turns in full; empty where there is none.
    history: str
    #: Evidence that fits, best first.
    evidence: tuple[Hit, ...]
    allocation: Allocation


def fit(history: History, evidence: Sequence[Hit], config: BudgetConfig, *, system: str, size: Size) -> Context:
    """Divide the window between system (with the question), history, evidence and answer; raises as `allocate`."""
    full = {turn.turn_id: _written(turn) for turn in history.turns if turn.turn_type is not TurnType.OUT_OF_SCOPE}
    lines = {line.turn_id: line.text for line in summarise(history.turns)}
    allocation = allocate(
        config,
        system_tokens=size(system),
        turns=[Piece(part=Part.TURN, key=key, n_tokens=size(text)) for key, text in full.items()],
        lines=[Piece(part=Part.SUMMARY, key=key, n_tokens=size(text)) for key, text in lines.items()],
        evidence=[Piece(part=Part.EVIDENCE, key=at, n_tokens=size(hit.text)) for at, hit in enumerate(evidence)],
    )
    written = [*(lines[key] for key in allocation.summary), *(full[key] for key in allocation.turns)]
    return Context(
        history="\n".join(written), evidence=tuple(evidence[at] for at in allocation.evidence), allocation=allocation
    )


def _written(turn: Turn) -> str:
    return f"User: {turn.question}\nAnswer: {turn.answer}"


def listing(history: History, session_id: str) -> dict[str, Any]:
    """A session as the interface shows it: turns that are lost stand in it without their text."""
    shown: list[dict[str, Any]] = [
        {
            "turn": turn.turn_id, "at": at.isoformat(), "turn_type": turn.turn_type.value, "question": turn.question,
            "search_query": turn.search_query, "answer": turn.answer, "answer_id": turn.answer_id,
            "refused": turn.refused, "dropped": None,
            "cited": [
                {"chunk_id": c.chunk_id, "document_id": c.document_id, "version": c.version} for c in turn.cited
            ],
        }
        for turn, at in zip(history.turns, history.times, strict=True)
    ]  # fmt: skip
    shown += [{"turn": each.turn_id, "at": each.at.isoformat(), "dropped": each.reason.value} for each in history.lost]
    summary = [{"turn": line.turn_id, "text": line.text} for line in summarise(history.turns)]
    return {"session": session_id, "turns": sorted(shown, key=lambda each: each["turn"]), "summary": summary}


def _no_session() -> NotFound:
    return NotFound("there is no such session of yours: a question without one begins one")
