"""Child processes that live together: started in order, watched, restarted, and ended without a trace.

Belongs here: starting, readiness, signals, the end. Does not: which processes there are and what they are for (up).

Each child leads a session of its own, so a Ctrl-C at the terminal reaches only us and we end them in our order;
ending one ends its whole group, so that a worker of a worker is not left. A child also dies with us when we are
killed (Linux).
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prodgen_pipeline.core.errors import PermanentError

_PR_SET_PDEATHSIG = 1
#: Looked up here: between fork and exec the dynamic linker's lock may be held by a thread that is no more.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_TICK_SECONDS = 0.2
_PROBE_SECONDS = 0.5
#: A child that failed this often without a calm stretch in between will not come up by itself.
MAX_FAILURES = 5
_CALM_SECONDS = 300.0
#: After a kill there can still be zombies whose adoptive parent, a container's first process, never looks after them.
_KILL_SECONDS = 2.0
_MAX_LOG_BYTES = 5_000_000
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One program, and when it is ready."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    #: Answers with success once the service is ready; without one, being started is enough.
    probe_url: str | None = None
    #: Printed when it is ready.
    announcement: str | None = None
    #: A file that must be there before it is started: another service's socket.
    needs: Path | None = None
    #: A file that it makes, and that a killed one leaves behind.
    makes: Path | None = None
    #: Seconds it gets between the request to end and the kill.
    grace_seconds: float = 20.0


class ChildFailed(PermanentError):
    """A child process does not come up."""


class _Watched:
    """A service with its process, if it has one now."""

    def __init__(self, service: Service, say: Say) -> None:
        self.service = service
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._failures = 0
        self._started_at = 0.0
        self._start_at = 0.0
        self._probe_at = 0.0
        self.ready = False

    def step(self, now: float) -> None:
        """Do what is due: start it, notice that it ended, ask whether it answers."""
        if self._process is None:
            if now >= self._start_at and (self.service.needs is None or self.service.needs.exists()):
                self._start(now)
        elif self._process.poll() is not None:
            self._ended(now)
        elif not self.ready and now >= self._probe_at:
            self._probe_at = now + _PROBE_SECONDS
            if self.service.probe_url is None or answers(self.service.probe_url):
                self.ready = True
                if self.service.announcement:
                    self._say(self.service.announcement)

    def _start(self, now: float) -> None:
        service = self.service
        if service.makes is not None:
            service.makes.unlink(missing_ok=True)
        if service.log.exists() and service.log.stat().st_size > _MAX_LOG_BYTES:
            service.log.replace(service.log.with_suffix(".log.1"))
        parent, variables = os.getpid(), dict(service.environment)
        with service.log.open("ab") as log:
            # preexec_fn with threads about: what runs between fork and exec takes no lock of ours.
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, our own modules
                [*service.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: _become_child(parent, variables),
            )
        self._started_at = now

    def _ended(self, now: float) -> None:
        status = self._process.returncode if self._process else 0
        self.kill()
        self._process = None
        self._failures = 1 if now - self._started_at > _CALM_SECONDS else self._failures + 1
        what = f"{self.service.name} ended unexpectedly ({_described(status)})"
        if self._failures >= MAX_FAILURES:
            raise ChildFailed(f"{what} for the {self._failures}th time: see {self.service.log}")
        wait = 2.0 ** (self._failures - 1)
        self._start_at = now + wait
        self._say(f"{what}; starting it again in {wait:.0f} s; see {self.service.log}")

    def interrupt(self) -> None:
        """Ask the whole group to end. Not SIGTERM: pool workers ignore SIGINT and leave the ending to their parent."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End what is left of the group."""
        self._signal(signal.SIGKILL)

    def is_gone(self) -> bool:
        """Whether no process of the group is left."""
        if self._process is None:
            return True
        self._process.poll()
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.poll()
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                return


def supervise(services: Sequence[Service], stop: threading.Event, *, say: Say, when_ready: Callable[[], None]) -> None:
    """Run the services until `stop` is set, then end them; `when_ready` is called once, when all are ready.

    Raises ChildFailed when one does not come up; the others are ended first.
    """
    watched = [_Watched(service, say) for service in services]
    told = False
    try:
        while not stop.is_set():
            now = time.monotonic()
            for each in watched:
                each.step(now)
            if not told and all(each.ready for each in watched):
                told = True
                when_ready()
            stop.wait(_TICK_SECONDS)
    finally:
        _end(watched)


def _end(watched: Sequence[_Watched]) -> None:
    """In reverse order of their start they are asked, then each is killed when its time is over."""
    started = time.monotonic()
    longest = max((each.service.grace_seconds for each in watched), default=0.0)
    for each in reversed(watched):
        each.interrupt()
    left = list(watched)
    while left := [each for each in left if not each.is_gone()]:
        passed = time.monotonic() - started
        for each in left:
            if passed > each.service.grace_seconds:
                each.kill()
        if passed > longest + _KILL_SECONDS:
            break
        time.sleep(_TICK_SECONDS / 4)


def answers(url: str) -> bool:
    """Whether an address of this machine answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - an http address that we made
            return bool(response.status < 400)  # noqa: PLR2004 - HTTP
    except (OSError, urllib.error.URLError):
        return False


def _become_child(parent: int, variables: Mapping[str, str]) -> None:
    """Runs in the child before the program.

    A shell that starts us in the background lets SIGINT be ignored, and what is ignored stays so across exec: such a
    child would not hear that it is to end.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for name, value in variables.items():
        os.putenv(name, value)
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def _described(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
