"""From a question to an answer: understand the turn, search, refuse or go on, word the answer, record it.

    limits and budget -> redact -> the session's turns -> what the turn is, and a question that stands alone -> search
    -> refuse, or choose a tier -> the answer, sentence by sentence -> settle what it cost, record it, keep the turn

Belongs here: the order of the steps. Does not: retrieval (`search`), turns (`turns`, `conversation`), wording answers
and falling back to the tier below (`tiers`), the rules of refusing (`core.answering`).
"""

import contextlib
import secrets
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from prodgen_pipeline.core.answering import refusal, should_refuse
from prodgen_pipeline.core.conversation import SessionConfig, Turn, TurnType, Understanding
from prodgen_pipeline.core.conversation.history import History
from prodgen_pipeline.core.errors import DatabaseUnavailable
from prodgen_pipeline.core.models import Answer, Reader, Usage
from prodgen_pipeline.core.ranking.retrieval import SearchFilter
from prodgen_pipeline.core.redaction.names import FindNames
from prodgen_pipeline.core.routing import Cap, Route, Tier, TieringConfig, choose
from prodgen_pipeline.core.spending import CallCost
from prodgen_pipeline.governance import audit, releases
from prodgen_pipeline.governance.releases import ServedRelease
from prodgen_pipeline.serving import conversation
from prodgen_pipeline.serving.conversation import Dialogue, SessionReader, session_reader
from prodgen_pipeline.serving.manifests import conversation_config, prompt_budget, retrieval_config, tiering_config
from prodgen_pipeline.serving.pieces import Piece, sentence_pieces
from prodgen_pipeline.serving.question import RedactedQuestion, Secret
from prodgen_pipeline.serving.search import Asked, EmbedderOf, SearchResult, embedded, redacted, retrieve
from prodgen_pipeline.serving.spending import QuestionAccount, Spending
from prodgen_pipeline.serving.tiers import AnswerStream, Call
from prodgen_pipeline.serving.timing import StepTimer
from prodgen_pipeline.serving.turns import ModelRewrite, understand_turn
from prodgen_pipeline.storage.database import Database, Transaction
from prodgen_pipeline.storage.tenants import Tenant

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from prodgen_pipeline.clients.generator import Generator as ModelEndpoint
    from prodgen_pipeline.clients.reranker import Reranker

#: Hits that count as evidence, and at a second look.
EVIDENCE_HITS, MORE_HITS = 8, 16
OUT_OF_SCOPE = "out_of_scope"
OUT_OF_SCOPE_TEXT = "I answer questions from the documents that you may read. What would you like to know?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What answers are made with. `database` is the serving side; `secret` gives the tenant's secret of a purpose."""

    database: Database
    embedder: EmbedderOf
    secret: Secret
    spending: Spending
    names: FindNames | None = None
    generator: "ModelEndpoint | None" = None
    reranker: "Reranker | None" = None
    sessions: SessionConfig = SessionConfig()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question as it came in."""

    text: str
    reader: Reader
    #: Who asks, for the record.
    actor: str
    #: Whose limits hold and whose usage it is: the asker's own, also where he reads on behalf of others.
    user: str | None = None
    #: The conversation that it belongs to; made when missing.
    session: str | None = None
    narrowed: SearchFilter = SearchFilter()
    #: Earlier turns, (question, answer), oldest first, of a client that keeps them itself and names no session.
    before: tuple[tuple[str, str], ...] = ()
    #: Whether the turn is kept for the next one.
    remembered: bool = True
    #: Under the tenant's budgets, but no limit of requests.
    is_batch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # a vector has no single answer to ==
class AskResult:
    """An answer, what it was made from, and how."""

    answer_id: str
    session: str
    answer: Answer
    turn_type: TurnType
    #: What was searched, in the asker's own words; empty where nothing was.
    search_query: str
    #: True where another tier answered than the one that was to.
    escalated: bool
    release: str
    generation: int
    #: None where nothing was searched.
    found: SearchResult | None
    #: Milliseconds by step, and `total`.
    timings_ms: dict[str, float]


def ask(means: Means, tenant: Tenant, question: Question) -> AskResult:
    """Answer a question from what the reader may see, with the served release, and record the answer.

    Without a generator, or when it fails, the documents' own sentences are the answer. Raises as `search.search`, and
    LimitExceeded, BudgetSpent.
    """
    stream = AskStream(means, tenant, question)
    for _ in stream:
        pass
    return stream.result


class AskStream:
    """One question being answered: understood and searched when made, worded while it is iterated, then recorded.

    The pieces joined are the answer, and `result` is there after the last. Closed before, it records what was shown.
    """

    def __init__(self, means: Means, tenant: Tenant, question: Question) -> None:
        """Understand and search; raises as `ask`, so that nothing of an answer is given before an error."""
        self._means = means
        self._tenant = tenant
        self._question = question
        self._reader = session_reader(question.reader, question.actor)
        self._session = question.session or secrets.token_hex(16)
        self._timer = StepTimer()
        self._spent = Usage()
        self._result: AskResult | None = None
        self._account = _account(means.spending, tenant, question)
        try:
            self._release, self._redacted, self._history = self._read()
            self._understood, self._query = self._understand()
            self._found = self._search() if self._understood.search_query else None
        except BaseException:
            self._settle_unanswered()
            raise
        self._pieces = self._worded()

    def __iter__(self) -> Iterator[Piece]:
        return self._pieces

    def close(self) -> None:
        """Stop here; what was shown is recorded and paid for."""
        self._pieces.close()
        if self._result is None:
            # Closed before its first piece.
            self._settle_unanswered()

    @property
    def release(self) -> str:
        """Id of the release that answers."""
        return self._release.release_id

    @property
    def result(self) -> AskResult:
        """The answer, once its last piece was given."""
        if self._result is None:
            raise RuntimeError("the answer is not whole yet: iterate the stream to its end")
        return self._result

    def _read(self) -> tuple[ServedRelease, RedactedQuestion, History]:
        """All that is read before the turn is understood, in one transaction."""
        means, asked = self._means, self._question
        with means.database.transaction(self._tenant.tenant_id, self._reader) as tx, self._timer.step("redact"):
            release = releases.require_served(tx)

            def redact(text: str) -> RedactedQuestion:
                return redacted(tx, self._tenant, release, text, means.secret, means.names)

            question = redact(asked.text)
            if asked.session is None:
                told = [(redact(text).kept, redact(answer).kept) for text, answer in asked.before[-_TOLD_TURNS:]]
                return release, question, _told(told)
            history = conversation.load(
                tx, self._reader.owner, asked.session, means.sessions, now=datetime.now(UTC), must_exist=False
            )
        return release, question, history

    def _understand(self) -> tuple[Understanding, RedactedQuestion]:
        manifest, generator = self._release.manifest, self._means.generator
        rewrite = None
        if generator is not None and self._may_ask_models:
            rewrite = ModelRewrite(generator, tiering_config(manifest).fast, self._account.afford)
        with self._timer.step("understand"):
            found = understand_turn(self._history, self._redacted, conversation_config(manifest), rewrite)
        if rewrite is not None:
            self._spent = rewrite.usage
        return found

    def _search(self) -> SearchResult:
        with self._timer.step("embed"):
            vector = embedded(self._means.embedder, self._query, self._release.manifest)
        return self._retrieved(vector, EVIDENCE_HITS)

    def _retrieved(self, vector: "NDArray[np.float32]", k: int) -> SearchResult:
        # Only a model is shown what is around a hit: the sentences of an extract are those that were found.
        asked = Asked(
            k=k, narrowed=self._question.narrowed, widen=self._may_ask_models,
            carried=tuple(int(chunk) for chunk in self._understood.carried),
        )  # fmt: skip
        with self._means.database.transaction(self._tenant.tenant_id, self._reader) as tx:
            return retrieve(tx, self._release, self._query, vector, asked, self._timer, reranker=self._means.reranker)

    def _worded(self) -> Generator[Piece, None, None]:
        """Give the pieces, and record the answer after the last, or where the reader leaves."""
        found = self._found
        refused = self._refused()
        if found is None or refused is not None:
            answer = refused or replace(refusal(OUT_OF_SCOPE), text=OUT_OF_SCOPE_TEXT)
            self._finish(answer, found, (), escalated=False)
            yield from (Piece(text=text, tier=answer.tier) for text in sentence_pieces(answer.text))
            return
        stream = self._stream(found)
        try:
            with self._timer.step("answer"):
                yield from stream
        finally:
            # Also where the reader has gone.
            stream.close()
            answered = stream.answered
            self._finish(answered.answer, answered.found, answered.calls, escalated=answered.escalated)

    @property
    def _may_ask_models(self) -> bool:
        return self._means.generator is not None and self._account.cap is not Cap.EXTRACTIVE_ONLY

    def _rewriting(self) -> list[CallCost]:
        if self._spent == Usage():
            return []
        model = tiering_config(self._release.manifest).fast.model
        return [CallCost(tier=Tier.FAST.value, model=model, usage=self._spent)]

    def _settle_unanswered(self) -> None:
        # Where the database is away, what was set aside is returned after its lease.
        with contextlib.suppress(DatabaseUnavailable):
            made = self._rewriting()
            self._account.settle(made, release=self._release.release_id if made else "")

    def _refused(self) -> Answer | None:
        """Why nothing is answered though something was searched; None where the evidence may do."""
        if self._found is None:
            return None
        reason = should_refuse(self._found.hits, retrieval_config(self._release.manifest), self._query.text)
        return refusal(reason) if reason else None

    def _stream(self, found: SearchResult) -> AnswerStream:
        manifest = self._release.manifest
        tiering = tiering_config(manifest)
        dialogue = Dialogue(
            understood=self._understood, question=self._redacted, history=self._history, budget=prompt_budget(manifest)
        )
        found, route = self._routed(found, tiering)
        return AnswerStream(
            found, route, generator=self._means.generator, tiering=tiering, embedder=self._means.embedder,
            dialogue=dialogue, search_more=lambda: self._retrieved(found.vector, MORE_HITS),
            afford=self._account.afford,
        )  # fmt: skip

    def _routed(self, found: SearchResult, tiering: TieringConfig) -> tuple[SearchResult, Route]:
        """The tier; where a big model seems needed, more is retrieved first."""
        if not self._may_ask_models:
            return found, Route(tier=Tier.EXTRACTIVE, cap=self._account.cap)
        cap = self._account.cap if self._account.cap is not Cap.NONE or tiering.has_strong else Cap.NO_STRONG
        with self._timer.step("route"):
            route = choose(found.question.kept, found.hits, tiering.routing, cap=cap)
            if not route.retrieve_more:
                return found, route
            more = self._retrieved(found.vector, MORE_HITS)
            return more, choose(found.question.kept, more.hits, tiering.routing, cap=cap, retrieved_more=True)

    def _finish(self, answer: Answer, found: SearchResult | None, calls: Sequence[Call], *, escalated: bool) -> None:
        with self._timer.step("settle"):
            self._account.settle([*self._rewriting(), *_costs(answer, calls)], release=self._release.release_id)
        answer = replace(answer, usage=answer.usage + self._spent)
        result = AskResult(
            answer_id=secrets.token_hex(16), session=self._session, answer=answer,
            turn_type=self._understood.turn_type, search_query=self._query.asked if found is not None else "",
            escalated=escalated, release=self._release.release_id, generation=self._release.generation_id, found=found,
            timings_ms=self._timer.milliseconds(),
        )  # fmt: skip
        with self._timer.step("record"):
            with self._means.database.transaction(self._tenant.tenant_id, self._reader) as tx:
                _record(tx, self._question.actor, result, self._redacted.kept)
                if self._question.remembered:
                    self._keep(tx, self._reader, result)
        self._result = replace(result, timings_ms=self._timer.milliseconds())

    def _keep(self, tx: Transaction, reader: SessionReader, result: AskResult) -> None:
        kept, hits = self._redacted.kept, result.found.hits if result.found else ()
        conversation.file_correction(tx, self._question.actor, self._history, self._understood, said=kept)
        conversation.keep(
            tx, reader.owner, result.session, self._understood, question=kept, answer=result.answer,
            answer_id=result.answer_id, hits=hits,
        )  # fmt: skip


def _account(spending: Spending, tenant: Tenant, question: Question) -> QuestionAccount:
    enter = spending.open if question.is_batch else spending.admit
    return enter(tenant, question.user)


def _costs(answer: Answer, calls: Sequence[Call]) -> list[CallCost]:
    """Of each call that was made; the last is of the tier that answered, which may have cost nothing."""
    costs = [CallCost(tier=call.rung.tier.value, model=call.model, usage=call.usage) for call in calls]
    if calls and calls[-1].outcome is None:
        return costs
    return [*costs, CallCost(tier=answer.tier, model=answer.model or "")]


#: Turns of a client's own history that are read.
_TOLD_TURNS = 8


def _told(turns: Sequence[tuple[str, str]]) -> History:
    """A history as a client tells it; it has no times, and its answers are nobody's to correct."""
    return History(
        turns=tuple(
            Turn(turn_id=number, question=question, answer=answer)
            for number, (question, answer) in enumerate(turns, start=1)
        )
    )


def _record(tx: Transaction, actor: str, result: AskResult, question: str) -> None:
    """Keep the answer, with the question as it was redacted, and log that it was given."""
    answer = result.answer
    by_chunk = {hit.chunk_id: hit for hit in result.found.hits} if result.found else {}
    cited_as = [
        {"n": cited.n, "chunk_id": cited.chunk_id, "document_id": by_chunk[cited.chunk_id].document_id,
         "version": cited.version}
        for cited in answer.citations
    ]  # fmt: skip
    tx.run(
        "search.record_answer", answer_id=result.answer_id, actor=actor, release_id=result.release,
        generation_id=result.generation, question=question, answer=answer.text, refused=answer.refused,
        reason=answer.reason, tier=answer.tier, model=answer.model, usd=answer.usage.usd,
        timings_ms=Jsonb(result.timings_ms), evidence=Jsonb(cited_as),
    )  # fmt: skip
    audit.record(tx, actor, "answer.give", result.answer_id, release=result.release, refused=answer.refused)
