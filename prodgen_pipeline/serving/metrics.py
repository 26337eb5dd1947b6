"""What the service counts and times, for Prometheus. No label ever holds a tenant's or a person's name."""

import math
from collections.abc import Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from prodgen_pipeline.serving.ordering import Reranking
from prodgen_pipeline.storage.recall import Figures

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The counters of one application, in a registry of its own."""

    def __init__(self, *, is_shared: bool = False) -> None:
        """`is_shared`: with other processes, through the folder that the environment of prometheus_client names."""
        self._is_shared = is_shared
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
        # "exact after approximate": the vector index gave fewer hits than there are, so everything was compared.
        self._searches = Counter(
            "prodgen_searches", "Searches by how the vectors were searched.", ("plan",), registry=self._registry
        )
        self._reranked = Counter(
            "prodgen_rerankings", "Searches that a reranker was to order; done or failed.", ("outcome",),
            registry=self._registry,
        )  # fmt: skip
        self._recall = Gauge(
            "prodgen_recall", "Share of exact hits that searches find, over all tenants; NaN before the first audit.",
            ("of_tenants",), registry=self._registry, multiprocess_mode="mostrecent",
        )  # fmt: skip
        self._recall_age = Gauge(
            "prodgen_recall_age_seconds", "Time since the last audit of recall; NaN before the first.",
            registry=self._registry, multiprocess_mode="mostrecent",
        )  # fmt: skip
        self._load = Gauge(
            "prodgen_requests_in_hand", "Requests of the API that are worked on, or wait.", ("state",),
            registry=self._registry, multiprocess_mode="livesum",
        )  # fmt: skip
        self._turned_away = Counter(
            "prodgen_requests_turned_away", "Requests answered with 503: queue_full, waited or ending.", ("reason",),
            registry=self._registry,
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

    def count_search(self, plan: str, reranking: str) -> None:
        """Count one search by its plan, and what became of reranking unless that is off."""
        self._searches.labels(plan).inc()
        if reranking != Reranking.OFF:
            self._reranked.labels(reranking).inc()

    def set_recall(self, figures: Figures, now: datetime) -> None:
        """Show what the newest audits found."""
        self._recall.labels("minimum").set(_or_nan(figures.minimum))
        self._recall.labels("mean").set(_or_nan(figures.mean))
        age = None if figures.audited_at is None else (now - figures.audited_at).total_seconds()
        self._recall_age.set(_or_nan(age))

    def set_load(self, running: int, waiting: int) -> None:
        """Show how many requests are worked on, and how many wait."""
        self._load.labels("running").set(running)
        self._load.labels("waiting").set(waiting)

    def count_turned_away(self, reason: str) -> None:
        """Count one request that there was no room for."""
        self._turned_away.labels(reason).inc()

    def exposition(self) -> bytes:
        """Everything in Prometheus's text format, of all processes together where they share their figures."""
        if not self._is_shared:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # of prometheus_client
        return generate_latest(together)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
