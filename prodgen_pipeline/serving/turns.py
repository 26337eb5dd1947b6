"""A turn of a conversation on the query path: what it is, and the question that stands alone, in its forms.

Belongs here: the rules applied to each form of a question, and asking a model where they cannot tell. Does not: the
rules (`core.conversation`), sessions (`conversation`), the forms (`question`).
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from prodgen_pipeline.core.conversation import ConversationConfig, Rewrite, Turn, Understanding, understand
from prodgen_pipeline.core.conversation.history import History
from prodgen_pipeline.core.errors import ConfigurationError, EndpointUnavailable
from prodgen_pipeline.core.models import Usage
from prodgen_pipeline.core.prompting import parse_prompt, render
from prodgen_pipeline.core.routing import TierConfig
from prodgen_pipeline.governance import prompts
from prodgen_pipeline.serving.question import Piece, RedactedQuestion
from prodgen_pipeline.serving.tiers import Afford, worst_case

if TYPE_CHECKING:
    from prodgen_pipeline.clients.generator import Generator

logger = logging.getLogger(__name__)

#: Tokens of a query that a model writes, and seconds that it may take: beyond, the rules' query does.
MAX_QUERY_TOKENS = 80
REWRITE_SECONDS = 3.0
#: Turns that a model is shown.
_SHOWN = 6


def understand_turn(
    history: History, question: RedactedQuestion, config: ConversationConfig, rewrite: Rewrite | None = None
) -> tuple[Understanding, RedactedQuestion]:
    """What a turn is, in words that may be kept, and the question to search with; `rewrite` is asked at most once."""
    turns = history.turns
    kept = understand(turns, question.kept, config, rewrite)
    if not kept.search_query or kept.search_query == question.kept:
        return kept, question
    if kept.rewritten or question.asked == question.kept:
        return kept, _one_piece(kept.search_query, kept.search_query, kept.search_query)
    asked = understand(turns, question.asked, config).search_query or question.asked
    searched = understand(turns, question.text, config).search_query or question.text
    return kept, _one_piece(asked, searched, kept.search_query)


def _one_piece(asked: str, searched: str, kept: str) -> RedactedQuestion:
    return RedactedQuestion((Piece(asked=asked, searched=searched, kept=kept),))


class ModelRewrite:
    """Writes a follow-up so that it stands alone, by a model; counts what that costs. One per question."""

    def __init__(self, generator: "Generator", tier: TierConfig, afford: Afford | None = None) -> None:
        """`afford` is asked before the call."""
        self._generator = generator
        self._tier = tier
        self._afford = afford
        #: Tokens and cost of the call; nothing where none was made.
        self.usage = Usage()

    def __call__(self, turns: Sequence[Turn], question: str) -> str | None:
        """The question as it stands alone; None where the model does not tell or does not answer."""
        prompt = parse_prompt(prompts.load(prompts.REWRITE), where=prompts.REWRITE)
        messages = render(prompt, {"history": written(turns[-_SHOWN:]), "question": question})
        tier = replace(self._tier, max_output_tokens=MAX_QUERY_TOKENS)
        if self._afford is not None and not self._afford(worst_case(messages, tier)):
            return None
        try:
            made = self._generator.generate(
                messages, max_output_tokens=MAX_QUERY_TOKENS, model=self._tier.model,
                timeout_seconds=min(REWRITE_SECONDS, self._tier.timeout_seconds),
            )  # fmt: skip
        except (EndpointUnavailable, ConfigurationError) as error:
            logger.warning("a follow-up is searched with the rules' query: %s", error)
            return None
        self.usage = self._tier.cost(made.input_tokens, made.output_tokens)
        return None if prompt.refusal in made.text else made.text


def written(turns: Sequence[Turn]) -> str:
    """Turns as a model reads them, oldest first."""
    return "\n".join(f"User: {turn.question}\nAnswer: {turn.answer}" for turn in turns)
