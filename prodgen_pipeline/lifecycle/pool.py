"""Maps a function over tasks, here or in worker processes, so that one bad task costs itself and no more.

Belongs here: workers, their death and their silence. Does not: what a task does. The seam is
concurrent.futures.Executor; a cluster's executor fits in the same place.
"""

import multiprocessing
import os
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, TimeoutError
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TypeVar

from prodgen_pipeline.core.errors import DocumentRejected, ProdgenError
from prodgen_pipeline.core.models import QuarantineReason

Task = TypeVar("Task")
Result = TypeVar("Result")


class WorkerPool:
    """Keeps worker processes alive between batches: their imports and models are paid for once."""

    def __init__(self, workers: int = 0, *, inline_tasks: int = 0, silence_seconds: float = 300.0) -> None:
        self.workers = workers or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else workers or 2
        self._inline_tasks = inline_tasks
        self._silence_seconds = silence_seconds
        self._executor: Executor | None = None

    def __enter__(self) -> "WorkerPool":
        """Start nothing: workers come with the first task that needs them."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers."""
        self._stop()

    def map(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], *, isolated: bool = False
    ) -> list[Result | DocumentRejected]:
        """Return one result a task, in order; a rejected document is a value here, not an exception.

        Few tasks run in this process, unless `isolated` says that they may crash or hang. A worker that dies or stays
        silent is replaced; the task that did it is rejected, the others of its batch are run again.
        """
        if len(tasks) <= self._inline_tasks and not isolated:
            return [_guarded(function, task) for task in tasks]
        try:
            return self._collect(self._submit(function, tasks))
        except (BrokenProcessPool, TimeoutError):
            self._stop(kill=True)
            return [self._alone(function, task) for task in tasks]

    def _submit(
        self, function: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> list[Future[Result | DocumentRejected]]:
        if self._executor is None:
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self.workers, mp_context=context, initializer=_begin_worker)
        with _no_main_module():
            return [self._executor.submit(_guarded, function, task) for task in tasks]

    def _collect(self, futures: list[Future[Result | DocumentRejected]]) -> list[Result | DocumentRejected]:
        return [future.result(timeout=self._silence_seconds) for future in futures]

    def _alone(self, function: Callable[[Task], Result], task: Task) -> Result | DocumentRejected:
        try:
            return self._collect(self._submit(function, [task]))[0]
        except BrokenProcessPool:
            self._stop(kill=True)
            return DocumentRejected(
                QuarantineReason.WORKER_DIED, "the worker process died while reading this document; the others went on"
            )
        except TimeoutError:
            self._stop(kill=True)
            return DocumentRejected(
                QuarantineReason.TIMEOUT, f"no result after {self._silence_seconds:.0f} s; the worker was ended"
            )

    def _stop(self, *, kill: bool = False) -> None:
        executor, self._executor = self._executor, None
        if executor is None:
            return
        if kill and isinstance(executor, ProcessPoolExecutor):
            for process in list((executor._processes or {}).values()):
                process.kill()
        executor.shutdown(wait=True, cancel_futures=True)


def _guarded(function: Callable[[Task], Result], task: Task) -> Result | DocumentRejected:
    try:
        return function(task)
    except DocumentRejected as rejected:
        return rejected
    except MemoryError:
        return DocumentRejected(QuarantineReason.OUT_OF_MEMORY, "the document needs more memory than a worker may use")
    except ProdgenError:
        raise
    except Exception as error:  # a fault of ours costs one document, is named by its place, and stops nothing else
        return DocumentRejected(
            QuarantineReason.INTERNAL, f"{type(error).__name__} at {_place(error)}: please report it"
        )


def _place(error: BaseException) -> str:
    """Where an exception came from: file and line, never its message, which may hold text of the document."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"


def _begin_worker() -> None:
    """Leave the terminal's Ctrl-C to the parent, and end with it."""
    import signal
    import threading

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        # A parent that was killed closes its end of this pipe; without the watch a worker would wait for ever.
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Hide __main__ while workers are started.

    A spawned worker imports its parent's main module; under `python -m dagster` that is four seconds of Dagster in
    every worker, which needs none of it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
