"""The process that owns the embedded server, and ends it when nobody needs it any more.

Belongs here: the loop, the leases, what a request means. Does not: the server's own life (`server`), the asking side
(`lease`), the lines on the socket (`conversations`).

The protocol, which leaves no moment in which a command holds a lease and gets no server:

* A command locks `lease.lock` shared, then asks. The supervisor ends the server only while it holds that lock alone,
  and keeps it until it has ended itself. So a command is either seen, or waits and starts the next supervisor.
* `supervisor.lock` is taken by the command that starts a supervisor and inherited by it: there is never a second one.
* Both are flock()s, which the kernel gives back when their holder dies, however it dies.

It has one thread, so that it may fork, and imports little, so that it starts in a few hundredths of a second.
"""

import fcntl
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from prodgen_pipeline.core.errors import PermanentError, ProdgenError
from prodgen_pipeline.storage.embedded.control import Report, Request, State, Want
from prodgen_pipeline.storage.embedded.conversations import Conversations
from prodgen_pipeline.storage.embedded.places import os_error_as_domain, places_of
from prodgen_pipeline.storage.embedded.server import Make, Phase, Server

#: How long the loop sleeps when nothing happens; a signal, a request and a child's end wake it at once.
_SLEEP_SECONDS = {Phase.PREPARING: 0.0, Phase.MAKING_DATA: 0.1, Phase.STARTING: 0.005, Phase.READY: 0.2}
#: How long a failure waits for somebody to hear it.
_LAST_WORD_SECONDS = 5.0
_STATES = {Phase.READY: State.READY, Phase.STOPPING: State.STOPPING, Phase.GONE: State.STOPPING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a supervisor is started with."""

    home: Path
    program_folder: Path
    socket_folder: Path
    supervisor_lock_fd: int
    version: int
    linger_seconds: float
    extra_settings: Mapping[str, str]

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> Self:
        """The plan in the JSON argument of the process."""
        paths = {name: Path(arguments[name]) for name in ("home", "program_folder", "socket_folder")}
        return cls(**{**arguments, **paths})

    def to_arguments(self) -> dict[str, Any]:
        """The JSON argument that `from_arguments` reads."""
        return {
            "home": str(self.home),
            "program_folder": str(self.program_folder),
            "socket_folder": str(self.socket_folder),
            "supervisor_lock_fd": self.supervisor_lock_fd,
            "version": self.version,
            "linger_seconds": self.linger_seconds,
            "extra_settings": dict(self.extra_settings),
        }


def supervise(plan: Plan) -> None:
    """Run until nobody needs the server. Every command that waits hears why, if it cannot start."""
    os.set_inheritable(plan.supervisor_lock_fd, False)
    os.umask(0o077)
    try:
        Supervisor(plan).run()
    finally:
        # By name, so that the lock is free also if some fork inherited the descriptor at a bad moment.
        fcntl.flock(plan.supervisor_lock_fd, fcntl.LOCK_UN)


class Supervisor:
    """The loop and who it serves."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._places = places_of(plan.home)
        self._linger_seconds = plan.linger_seconds
        self._idle_since: float | None = None
        self._is_told_to_stop = False
        self._last_word: Report | None = None
        self._has_told_why = False
        self._lease_fd = os.open(self._places.lease_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._selector = selectors.DefaultSelector()
        self._conversations = Conversations(self._selector, plan.socket_folder, self._answer)
        self._server = Server(
            self._places,
            Make(
                program_folder=plan.program_folder,
                socket_folder=plan.socket_folder,
                version=plan.version,
                extra_settings=plan.extra_settings,
            ),
        )
        self._wake_on_signals()

    def run(self) -> None:
        """Go on until the server is down and shall stay down."""
        try:
            while (phase := self._server.advance()) is not Phase.GONE:
                if self._is_told_to_stop or (phase is Phase.READY and self._nobody_needs_us()):
                    self._server.stop()
                if phase is Phase.STOPPING:
                    self._conversations.stop_listening()
                self._conversations.tell_waiting(self._report())
                for key, _ in self._selector.select(_SLEEP_SECONDS.get(phase, 0.05)):
                    key.data()
        except (ProdgenError, OSError, subprocess.SubprocessError) as error:
            self._tell_why(self._failure(error))
        finally:
            self._conversations.close()
            self._server.end_at_once()
            self._remove_short_folder()

    def _answer(self, request: Request) -> tuple[Report, bool]:
        """The first report to a request, and whether more will follow."""
        if self._last_word is not None:
            self._has_told_why = True
            return self._last_word, False
        if request.want is Want.STOP:
            self._server.stop()
        if request.want is not Want.LEASE:
            return self._report(), False
        if request.version != self._plan.version:
            detail = f"the running server is PostgreSQL {self._plan.version} and this asks for {request.version}"
            return Report(state=State.FAILED, detail=detail, is_permanent=True), False
        self._linger_seconds = request.linger_seconds
        self._idle_since = None
        # Not as of the last tick: nobody is to be sent to a server that has just died.
        self._server.advance()
        report = self._report()
        return report, report.state is State.STARTING

    def _tell_why(self, failure: Report) -> None:
        """Tell everyone who waits; where nobody does yet, stay for the command that started us and is about to ask."""
        self._last_word = failure
        self._has_told_why = self._conversations.tell_waiting(failure)
        deadline = time.monotonic() + _LAST_WORD_SECONDS
        while time.monotonic() < deadline:
            asking = self._selector.select(0.0 if self._has_told_why else 0.1)
            if not asking and self._has_told_why:
                return
            for key, _ in asking:
                key.data()

    def _nobody_needs_us(self) -> bool:
        """Whether no lease was held for the linger time. True leaves the lease lock ours, and new commands waiting."""
        try:
            fcntl.flock(self._lease_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._idle_since = None
            return False
        now = time.monotonic()
        if self._idle_since is None:
            self._idle_since = now
        if now - self._idle_since >= self._linger_seconds:
            return True
        fcntl.flock(self._lease_fd, fcntl.LOCK_UN)
        return False

    def _wake_on_signals(self) -> None:
        """Stop on SIGTERM and SIGINT, outlive a terminal, and let these and a child's end wake the loop."""
        ours, written = socket.socketpair()
        ours.setblocking(False)
        written.setblocking(False)
        self._wakeup_pair = (ours, written)
        signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note_stop_signal)
        self._selector.register(ours, selectors.EVENT_READ, lambda: ours.recv(4096))

    def _note_stop_signal(self, *_: object) -> None:
        # Only noted: it may come in the middle of a step of the server.
        self._is_told_to_stop = True

    def _report(self) -> Report:
        phase = self._server.phase
        return Report(
            state=_STATES.get(phase, State.STARTING),
            detail=self._server.describe() if phase not in _STATES else "",
            version=self._plan.version,
            socket_folder=str(self._plan.socket_folder),
            supervisor_pid=os.getpid(),
            postgres_pid=self._server.pid,
        )

    def _failure(self, error: ProdgenError | OSError | subprocess.SubprocessError) -> Report:
        known = os_error_as_domain(error, self._places.home) if isinstance(error, OSError) else error
        return Report(state=State.FAILED, detail=str(known), is_permanent=isinstance(known, PermanentError))

    def _remove_short_folder(self) -> None:
        """Leave nothing in the temporary folder."""
        folder = self._plan.socket_folder
        if folder != self._places.run and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
