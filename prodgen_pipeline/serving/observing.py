"""What is seen of an answer that was given: metrics, and samples for the audit of recall. Never slows or fails one."""

from collections.abc import Callable

from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.serving.ask import AskResult
from prodgen_pipeline.serving.metrics import Metrics
from prodgen_pipeline.serving.sampling import SearchSampler
from prodgen_pipeline.storage.tenants import Tenant

#: Told of an answer: the route's path, whose it is, on whose behalf, and the answer.
Observe = Callable[[str, Tenant, Reader, AskResult], None]


def observing(metrics: Metrics, sampler: SearchSampler) -> Observe:
    """Count and time answers, and offer their searches to the sampler."""

    def observe(route: str, tenant: Tenant, reader: Reader, result: AskResult) -> None:
        metrics.observe_steps(route, result.timings_ms)
        metrics.count_answer(result.answer.tier, refused=result.answer.refused, escalated=result.escalated)
        if result.found is not None:
            metrics.count_search(result.found.plan, result.found.reranking)
            sampler.offer(tenant, reader, result.found)

    return observe
