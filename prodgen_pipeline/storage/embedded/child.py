"""One of PostgreSQL's programs as our child, and the log that its output goes to.

Belongs here: starting it under an identity, its output, its end. Does not: what it is for (`supervisor`).
"""

import os
import signal
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from prodgen_pipeline.storage.embedded.binaries import ENVIRONMENT
from prodgen_pipeline.storage.embedded.privileges import Identity, assume, die_with_parent

_MAX_LOG_BYTES = 5_000_000
_KEPT_LINES = 40


class ServerLog:
    """The server's log file, bounded to two files of 5 MB, and its last lines in memory.

    The lines in memory are what an error message quotes: with a full disk the file is the first thing that is lost.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: deque[str] = deque(maxlen=_KEPT_LINES)
        self._unfinished = ""

    def append(self, data: bytes) -> None:
        """Write bytes on; a file that cannot be written must not stop the server, so it shows up in `lines`."""
        *finished, self._unfinished = (self._unfinished + data.decode(errors="replace")).split("\n")
        self._kept.extend(finished)
        try:
            if self._path.exists() and self._path.stat().st_size > _MAX_LOG_BYTES:
                self._path.replace(self._path.with_suffix(".log.1"))
            with self._path.open("ab") as file:
                file.write(data)
        except OSError as error:
            self._kept.append(f"the log {self._path} could not be written: {error.strerror}")

    def lines(self) -> list[str]:
        """The last lines, oldest first, with the one that is still being written."""
        return [*self._kept, *([self._unfinished] if self._unfinished else [])]

    def forget(self) -> None:
        """Start afresh, so that a later failure does not quote an earlier one."""
        self._kept.clear()


class Child:
    """A running program. Its two output streams are one pipe, which `pump` empties into the log."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        identity: Identity,
        log: ServerLog,
        death_signal: signal.Signals,
        extra_environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Start it. It gets `death_signal` when this process ends, however it ends (on Linux).

        Raises:
            OSError: the program cannot be run.
            subprocess.SubprocessError: the identity cannot be taken on.
        """
        supervisor_pid = os.getpid()

        def become() -> None:
            assume(identity)
            die_with_parent(supervisor_pid, death_signal)

        self._log = log
        # preexec_fn is safe here: the supervisor has one thread.
        self._process = subprocess.Popen(  # noqa: S603 - a program of the wheel, with arguments of ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**ENVIRONMENT, **extra_environment},
            cwd="/",
            preexec_fn=become,
        )
        os.set_blocking(self.fileno(), False)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def fileno(self) -> int:
        """The pipe's descriptor, for a selector."""
        if self._process.stdout is None:
            raise ValueError("the child was started without a pipe")
        return self._process.stdout.fileno()

    def pump(self) -> bool:
        """Move what it wrote to the log; False once it will write no more."""
        while True:
            try:
                data = os.read(self.fileno(), 65536)
            except BlockingIOError:
                return True
            if not data:
                return False
            self._log.append(data)

    def exit_status(self) -> int | None:
        """None while it runs; negative for a signal, as in `subprocess`."""
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        self._process.send_signal(number)

    def close(self) -> None:
        """Take the rest of its output, after its end."""
        self.pump()
        if self._process.stdout is not None:
            self._process.stdout.close()
