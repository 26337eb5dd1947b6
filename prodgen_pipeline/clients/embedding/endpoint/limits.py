"""When the next request may go: token buckets for requests and tokens per minute, and the pauses an endpoint asks for.

The arithmetic is `Bucket`, without a clock; `Limits` is shared by all threads that speak to one endpoint. Other
processes are not known here: their requests are what the endpoint's 429 is for.
"""

import threading
from functools import cache

#: Of a minute's allowance may go at once; the rest flows in evenly. So no 60 seconds ever hold more than the allowance,
#: as long as one request does not take more than this share of it.
BURST_SHARE = 0.1
#: What rounding leaves over of a wait that is done; to wait for it could take for ever.
_SOON_SECONDS = 1e-6


class Bucket:
    """A token bucket that may go into debt: a request of any size gets through, and those after it wait."""

    def __init__(self, per_minute: int) -> None:
        self._capacity = per_minute * BURST_SHARE
        self._per_second = per_minute * (1 - BURST_SHARE) / 60
        self._level = self._capacity
        self._at: float | None = None

    def wait(self, now: float, amount: float) -> float:
        """Seconds until `amount` may be taken; 0 means now. `now` never goes back."""
        missing = min(amount, self._capacity) - self._filled(now)
        return max(0.0, missing / self._per_second)

    def take(self, now: float, amount: float) -> None:
        """Take it, in debt or not."""
        self._level = self._filled(now) - amount
        self._at = now

    def _filled(self, now: float) -> float:
        since = 0.0 if self._at is None else now - self._at
        return min(self._capacity, self._level + since * self._per_second)


class Limits:
    """What one endpoint allows. Safe to share between threads."""

    def __init__(self, *, requests_per_minute: int = 0, tokens_per_minute: int = 0) -> None:
        self._lock = threading.Lock()
        self._requests = Bucket(requests_per_minute) if requests_per_minute else None
        self._tokens = Bucket(tokens_per_minute) if tokens_per_minute else None
        self._held_until = float("-inf")

    def reserve(self, now: float, n_tokens: int) -> float:
        """Take one request of `n_tokens` and return 0, or take nothing and return how many seconds to wait first."""
        with self._lock:
            amounts = [(bucket, n) for bucket, n in ((self._requests, 1), (self._tokens, n_tokens)) if bucket]
            wait = max(self._held_until - now, *(bucket.wait(now, n) for bucket, n in amounts), 0.0)
            if wait > _SOON_SECONDS:
                return wait
            for bucket, n in amounts:
                bucket.take(now, n)
            return 0.0

    def hold(self, until: float) -> None:
        """Let nobody send before `until`: the endpoint has asked one of us to wait."""
        with self._lock:
            self._held_until = max(self._held_until, until)


@cache
def shared_limits(base_url: str | None, model: str, requests_per_minute: int, tokens_per_minute: int) -> Limits:
    """The limits of an endpoint's model in this process."""
    return Limits(requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute)
