"""What the service counts and times, for Prometheus. No label ever holds a tenant's or a person's name."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The counters of one application, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "prodgen_requests", "Requests by route, method and status.", ("route", "method", "status"),
            registry=self._registry,
        )  # fmt: skip
        self._request_seconds = Histogram(
            "prodgen_request_seconds", "Time from request to response.", ("route",), buckets=_SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self._step_seconds = Histogram(
            "prodgen_step_seconds", "Time of one step of a query.", ("route", "step"), buckets=_SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self._answers = Counter(
            "prodgen_answers", "Answers by tier; refused and escalated are true or false.",
            ("tier", "refused", "escalated"), registry=self._registry,
        )  # fmt: skip

    def observe_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one response; `route` is the path's template, so that labels stay few."""
        self._requests.labels(route, method, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def observe_steps(self, route: str, timings_ms: Mapping[str, float]) -> None:
        """Time the steps of one query."""
        for step, milliseconds in timings_ms.items():
            self._step_seconds.labels(route, step).observe(milliseconds / 1000)

    def count_answer(self, tier: str, *, refused: bool, escalated: bool) -> None:
        """Count one answer."""
        self._answers.labels(tier, str(refused).lower(), str(escalated).lower()).inc()

    def exposition(self) -> bytes:
        """Everything in Prometheus's text format."""
        return generate_latest(self._registry)
