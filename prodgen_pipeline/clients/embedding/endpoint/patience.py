"""How long a failing request is tried again: pauses as the endpoint asks, else longer and longer ones, in a budget.

Belongs here: time. Does not: which failures are worth another try (`embedder`). Tests inject the clock.
"""

import email.utils
import random
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Protocol

from prodgen_pipeline.clients.embedding.endpoint.failures import Stopped, TryLater
from prodgen_pipeline.core.errors import EndpointUnavailable

#: Before the second try; doubled with every further one.
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 20.0
_SHORTEST_TIMEOUT_SECONDS = 0.1


class Clock(Protocol):
    """Time, and waiting for it to pass."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    def now(self) -> datetime:
        """The date, with a time zone."""

    def sleep(self, seconds: float, stop: threading.Event) -> None:
        """Return after so many seconds, or once `stop` is set."""


class SystemClock:
    """The computer's own."""

    def monotonic(self) -> float:
        """As `time.monotonic`."""
        return time.monotonic()

    def now(self) -> datetime:
        """In UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float, stop: threading.Event) -> None:
        """Wait in real time."""
        stop.wait(seconds)


def asked_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that an answer's headers ask to wait: Retry-After as a number or a date, or OpenAI's retry-after-ms.

    None where they say nothing that can be understood. `headers` must not mind upper and lower case.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1_000
    value = headers.get("retry-after", "")
    seconds = _number(value)
    if seconds is not None:
        return seconds
    try:
        date = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return max(0.0, number) if isfinite(number) else None


class Patience:
    """One request's time: a budget that starts with the first failure, and an end for those who cannot wait at all."""

    def __init__(
        self, clock: Clock, stop: threading.Event, *, retry_seconds: float, total_seconds: float | None = None
    ) -> None:
        self._clock = clock
        self._stop = stop
        self._retry_seconds = retry_seconds
        self._total_seconds = total_seconds
        self._end = float("inf") if total_seconds is None else clock.monotonic() + total_seconds
        self._first_failure: float | None = None
        self._tries = 0

    def timeout(self, longest: float) -> float:
        """Seconds that the next try may take."""
        return max(_SHORTEST_TIMEOUT_SECONDS, min(longest, self._end - self._clock.monotonic()))

    def pause(self, failure: TryLater) -> float:
        """Seconds to wait before the next try.

        Raises:
            EndpointUnavailable: there is no time for one.
        """
        now = self._clock.monotonic()
        if self._first_failure is None:
            self._first_failure = now
        self._tries += 1
        if failure.wait_seconds is not None:
            # "Retry-After: 0" must not become a storm.
            wait = max(FIRST_PAUSE_SECONDS, failure.wait_seconds)
        else:
            longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(self._tries - 1, 10))
            # Jitter: clients that failed together must not come back together.
            wait = random.uniform(longest / 2, longest)  # noqa: S311 - no secret depends on it
        if now + wait > min(self._first_failure + self._retry_seconds, self._end):
            raise EndpointUnavailable(self._given_up(failure, now - self._first_failure))
        return wait

    def wait_for_turn(self, seconds: float) -> None:
        """Wait because of the endpoint's limits; raises EndpointUnavailable if that ends too late, else as `sleep`."""
        if self._clock.monotonic() + seconds > self._end:
            raise EndpointUnavailable(
                f"the embedding endpoint's limits leave no room for another {seconds:.0f} s, longer than "
                f"embedding_service.question_seconds ({self._total_seconds:g}): try again later"
            )
        self.sleep(seconds)

    def sleep(self, seconds: float) -> None:
        """Wait; raises Stopped when nobody needs the answer any more."""
        self._clock.sleep(seconds, self._stop)
        if self._stop.is_set():
            raise Stopped("stopped")

    def _given_up(self, failure: TryLater, since: float) -> str:
        setting = "retry_seconds" if self._total_seconds is None else "question_seconds"
        allowed = self._retry_seconds if self._total_seconds is None else self._total_seconds
        asks = "" if failure.wait_seconds is None else f" and asks to wait another {failure.wait_seconds:,.0f} s"
        tries = "one try" if self._tries == 1 else f"{self._tries} tries in {since:.0f} s"
        return (
            f"the embedding endpoint does not serve ({failure}){asks}: given up after {tries}, "
            f"embedding_service.{setting} is {allowed:g}; vectors that came are kept, the rest is due for the next run"
        )
