"""How much one process of the query service takes on at a time, and when to come again where that is too much.

Belongs here: the numbers and the rule. Does not: the queue (`serving.admission`), limits of tenants (`core.spending`).
"""

from dataclasses import dataclass

#: Nobody is told to come again later than this.
_MAX_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionConfig:
    """Of one process; several processes share nothing of it."""

    #: Requests that are worked on at a time, streamed answers included until their last word.
    concurrent: int = 32
    #: Further ones that wait for their turn; any more are turned away at once.
    queued: int = 64
    #: None waits longer than this.
    max_wait_seconds: float = 3.0
    #: In which a request must have come, and each piece of a response been taken by its reader.
    receive_seconds: float = 15.0
    send_seconds: float = 30.0


def come_again_seconds(waiting: int, config: AdmissionConfig, *, mean_seconds: float) -> float:
    """After which the queue that is there now will have been worked off, going by how long requests have taken."""
    return min(_MAX_SECONDS, max(1.0, (waiting + 1) * mean_seconds / config.concurrent))
