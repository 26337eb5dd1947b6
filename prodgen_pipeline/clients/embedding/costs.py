"""What embedding will cost: tokens, money, and time where somebody measured it.

Belongs here: arithmetic over prices and limits, and measuring the local engine. Does not: what was paid (`results.Cost`
of each batch), budgets (governance).
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from prodgen_pipeline.clients.embedding.results import Cost
from prodgen_pipeline.core.configuration import EmbeddingConfig
from prodgen_pipeline.settings import EmbeddingService

if TYPE_CHECKING:
    from prodgen_pipeline.clients.embedding import Embedder

_SAMPLE_TEXT = "measured " * 250
_SAMPLE_TOKENS = 252


def usd(config: EmbeddingConfig, service: EmbeddingService, n_tokens: int) -> float:
    """Price of so many tokens; 0 for the local model."""
    return 0.0 if config.provider == "local" else n_tokens * service.usd_per_million_tokens / 1_000_000


def estimate(
    config: EmbeddingConfig, service: EmbeddingService, n_tokens: int, *, tokens_per_second: float | None = None
) -> Cost:
    """Say beforehand what embedding texts of `n_tokens` altogether will cost.

    The seconds follow from a rate that the caller measured (`measured_rate`), else from the endpoint's limit of tokens
    a minute, else they are not known.
    """
    if tokens_per_second is None and config.provider != "local" and service.tokens_per_minute:
        tokens_per_second = service.tokens_per_minute / 60
    return Cost(
        n_tokens=n_tokens,
        usd=usd(config, service, n_tokens),
        seconds=None if tokens_per_second is None else n_tokens / tokens_per_second,
    )


def measured_rate(
    embedder: "Embedder", *, seconds: float = 1.0, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Embed texts that fill the local model's window for `seconds` at least; returns tokens per second of this machine.

    Not for an endpoint, which would be paid for it.
    """
    embedder.embed([_SAMPLE_TEXT])
    started, n_texts = clock(), 0
    while (elapsed := clock() - started) < seconds or not n_texts:
        n_texts += len(embedder.embed([_SAMPLE_TEXT] * 16))
    return n_texts * _SAMPLE_TOKENS / elapsed
