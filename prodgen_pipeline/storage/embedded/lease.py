"""How a command gets a living server, for as long as it needs one.

Belongs here: taking and giving back a lease, starting a supervisor where there is none, `status`, `stop`. Does not:
what the supervisor does (`supervisor`), connections and SQL (the rest of `storage`).
"""

import fcntl
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from prodgen_pipeline.core.errors import ConfigurationError, DatabaseUnavailable
from prodgen_pipeline.storage.embedded.binaries import program_folder, python_command
from prodgen_pipeline.storage.embedded.control import Report, Request, State, Want, ask
from prodgen_pipeline.storage.embedded.orphans import end_orphans
from prodgen_pipeline.storage.embedded.places import (
    PORT,
    Places,
    choose_socket_folder,
    control_socket,
    operating_system_errors_explained,
    places_of,
    prepare,
)
from prodgen_pipeline.storage.embedded.readiness import takes_connections
from prodgen_pipeline.storage.embedded.supervisor import Plan

_RETRY_SECONDS = 0.005
#: Supervisors that end without an answer before we say so; one may be killed, three are a fault.
_MAX_SUPERVISORS = 3
_STATUS_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedServer:
    """A running server. `postgres_pid` is the postmaster's when the lease was taken; it changes if it is killed."""

    home: Path
    socket_dir: Path
    port: int
    version: int
    postgres_pid: int

    def dsn(self, database: str, user: str) -> str:
        """A connection address for psycopg and libpq, with no password: the private socket folder is the door."""
        host = quote(str(self.socket_dir), safe="/")
        return f"postgresql://{quote(user, safe='')}@/{quote(database, safe='')}?host={host}&port={self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What a command asked for."""

    places: Places
    version: int
    linger_seconds: float
    extra_settings: Mapping[str, str]
    short_root: Path | None
    timeout_seconds: float
    deadline: float
    progress: Callable[[str], None] | None


@contextmanager
def lease(
    home: Path,
    *,
    linger_seconds: float = 10.0,
    version: int = 18,
    extra_settings: Mapping[str, str] | None = None,
    timeout_seconds: float = 900.0,
    progress: Callable[[str], None] | None = None,
    short_root: Path | None = None,
) -> Iterator[EmbeddedServer]:
    """Hold a living server for the `with` block, started if need be, and kept `linger_seconds` after the last lease.

    The latest lease decides the linger time; the one that starts the server decides `extra_settings`. `progress` hears
    a line now and then while the server is made or recovers, for at most `timeout_seconds`. `short_root` is where the
    sockets go first when the home's path is too long for them (the temporary folder otherwise).

    A server that is killed is started again while any lease is held; connections are lost, the address stays. Only when
    the supervisor itself is killed does the server stay down until the next lease.

    Raises:
        ConfigurationError: the home is missing or not ours, the programs are missing, or the data is another version's.
        DatabaseUnavailable: the server does not start; the message holds the server's own reasons.
    """
    wish = _Wish(
        places=places_of(home),
        version=version,
        linger_seconds=linger_seconds,
        extra_settings=extra_settings or {},
        short_root=short_root,
        timeout_seconds=timeout_seconds,
        deadline=time.monotonic() + timeout_seconds,
        progress=progress,
    )
    with operating_system_errors_explained(wish.places.home):
        prepare(wish.places)
        lease_fd = _open_lock(wish.places.lease_lock)
    try:
        with operating_system_errors_explained(wish.places.home):
            _lock_shared(lease_fd, wish)
            report = _ready_server(wish)
        yield EmbeddedServer(
            home=wish.places.home,
            socket_dir=Path(report.socket_folder),
            port=PORT,
            version=report.version,
            postgres_pid=report.postgres_pid,
        )
    finally:
        # By name: a forked worker has the same open file, and closing ours alone would leave the lease with it.
        fcntl.flock(lease_fd, fcntl.LOCK_UN)
        os.close(lease_fd)


def status(home: Path) -> Report:
    """What the server of this home is doing now; starts nothing."""
    places = places_of(home)
    with operating_system_errors_explained(places.home):
        try:
            report = _ask_supervisor(places, Request(want=Want.STATUS), time.monotonic() + _STATUS_SECONDS, None)
        except TimeoutError:
            return Report(state=State.STARTING, detail="the supervisor is busy")
        if report is not None:
            return report
        if not places.supervisor_lock.exists():
            return Report(state=State.STOPPED)
        lock_fd = _try_supervisor_lock(places)
        if lock_fd is None:
            return Report(state=State.STOPPING, detail="the supervisor listens no more, or not yet")
        os.close(lock_fd)
        return Report(state=State.STOPPED)


def stop(home: Path, *, timeout_seconds: float = 60.0) -> None:
    """End the server of this home now, whoever holds a lease, and return when it is gone.

    Raises:
        DatabaseUnavailable: it did not end in time.
    """
    places = places_of(home)
    deadline = time.monotonic() + timeout_seconds
    if not places.run.is_dir():
        return
    with operating_system_errors_explained(places.home):
        try:
            while (lock_fd := _try_supervisor_lock(places)) is None:
                _ask_supervisor(places, Request(want=Want.STOP), deadline, None)
                time.sleep(_RETRY_SECONDS)
        except TimeoutError as error:
            raise DatabaseUnavailable(f"the embedded database did not stop within {timeout_seconds} s") from error
        try:
            end_orphans(places)
        finally:
            os.close(lock_fd)


def _ready_server(wish: _Wish) -> Report:
    """Ask until a supervisor says that the server is ready, starting one whenever there is none."""
    request = Request(want=Want.LEASE, linger_seconds=wish.linger_seconds, version=wish.version)
    n_started = 0
    try:
        while True:
            report = _ask_supervisor(wish.places, request, wish.deadline, wish.progress)
            if report is not None and report.state is State.READY and takes_connections(Path(report.socket_folder)):
                return report
            if report is not None and report.state is State.FAILED:
                raise (ConfigurationError if report.is_permanent else DatabaseUnavailable)(report.detail)
            if report is None and (lock_fd := _try_supervisor_lock(wish.places)) is not None:
                n_started += 1
                _start_supervisor(wish, lock_fd, n_started)
            _pause(wish.deadline)
    except TimeoutError as error:
        raise _not_in_time(wish) from error


def _start_supervisor(wish: _Wish, lock_fd: int, n_started: int) -> None:
    """Start a supervisor that inherits the lock we hold, so that nobody can come between."""
    try:
        if n_started > _MAX_SUPERVISORS:
            raise DatabaseUnavailable(
                f"the embedded database's supervisor ended {_MAX_SUPERVISORS} times without an answer;"
                f" see {wish.places.log}"
            )
        folder = choose_socket_folder(wish.places, short_root=wish.short_root)
        _note(wish.places.socket_folder_note, str(folder))
        plan = Plan(
            home=wish.places.home,
            program_folder=program_folder(wish.version),
            socket_folder=folder,
            supervisor_lock_fd=lock_fd,
            version=wish.version,
            linger_seconds=wish.linger_seconds,
            extra_settings=wish.extra_settings,
        )
        with wish.places.log.open("ab") as log:
            subprocess.run(  # noqa: S603 - this interpreter, our own script
                [*python_command(), json.dumps(plan.to_arguments())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                pass_fds=[lock_fd],
                start_new_session=True,
                check=False,
            )
    finally:
        os.close(lock_fd)


def _ask_supervisor(
    places: Places, request: Request, deadline: float, progress: Callable[[str], None] | None
) -> Report | None:
    """The supervisor's last word, or None where none answers."""
    try:
        folder = places.socket_folder_note.read_text()
    except FileNotFoundError:
        return None
    return ask(control_socket(Path(folder)), request, deadline=deadline, progress=progress)


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock_shared(lease_fd: int, wish: _Wish) -> None:
    """Take the lease. Only a supervisor that is ending its server keeps us waiting."""
    while True:
        try:
            fcntl.flock(lease_fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                _pause(wish.deadline)
            except TimeoutError as error:
                raise _not_in_time(wish) from error
        else:
            return


def _try_supervisor_lock(places: Places) -> int | None:
    """The descriptor that holds the supervisor lock, or None while a supervisor has it."""
    descriptor = _open_lock(places.supervisor_lock)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _note(path: Path, text: str) -> None:
    """Replace the file in one step, since others read it without a lock. One that is right stays: disks get full."""
    if path.exists() and path.read_text() == text:
        return
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(text)
    fresh.replace(path)


def _pause(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError("the deadline passed")
    time.sleep(_RETRY_SECONDS)


def _not_in_time(wish: _Wish) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"the embedded database in {wish.places.home} was not ready within {wish.timeout_seconds} s; a recovery goes on"
        f" by itself, so try again later, and see {wish.places.log}"
    )
