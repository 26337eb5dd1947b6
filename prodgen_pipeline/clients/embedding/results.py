"""What embedding hands back: vectors batch by batch, what they cost, and the texts that cannot be embedded.

Belongs here: the records every engine shares. Does not: how they come about (the engines), prices (`costs`).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from prodgen_pipeline.core.errors import DocumentRejected
from prodgen_pipeline.core.models import QuarantineReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What embedding costs or has cost."""

    #: As the endpoint counted them; by our tokenizer before, and where it does not say.
    n_tokens: int
    usd: float
    #: Only where a rate was measured or is prescribed; never a guess.
    seconds: float | None = None

    def __add__(self, other: "Cost") -> "Cost":
        seconds = None if self.seconds is None or other.seconds is None else self.seconds + other.seconds
        return Cost(n_tokens=self.n_tokens + other.n_tokens, usd=self.usd + other.usd, seconds=seconds)


class RejectedText(DocumentRejected):
    """One text cannot be embedded, whatever is in the batch with it; its document is to be quarantined.

    `position` is that of the text in what was asked for; `reason` is "embedding_refused".
    """

    REASON = QuarantineReason.EMBEDDING_REFUSED

    def __init__(self, position: int, message: str) -> None:
        super().__init__(self.REASON, message)
        self.position = position

    def __reduce__(self) -> tuple[type[Self], tuple[int, str]]:  # type: ignore[override]  # other arguments than its parent's
        return type(self), (self.position, str(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedBatch:
    """Some of the texts, done."""

    #: Of the texts, in the sequence that was asked for.
    positions: list[int]
    #: (n, dimensions) float32 unit vectors, in the order of `positions`.
    vectors: NDArray[np.float32]
    #: What was paid since the batch before, failed tries included.
    cost: Cost
    #: Texts that will never have a vector; their positions are in no batch.
    rejected: tuple[RejectedText, ...] = ()
