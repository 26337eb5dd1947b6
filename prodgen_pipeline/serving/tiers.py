"""From what was found to an answer, sentence by sentence: the tiers, the checks on the way out, the ladder below them.

    route -> a model's sentences, each checked before it is shown -> (escalated, stricter, with more evidence)
          -> the documents' own sentences -> a list of the documents -> a refusal with its reason

A sentence that fails its checks is never shown. Until one has been shown, a failure costs nothing: the next rung of the
ladder begins anew. After that the answer stays with its writer: what was shown is true, each sentence by its own
citations, so a later sentence that fails is left out and those after it are judged by themselves; where the endpoint
breaks off, the answer ends with the last whole sentence that held.

Belongs here: the order of calls and what is shown. Does not: the rules (`core.routing`, `core.answer_checks`), HTTP,
the database, budgets (the caller's `afford`), endpoints (`clients.generator`).
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Generator as GeneratorOf
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prodgen_pipeline.core.answer_checks import AnswerChecks, Flaw, Verdict, checks_for
from prodgen_pipeline.core.answering import NO_EVIDENCE, refusal
from prodgen_pipeline.core.errors import ConfigurationError, EndpointUnavailable
from prodgen_pipeline.core.models import Answer, Hit, Usage
from prodgen_pipeline.core.prompting import MARKER, PromptTemplate, cite, numbered_evidence, parse_prompt, render
from prodgen_pipeline.core.ranking.widening import evidence
from prodgen_pipeline.core.routing import (
    MAX_CALLS,
    Outcome,
    Route,
    Rung,
    Tier,
    TierConfig,
    TieringConfig,
    can_escalate,
    doubt_features,
    next_rung,
)
from prodgen_pipeline.core.sentence_assembly import SentenceAssembly
from prodgen_pipeline.core.word_pieces import spoken
from prodgen_pipeline.governance import prompts
from prodgen_pipeline.serving.conversation import Dialogue, fit
from prodgen_pipeline.serving.extracting import extracted
from prodgen_pipeline.serving.manifests import embedding_config
from prodgen_pipeline.serving.pieces import Piece, sentence_pieces
from prodgen_pipeline.serving.search import EmbedderOf, SearchResult

if TYPE_CHECKING:
    from prodgen_pipeline.clients.generator import Generator, TextStream, Used

logger = logging.getLogger(__name__)

#: A whole cited sentence is not kept longer than this for what may follow it.
SETTLE_SECONDS = 0.04
#: What the endpoint's own tokens may be more than those that are counted here.
TOKEN_MARGIN = 1.3
#: Whether a sentence follows from some statements: a model's judgement, for sentences that the local check leaves open.
Judge = Callable[[str, Sequence[str]], bool]
#: Asked before every call of a model; it may reserve what the call may cost.
Afford = Callable[["WorstCase"], bool]
_Steps = GeneratorOf["Piece", None, Outcome | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """What one call may cost at most."""

    tokens: int
    usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a model: what it was, how it ended, what it cost."""

    rung: Rung
    model: str
    usage: Usage
    #: None: its answer was shown.
    outcome: Outcome | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # a vector has no single answer to ==
class Answered:
    """An answer and how it came about; `answer.usage` is that of all calls."""

    answer: Answer
    route: Route
    #: What the answer was made from: more than at first where the ladder looked again.
    found: SearchResult
    calls: tuple[Call, ...] = ()
    #: Why sentences were left out of what is shown.
    left_out: tuple[Flaw, ...] = ()
    #: Probability that the answer is wrong, as told from its first sentence; None where no model's was shown.
    doubt: float | None = None

    @property
    def escalated(self) -> bool:
        """Whether another tier answered than the one that was to."""
        return not self.answer.refused and self.answer.tier != self.route.tier


def worst_case(messages: Sequence[Mapping[str, str]], tier: TierConfig) -> WorstCase:
    """What a call may cost: its input with every try, its output to the last token that it is allowed."""
    from prodgen_pipeline.clients.generator import ATTEMPTS
    from prodgen_pipeline.clients.text_stream import count_message_tokens

    n_input = int(count_message_tokens(messages) * TOKEN_MARGIN * ATTEMPTS)
    return WorstCase(tokens=n_input + tier.max_output_tokens, usd=tier.cost(n_input, tier.max_output_tokens).usd)


def rendered(
    found: SearchResult, tiering: TieringConfig, rung: Rung, dialogue: Dialogue | None = None
) -> tuple[list[Hit], list[dict[str, str]], PromptTemplate]:
    """The evidence that a rung shows, in the order of its numbers, the chat messages, and the prompt they are from.

    A turn that goes on with a conversation is shown it; with the strict prompt, which has no room for it, the question
    that stands alone.
    """
    factor = 2 if rung.more else 1
    shown = evidence(
        found.hits[: tiering.prompt_hits * factor], found.parents, max_tokens=tiering.context_tokens * factor
    )
    turn_prompt = tiering.turn_prompts.get(dialogue.understood.turn_type) if dialogue and dialogue.continues else None
    name = tiering.strict_prompt if rung.strict else turn_prompt or tiering.prompt
    prompt = parse_prompt(prompts.load(name), where=name)
    if dialogue is None or "history" not in prompt.variables:
        asked = found.question.sent_with(_texts(shown))
        return shown, render(prompt, {"question": asked, "evidence": numbered_evidence(shown)}), prompt
    system = "\n".join(text for _, text in prompt.messages) + dialogue.question.kept
    context = fit(dialogue.history, shown, dialogue.budget, system=system, size=_tokens)
    shown = list(context.evidence)
    values = {
        "question": dialogue.question.sent_with([*_texts(shown), context.history]),
        "evidence": numbered_evidence(shown),
        "history": context.history,
    }
    return shown, render(prompt, values), prompt


def _texts(shown: Sequence[Hit]) -> list[str]:
    return [f"{hit.title} {hit.text}" for hit in shown]


def _tokens(text: str) -> int:
    from prodgen_pipeline.clients.text_stream import count_tokens

    return int(count_tokens(text) * TOKEN_MARGIN)


class AnswerStream:
    """One answer while it is made: iterate it for the pieces, then ask for `answered`. Not shared between threads.

    Closing it early ends the call that is running; `answered` then holds what was shown, and what it cost so far.
    """

    def __init__(
        self,
        found: SearchResult,
        route: Route,
        *,
        generator: "Generator | None",
        tiering: TieringConfig,
        embedder: EmbedderOf,
        dialogue: Dialogue | None = None,
        search_more: Callable[[], SearchResult] | None = None,
        afford: Afford | None = None,
        judge: Judge | None = None,
    ) -> None:
        """`dialogue` is the conversation that the question is a turn of.

        `search_more` searches again with twice as many hits; `afford` is asked before every call, and may reserve.
        """
        self._found = found
        self._route = route if generator is not None else replace(route, tier=Tier.EXTRACTIVE)
        self._generator = generator
        self._tiering = tiering
        self._embedder = embedder
        self._dialogue = dialogue
        self._search_more = search_more
        self._afford = afford
        self._judge = judge
        self._calls: list[Call] = []
        self._left_out: list[Flaw] = []
        self._shown: list[str] = []
        self._doubt: float | None = None
        self._answer: Answer | None = None
        self._running: tuple[Rung, TextStream, list[Hit]] | None = None
        self._pieces = self._made()

    def __iter__(self) -> Iterator[Piece]:
        return self._pieces

    def close(self) -> None:
        """Stop here."""
        self._pieces.close()

    @property
    def usage(self) -> Usage:
        """Tokens and cost of all calls until now."""
        running = [self._cost(self._running[0], self._running[1].used)] if self._running else []
        return sum((*(call.usage for call in self._calls), *running), Usage())

    @property
    def answered(self) -> Answered:
        """The answer; before its end, as far as it was shown."""
        answer = self._answer or Answer(text="".join(self._shown).strip(), tier=self._route.tier.value)
        return Answered(
            answer=replace(answer, usage=self.usage),
            route=self._route,
            found=self._found,
            calls=tuple(self._calls),
            left_out=tuple(self._left_out),
            doubt=self._doubt,
        )

    def _made(self) -> GeneratorOf[Piece, None, None]:
        tried: list[tuple[Rung, Outcome]] = []
        while rung := self._next(tried):
            if rung.more and self._search_more is not None:
                self._found = self._search_more()
            outcome = yield from self._called(rung, tried)
            if outcome is None:
                return
            tried.append((rung, outcome))
        if refusing := next((call for call in self._calls if call.outcome is Outcome.REFUSED), None):
            # A second look that came to nothing does not undo it.
            self._answer = replace(refusal(NO_EVIDENCE), tier=refusing.rung.tier.value, model=refusing.model)
        else:
            self._answer = extracted(self._found, self._embedder)
        for text in sentence_pieces(self._answer.text):
            yield self._show(text, self._answer.tier)

    def _next(self, tried: Sequence[tuple[Rung, Outcome]]) -> Rung | None:
        return next_rung(self._route, tried, can_retrieve_more=self._search_more is not None)

    def _called(self, rung: Rung, tried: Sequence[tuple[Rung, Outcome]]) -> _Steps:
        """Make one call and show what of it holds; why nothing was shown, None where something was."""
        if self._generator is None:
            return Outcome.FAILED
        from prodgen_pipeline.clients.generator import GenerationFailed

        shown, messages, prompt = rendered(self._found, self._tiering, rung, self._dialogue)
        tier = self._tiering.tier(rung.tier)
        if self._afford is not None and not self._afford(worst_case(messages, tier)):
            return Outcome.UNAFFORDABLE
        try:
            stream = self._generator.stream(
                messages, max_output_tokens=tier.max_output_tokens, model=tier.model,
                timeout_seconds=tier.timeout_seconds,
            )  # fmt: skip
        except (EndpointUnavailable, ConfigurationError) as error:
            logger.warning("the %s tier does not answer: %s", rung.tier, error)
            if isinstance(error, GenerationFailed):
                self._note(rung, error.used, Outcome.FAILED)
            return Outcome.FAILED
        self._running = (rung, stream, shown)
        outcome: Outcome | None = None
        try:
            # Some 10 ms, while the model goes on with its first sentence.
            checks = checks_for(
                shown, self._found.question.text, system=_system(messages), refusal=prompt.refusal,
                config=self._tiering.checks,
            )  # fmt: skip
            outcome = yield from self._read(rung, stream, checks, tried)
        finally:
            # Also where the reader has gone: what was written until then is paid for.
            stream.close()
            self._running = None
            self._note(rung, stream.used, outcome)
            if outcome is None:
                self._answer = self._worded(rung, stream.used.model, shown)
        return outcome

    def _read(
        self, rung: Rung, stream: "TextStream", checks: AnswerChecks, tried: Sequence[tuple[Rung, Outcome]]
    ) -> _Steps:
        """Show the sentences that hold; None where any was shown."""
        # What leads over to a sentence is shown with it, and so is what the evidence is said not to answer.
        waiting: list[str] = []
        refused, before = False, ""
        again = self._next([*tried, (rung, Outcome.UNGROUNDED)])
        try:
            for sentence in _sentences(stream):
                text = before + sentence if not MARKER.sub("", sentence).strip() else sentence
                verdict = self._judged(checks, text)
                if verdict.flaw is not None:
                    self._left_out.append(verdict.flaw)
                    waiting.clear()
                    if again is not None and not self._shown:
                        return Outcome.UNGROUNDED
                elif verdict.is_bare:
                    is_refusal = checks.is_refusal(sentence)
                    refused = refused or is_refusal
                    if is_refusal and self._shown:
                        yield self._show(sentence, rung.tier.value)
                    else:
                        waiting.append(sentence)
                else:
                    if not self._shown and self._is_doubtful(rung, checks, text, verdict, tried):
                        return Outcome.UNGROUNDED
                    yield self._show("".join([*waiting, sentence]), rung.tier.value)
                    waiting.clear()
                    before = sentence
        except EndpointUnavailable as error:
            logger.warning("the %s tier broke off: %s", rung.tier, error)
            return None if self._shown else Outcome.FAILED
        if self._shown:
            return None
        return Outcome.REFUSED if refused else Outcome.UNGROUNDED

    def _judged(self, checks: AnswerChecks, sentence: str) -> Verdict:
        """The local check; where shared words leave it open, whether a statement of the evidence means the same."""
        verdict = checks.check(sentence)
        if not verdict.is_unsure:
            return verdict
        near = checks.best_statements(sentence)
        config = embedding_config(self._found.manifest)
        plain = MARKER.sub("", sentence)
        if config.provider == "local" and near:
            vectors = self._embedder(config).embed([spoken(text) for text in (plain, *near)])
            means_the_same = float((vectors[1:] @ vectors[0]).max()) >= checks.config.enough_similarity
        else:
            means_the_same = verdict.support >= checks.config.enough_coverage_alone
        if not means_the_same and self._judge is not None:
            means_the_same = self._judge(plain, near)
        return replace(verdict, is_unsure=False, flaw=None if means_the_same else Flaw.UNSUPPORTED)

    def _is_doubtful(
        self, rung: Rung, checks: AnswerChecks, sentence: str, verdict: Verdict, tried: Sequence[tuple[Rung, Outcome]]
    ) -> bool:
        """Whether an answer of the fast tier is given up at its first sentence for one of the strong tier."""
        features = doubt_features(
            self._route.need, support=verdict.support, relevance=checks.relevance(sentence),
            best_relevance=checks.best_relevance(), cited=verdict.cited,
        )  # fmt: skip
        self._doubt = self._tiering.routing.doubt.probability(features)
        is_last = rung.tier is not Tier.FAST or not can_escalate(self._route, [*tried, (rung, Outcome.UNGROUNDED)])
        return not is_last and len(tried) + 1 < MAX_CALLS and self._doubt > self._tiering.routing.escalate_above

    def _show(self, text: str, tier: str) -> Piece:
        self._shown.append(text)
        return Piece(text=text, tier=tier)

    def _worded(self, rung: Rung, model: str, shown: Sequence[Hit]) -> Answer:
        text = "".join(self._shown).strip()
        return Answer(text=text, citations=cite(text, shown), grounded=bool(text), tier=rung.tier.value, model=model)

    def _note(self, rung: Rung, used: "Used", outcome: Outcome | None) -> None:
        self._calls.append(Call(rung=rung, model=used.model, usage=self._cost(rung, used), outcome=outcome))

    def _cost(self, rung: Rung, used: "Used") -> Usage:
        return self._tiering.tier(rung.tier).cost(used.input_tokens, used.output_tokens)


def support_judge(generator: "Generator", tier: TierConfig) -> Judge:
    """A judge that asks a model; it takes the time of a call for every sentence that the local check leaves open.

    What it cannot judge, because the endpoint fails, is not supported.
    """
    prompt = parse_prompt(prompts.load(prompts.SUPPORT), where=prompts.SUPPORT)

    def judge(sentence: str, near: Sequence[str]) -> bool:
        messages = render(prompt, {"passage": "\n".join(near), "statement": sentence})
        try:
            made = generator.generate(
                messages, max_output_tokens=4, model=tier.model, timeout_seconds=tier.timeout_seconds
            )
        except (EndpointUnavailable, ConfigurationError) as error:
            logger.warning("a sentence could not be judged and is left out: %s", error)
            return False
        return made.text.casefold().startswith("yes")

    return judge


def _sentences(stream: "TextStream") -> Iterator[str]:
    """The sentences of a stream, each as soon as it is whole; half a one at the end of a text that was cut is none."""
    assembly = SentenceAssembly()
    while not stream.is_ended:
        text = stream.read(SETTLE_SECONDS)
        yield from assembly.add(text) if text else assembly.settle()
    yield from assembly.settle() if stream.is_cut else assembly.finish()


def _system(messages: Sequence[Mapping[str, str]]) -> str:
    return "\n".join(message["content"] for message in messages if message["role"] == "system")
