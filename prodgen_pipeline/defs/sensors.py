"""The sensors: one watches every document store and asks for runs, one records runs that failed.

Belongs here: the glue between Dagster's ticks and the rooms below. Does not: decisions (core.observing), reading stores
(lifecycle.watching).
"""

import json
import time
from collections.abc import Callable, Iterable

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus, RunRecord, RunsFilter

from prodgen_pipeline.core.errors import ProdgenError
from prodgen_pipeline.core.observing import Cursor, Position, ask, partition_changes, read_cursor, resumed, worker_is_gone
from prodgen_pipeline.defs.jobs import sync_job
from prodgen_pipeline.defs.partitions import TENANTS
from prodgen_pipeline.lifecycle.watching import Seen, look
from prodgen_pipeline.resources import ACTOR, Corpus
from prodgen_pipeline.settings import load_settings
from prodgen_pipeline.storage import observing, tenants
from prodgen_pipeline.storage.tenants import Tenant

PARTITION_TAG = "dagster/partition"
_GRPC_TAG = ".dagster/grpc_info"
_RUNNING = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
_IN_FLIGHT = [*_RUNNING, DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED]
#: When this process, a code server, began: what it did not launch itself was launched before.
_STARTED_AT = time.time()


@dg.sensor(
    job=sync_job,
    minimum_interval_seconds=load_settings().observation.interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def document_store_sensor(context: dg.SensorEvaluationContext, corpus: Corpus) -> dg.SensorResult:
    """Watches every source of every tenant and asks for one run per tenant that has something to do.

    A tick reads listings only, stops at a tenant's first difference, and goes on at the next tick where its time was over.
    """
    _end_dead_runs(context.instance, load_settings().code_server_socket)
    with corpus.databases.pipeline.transaction() as tx:
        known = tenants.list_all(tx)
    cursor = read_cursor(context.cursor)
    busy = _tenants_in_flight(context.instance)
    requests, after = _tick(corpus, [each for each in known if each.name not in busy], cursor)
    add, remove = partition_changes([each.name for each in known], context.instance.get_dynamic_partitions("tenant"))
    return dg.SensorResult(
        run_requests=requests,
        cursor=after.to_json(),
        dynamic_partitions_requests=[TENANTS.build_add_request(add), TENANTS.build_delete_request(remove)],
    )


def _tick(corpus: Corpus, free: list[Tenant], cursor: Cursor) -> tuple[list[dg.RunRequest], Cursor]:
    """Look at the tenants in turn until the time is over."""
    deadline = time.monotonic() + corpus.settings.observation.tick_seconds
    by_id = {each.tenant_id: each for each in free}
    asked = dict(cursor.asked)
    requests: list[dg.RunRequest] = []
    for tenant_id in resumed(list(by_id), cursor.position):
        at = cursor.position if cursor.position and cursor.position.tenant_id == tenant_id else None
        seen = look(corpus.databases.pipeline, by_id[tenant_id], at=at, out_of_time=_passed(deadline))
        if seen.stopped_at is not None:
            return requests, Cursor(position=seen.stopped_at, asked=asked)
        requests += _request(corpus, by_id[tenant_id], seen, asked)
        if _passed(deadline)():
            return requests, Cursor(position=_next(list(by_id), tenant_id), asked=asked)
    return requests, Cursor(asked={tenant: each for tenant, each in asked.items() if tenant in by_id})


