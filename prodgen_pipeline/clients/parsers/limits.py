"""Time and memory limits around one document, inside a worker process.

Belongs here: what a process can do to itself (an interval timer, an address-space limit). Hangs inside C code and
crashes cannot be caught from inside; the pool that owns the workers ends those.
"""

import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from prodgen_pipeline.core.errors import DocumentRejected
from prodgen_pipeline.core.models import QuarantineReason

#: A library may swallow the first interruption (a bare `except`, a C callback): ask again at this interval.
_REPEAT_SECONDS = 0.25


class _Expired(BaseException):
    """The time is up; not an `Exception`, so that a library's `except Exception` does not take it for its own."""


def _expire(_signal: int, frame: FrameType | None) -> None:
    """Interrupt whatever runs, except the entering and leaving of a limit itself.

    Raised there, the interruption would escape with the timer still running, and kill the worker at its next document.
    """
    if frame is None or frame.f_code.co_filename not in _NOT_INTERRUPTED:
        raise _Expired


_NOT_INTERRUPTED = frozenset({_expire.__code__.co_filename, contextmanager.__code__.co_filename})


@contextmanager
def limited(timeout_seconds: float, max_memory_bytes: int) -> Iterator[None]:
    """Run the block under a wall-clock limit and a limit on newly reserved address space; restore both afterwards.

    The memory limit counts from what the process has reserved on entry, so import heavy libraries before entering.
    In a thread other than the main one nothing is limited: Python runs signal handlers in the main thread only, and
    an address-space limit would hit every other thread of the process. Limits are not meant to be nested.

    Raises:
        DocumentRejected: `timeout` or `out_of_memory`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        with _address_space(max_memory_bytes), _alarm(timeout_seconds):
            yield
    except _Expired:
        message = (
            f"Reading took longer than {timeout_seconds:g} s; split the document or raise parsing.timeout_seconds."
        )
        raise DocumentRejected(QuarantineReason.TIMEOUT, message) from None
    except MemoryError:
        message = (
            f"Reading needed more than {max_memory_bytes:,} bytes of memory; "
            "split the document or raise parsing.max_memory_bytes."
        )
        raise DocumentRejected(QuarantineReason.OUT_OF_MEMORY, message) from None


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    previous = signal.signal(signal.SIGALRM, _expire)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, _REPEAT_SECONDS)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@contextmanager
def _address_space(max_new_bytes: int) -> Iterator[None]:
    """Cap the address space. Linux only: elsewhere the kernel does not tell or does not keep this limit."""
    if not sys.platform.startswith("linux"):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    n_pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    cap = n_pages * resource.getpagesize() + max_new_bytes
    ceilings = [cap, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(ceilings), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
