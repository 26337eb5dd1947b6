"""What Dagster hands to assets and sensors: the settings, the open database, and a run of the lifecycle.

Belongs here: from settings to objects of the rooms below, their life within one Dagster process, and the translation of
errors. Does not: queries and decisions (storage, core), assets and sensors (defs).
"""

import logging
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from prodgen_pipeline.core.errors import ProdgenError, TransientError
from prodgen_pipeline.lifecycle.backfill import open_backfill
from prodgen_pipeline.lifecycle.pacing import lower_priority
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.sync import open_run
from prodgen_pipeline.settings import Settings, load_settings
from prodgen_pipeline.storage import tenants
from prodgen_pipeline.storage.connection import Databases, open_databases
from prodgen_pipeline.storage.tenants import Tenant

ACTOR = "dagster"
ExecutionContext = dg.AssetExecutionContext | dg.OpExecutionContext
#: How long an asset waits for the tenant: dagster.yaml lets two runs of a tenant begin, so that a live one does not
#: queue behind a backfill, and two live ones take turns asset by asset.
LOCK_SECONDS = 60.0
MAX_RETRIES = 5
RETRY_SECONDS = 10
#: A long stage says how far it is this often; once a batch would let the event log grow with the corpus.
_PROGRESS_SECONDS = 30.0
_ORPHAN_GRACE_SECONDS = 15.0


class Corpus(dg.ConfigurableResource["Corpus"]):
    """The corpus of all tenants: open for one tick of a sensor, or for one run."""

    _settings: Settings = PrivateAttr()
    _databases: Databases = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Corpus"]:
        """Lease the database for as long as Dagster uses this resource."""
        if context.run is not None:
            end_with_parent()
        self._settings = load_settings()
        with open_databases(self._settings) as databases:
            self._databases = databases
            yield self

    @property
    def settings(self) -> Settings:
        """As read when the tick or run began."""
        return self._settings

    @property
    def databases(self) -> Databases:
        """Both sides, open."""
        return self._databases

    @contextmanager
    def run(self, context: dg.AssetExecutionContext) -> Iterator[Run]:
        """Hold the tenant of the context's partition for one asset, under the id of the Dagster run.

        The lock is taken per asset: work is what the ledger says, so another run that slips in between takes nothing
        away.
        """
        with (
            translated_errors(context),
            open_run(
                self.settings, self.databases.pipeline, self.tenant(context), run_id=context.run.run_id,
                kind="dagster", actor=ACTOR, progress=_throttled(context.log), wait_seconds=LOCK_SECONDS,
            ) as run,
        ):  # fmt: skip
            yield run

    @contextmanager
    def backfill(self, context: ExecutionContext, *, run_id: str) -> Iterator[Run]:
        """Hold the tenant of the context's partition against other backfills; live runs go on beside it."""
        if multiprocessing.parent_process() is not None:
            lower_priority()  # this process is the run's own
        with (
            translated_errors(context),
            open_backfill(
                self.settings, self.databases.pipeline, self.tenant(context), run_id=run_id, actor=ACTOR,
                progress=_throttled(context.log),
            ) as run,
        ):  # fmt: skip
            yield run

    def tenant(self, context: ExecutionContext) -> Tenant:
        """The tenant of the context's partition; raises NotFound."""
        with self.databases.pipeline.transaction() as tx:
            return tenants.find(tx, context.partition_key)

    def translated(self, context: ExecutionContext) -> AbstractContextManager[None]:
        """See `translated_errors`."""
        return translated_errors(context)


@contextmanager
def translated_errors(context: ExecutionContext) -> Iterator[None]:
    """Turn our errors into Dagster's: what is transient is tried again, everything else fails the step at once.

    Errors that are not ours lose their message here: a driver quotes rows in it, and the event log is no place for a
    tenant's text. Where it happened is kept.
    """
    try:
        yield
    except TransientError as error:
        if context.retry_number >= MAX_RETRIES:
            raise dg.Failure(description=str(error), allow_retries=False) from None
        context.log.warning(f"{error}; trying again in {RETRY_SECONDS} s")
        raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=RETRY_SECONDS) from None
    except ProdgenError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
    except (dg.Failure, dg.RetryRequested):
        raise
    except Exception as error:
        where = "".join(traceback.format_tb(error.__traceback__)[-8:])
        raise dg.Failure(
            description=f"{type(error).__name__} (its message is withheld: it may quote a document)\n{where}",
            allow_retries=False,
        ) from None


def end_with_parent() -> None:
    """Interrupt this run when the code server that launched it is gone, and end it if that takes too long.

    A run worker is not a daemonic process: without this, one whose server was killed would work on unseen.
    """
    parent = multiprocessing.parent_process()
    if parent is not None and not any(thread.name == _end_after.__name__ for thread in threading.enumerate()):
        threading.Thread(target=_end_after, args=(parent,), name=_end_after.__name__, daemon=True).start()


def _end_after(parent: Any) -> None:  # noqa: ANN401 - multiprocessing's type of a parent is private
    parent.join()
    # The same signal as Ctrl-C: Dagster records the run as ended, and pool workers, which ignore it, are not mistaken
    # for victims of the document that they were reading.
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_ORPHAN_GRACE_SECONDS)
    os._exit(1)


def _throttled(log: logging.Logger) -> Callable[[str, int, int], None]:
    last = time.monotonic()

    def tell(stage: str, done: int, waiting: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _PROGRESS_SECONDS:
            last = time.monotonic()
            log.info(f"{stage}: {done} documents done, {waiting} wait")

    return tell
