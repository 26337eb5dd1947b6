"""Texts to requests: how many texts and tokens go together, and how a refused request is halved.

Pure arithmetic; sending is `embedder`'s.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prodgen_pipeline.clients.embedding.endpoint.limits import BURST_SHARE
from prodgen_pipeline.settings import EmbeddingService


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The texts of one request."""

    #: Of the texts, in what the caller asked for.
    positions: tuple[int, ...]
    #: By our own tokenizer, which is not the endpoint's: an estimate.
    n_tokens: tuple[int, ...]

    def halves(self) -> "tuple[Part, Part]":
        """Cut in two; each half has a text at least, so a part of one text has none."""
        middle = len(self.positions) // 2
        return (
            Part(positions=self.positions[:middle], n_tokens=self.n_tokens[:middle]),
            Part(positions=self.positions[middle:], n_tokens=self.n_tokens[middle:]),
        )


def plan(n_tokens: Sequence[int], *, max_texts: int, max_tokens: int) -> Iterator[Part]:
    """Cut texts of so many tokens each into requests, in order; a text of more than `max_tokens` goes alone."""
    start, total = 0, 0
    for position, n in enumerate(n_tokens):
        if position > start and (position - start == max_texts or total + n > max_tokens):
            yield _part(n_tokens, start, position)
            start, total = position, 0
        total += n
    if start < len(n_tokens):
        yield _part(n_tokens, start, len(n_tokens))


def request_tokens(service: EmbeddingService) -> int:
    """Tokens of one request: as configured, and no more than the limit per minute lets through at once."""
    if not service.tokens_per_minute:
        return service.request_tokens
    return min(service.request_tokens, max(1, int(service.tokens_per_minute * BURST_SHARE)))


def _part(n_tokens: Sequence[int], start: int, end: int) -> Part:
    return Part(positions=tuple(range(start, end)), n_tokens=tuple(n_tokens[start:end]))
