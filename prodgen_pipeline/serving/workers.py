"""Several processes of the service behind one port: started, watched, started again, ended together.

Belongs here: the processes and their socket, which the parent opens and each of them accepts from. Does not: what one
of them does (`__main__`). They share nothing else: whatever they must agree on is in the database.
"""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from prodgen_pipeline.core.errors import ConfigurationError, PermanentError

logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.1
#: A process that ends this often, each time within a calm stretch, will not come up by itself.
MAX_FAILURES = 5
_CALM_SECONDS = 60.0
#: Beyond the grace that a process gives its own requests.
_KILL_SECONDS = 5.0


class WorkerFailed(PermanentError):
    """A process of the service does not come up."""


def bind(host: str, port: int) -> socket.socket:
    """A socket that several processes can accept from; nothing is accepted before one of them is ready.

    Raises ConfigurationError where the address cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {host}: {error.strerror or error}") from None
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise ConfigurationError(f"cannot listen on {host}, port {port}: {error.strerror or error}") from None
    return bound


def run_workers(
    command: Sequence[str],
    n: int,
    *,
    shared: socket.socket,
    grace_seconds: float,
    forget: Callable[[int], None] = lambda pid: None,
) -> None:
    """Run `n` processes of a command until SIGTERM or SIGINT, then end them; `forget` is told of one that ended before.

    They inherit the socket, which is closed in the end. Each must end by itself when its standard input closes, so that
    none outlives us. Raises WorkerFailed where they do not stay up.
    """
    with _signalled() as stopping:
        pool = _Pool(command, shared.fileno(), forget)
        try:
            while not stopping():
                pool.keep(n)
                time.sleep(_TICK_SECONDS)
        finally:
            # Or new connections would wait for nobody.
            shared.close()
            pool.end(grace_seconds + _KILL_SECONDS)


def end_with_parent() -> None:
    """In such a process: end as on SIGTERM when the parent has gone, however it went."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()


class _Pool:
    """The processes that run now."""

    def __init__(self, command: Sequence[str], keep_open: int, forget: Callable[[int], None]) -> None:
        self._command = [*command]
        self._forget = forget
        self._keep_open = keep_open
        self._running: list[tuple[subprocess.Popen[bytes], float]] = []
        self._failures = 0
        self._next_at = 0.0

    def keep(self, n: int) -> None:
        """Notice those that ended, and start what is missing; raises WorkerFailed."""
        now = time.monotonic()
        for ended in [each for each in self._running if each[0].poll() is not None]:
            self._running.remove(ended)
            _close_pipe(ended[0])
            self._forget(ended[0].pid)
            self._failures = 1 if now - ended[1] > _CALM_SECONDS else self._failures + 1
            logger.error("a worker ended with status %s: another one is started", ended[0].returncode)
            if self._failures >= MAX_FAILURES:
                raise WorkerFailed(f"workers ended {self._failures} times within {_CALM_SECONDS:.0f} s: see the log")
            self._next_at = now + 0.25 * 2.0**self._failures
        if now >= self._next_at:
            while len(self._running) < n:
                self._running.append((self._start(), now))

    def end(self, seconds: float) -> None:
        """Ask all to end, and end those that have not in time."""
        for process, _ in self._running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        for process, _ in self._running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            _close_pipe(process)

    def _start(self) -> "subprocess.Popen[bytes]":
        # The end of the pipe that is open in us alone tells it of our end.
        return subprocess.Popen(  # noqa: S603 - this interpreter, our own module
            self._command, stdin=subprocess.PIPE, pass_fds=(self._keep_open,)
        )


def _close_pipe(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin is not None:
        process.stdin.close()


@contextmanager
def _signalled() -> Iterator[Callable[[], bool]]:
    """Whether a signal to end has come; the handlers before are set again afterwards."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
