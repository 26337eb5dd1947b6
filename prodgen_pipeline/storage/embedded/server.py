"""The life of the one server under the supervisor: made, started, watched, started again, stopped.

Belongs here: the phases and what moves them on; `advance` is one step and never waits long. Does not: who needs the
server (`supervisor`), command lines (`cluster`), identities (`privileges`).
"""

import os
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from prodgen_pipeline.core.errors import DatabaseUnavailable
from prodgen_pipeline.storage.embedded.child import Child, ServerLog
from prodgen_pipeline.storage.embedded.cluster import (
    check_data_version,
    data_version,
    initdb_command,
    postgres_command,
    reasons,
)
from prodgen_pipeline.storage.embedded.orphans import end_orphans
from prodgen_pipeline.storage.embedded.places import PORT, Places
from prodgen_pipeline.storage.embedded.privileges import Identity, adopt_files, choose_identity
from prodgen_pipeline.storage.embedded.processes import pid_file_lines, pid_in_pid_file
from prodgen_pipeline.storage.embedded.readiness import takes_connections

#: Starts in a row that may fail before we say so; one that was ready and then ended begins anew.
_MAX_STARTS = 3
#: A fast shutdown writes a checkpoint first; after this long it is cut short and recovery does that work later.
_FAST_STOP_SECONDS = 30.0
_HARD_STOP_SECONDS = 40.0
#: Line 8 of postmaster.pid, which pg_ctl reads for the same purpose.
_STATE_LINE = 7


class Phase(Enum):
    """Where the server is."""

    PREPARING = "preparing"
    MAKING_DATA = "making data"
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Make:
    """Which server: whose programs, where its socket goes, and what is set beside `cluster.SETTINGS`."""

    program_folder: Path
    socket_folder: Path
    version: int
    extra_settings: Mapping[str, str]


class Server:
    """The server and its phase. After GONE it stays down."""

    def __init__(self, places: Places, make: Make) -> None:
        self._places = places
        self._make = make
        self._log = ServerLog(places.log)
        self._child: Child | None = None
        self._starts = 0
        self._last_signal: signal.Signals | None = None
        self._enter(Phase.PREPARING)

    @property
    def phase(self) -> Phase:
        """Where it is, as of the last `advance`."""
        return self._phase

    @property
    def pid(self) -> int:
        """The process id of what runs now, 0 when nothing does."""
        return self._child.pid if self._child is not None else 0

    def advance(self) -> Phase:
        """Look at the child and take the next step, if it is time.

        Raises:
            ProdgenError: it cannot be started; the message says why and what to do.
            OSError: a file could not be read or written.
        """
        if self._child is not None:
            self._child.pump()
        steps = {
            Phase.PREPARING: self._prepare,
            Phase.MAKING_DATA: self._after_initdb,
            Phase.STARTING: self._after_start,
            Phase.READY: self._after_death,
            Phase.STOPPING: self._after_stop,
        }
        if self._phase in steps:
            steps[self._phase]()
        return self._phase

    def stop(self) -> None:
        """Begin a fast shutdown: open transactions are rolled back, then a checkpoint is written."""
        if self._phase not in (Phase.STOPPING, Phase.GONE):
            self._signal(signal.SIGINT)
            self._enter(Phase.STOPPING)

    def end_at_once(self) -> None:
        """Leave nothing running, without a checkpoint: recovery does that work at the next start."""
        if self._child is not None:
            self._signal(signal.SIGQUIT)
            end_orphans(self._places)
            self._forget_child()

    def describe(self) -> str:
        """What is going on, for someone who waits."""
        if self._phase is Phase.MAKING_DATA:
            return "making the database's data folder"
        newest = self._log.lines()[-1:]
        said = newest[0].partition("LOG:")[2].strip() if newest else ""
        return f"starting the database: {said}" if said else "starting the database"

    def _prepare(self) -> None:
        end_orphans(self._places)
        check_data_version(self._places, self._make.version)
        identity = choose_identity(self._places, self._make.program_folder / "postgres")
        self._log.forget()
        if data_version(self._places) is None:
            self._start_initdb(identity)
        else:
            self._start_postgres(identity)

    def _start_initdb(self, identity: Identity) -> None:
        for folder in self._places.abandoned_data():
            _remove_tree(folder)
        self._child = Child(
            initdb_command(
                self._make.program_folder, self._partial_data, self._make.version, self._make.extra_settings
            ),
            identity=identity,
            log=self._log,
            # Not a signal that it would answer by cleaning up, while the next supervisor does the same.
            death_signal=signal.SIGKILL,
        )
        self._enter(Phase.MAKING_DATA)

    def _start_postgres(self, identity: Identity) -> None:
        self._starts += 1
        adopt_files(self._places.data, identity)
        for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
            # No server of ours lives, so these are remains; a used-again process id in the lock would stop us.
            (self._make.socket_folder / name).unlink(missing_ok=True)
        # A pid file that survived a crash may name a living stranger, and PostgreSQL would refuse to start. Told that
        # the stranger is its grandparent, it ignores the number and still checks the old shared memory for survivors.
        old_pid = pid_in_pid_file(self._places)
        self._child = Child(
            postgres_command(
                self._make.program_folder, self._places, self._make.socket_folder, self._make.extra_settings
            ),
            identity=identity,
            log=self._log,
            death_signal=signal.SIGINT,
            extra_environment={} if old_pid is None else {"PG_GRANDPARENT_PID": str(old_pid)},
        )
        self._enter(Phase.STARTING)

    def _after_initdb(self) -> None:
        status = self._exit_status()
        if status is None:
            return
        self._forget_child()
        if status != 0:
            raise self._failure("initdb", status)
        if self._places.data.exists():
            self._places.data.rmdir()  # data_version saw that it is empty
        self._partial_data.rename(self._places.data)
        _sync_folder(self._places.home)
        self._enter(Phase.PREPARING)

    def _after_start(self) -> None:
        status = self._exit_status()
        if status is not None:
            self._forget_child()
            if self._starts >= _MAX_STARTS:
                raise self._failure("postgres", status)
            self._enter(Phase.PREPARING)
        elif self._is_ready():
            self._starts = 0
            self._enter(Phase.READY)

    def _after_death(self) -> None:
        if self._exit_status() is not None:
            self._forget_child()
            self._enter(Phase.PREPARING)

    def _after_stop(self) -> None:
        if self._child is None or self._exit_status() is not None:
            self._forget_child()
            self._enter(Phase.GONE)
            return
        waited = time.monotonic() - self._phase_since
        if waited > _HARD_STOP_SECONDS:
            self._signal(signal.SIGKILL)
        elif waited > _FAST_STOP_SECONDS:
            self._signal(signal.SIGQUIT)

    def _is_ready(self) -> bool:
        """Our own child says so in the pid file, and it lets a session begin.

        The socket alone could be a dying predecessor's.
        """
        lines = pid_file_lines(self._places)
        if len(lines) <= _STATE_LINE or lines[0] != str(self.pid) or lines[_STATE_LINE].strip() != "ready":
            return False
        return takes_connections(self._make.socket_folder)

    @property
    def _partial_data(self) -> Path:
        return self._places.partial_data(os.getpid())

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._phase_since = time.monotonic()

    def _exit_status(self) -> int | None:
        return self._child.exit_status() if self._child is not None else None

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None and self._last_signal is not number:
            self._last_signal = number
            self._child.send(number)

    def _forget_child(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None
            self._last_signal = None

    def _failure(self, program: str, status: int) -> DatabaseUnavailable:
        why = reasons(self._log.lines())
        if "No space left on device" in why:
            return DatabaseUnavailable(
                f"no space left for the embedded database in {self._places.home}; free some disk space and try again:"
                f" {why}"
            )
        return DatabaseUnavailable(
            f"{program} ended with status {status} in {self._places.home}: {why}; more is in {self._places.log}"
        )


def _remove_tree(folder: Path) -> None:
    """Remove what an interrupted initdb left; its own helpers may still be writing for a moment.

    Raises:
        OSError: it cannot be removed within five seconds.
    """
    deadline = time.monotonic() + 5.0
    while True:
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _sync_folder(folder: Path) -> None:
    """Make a rename in it survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
