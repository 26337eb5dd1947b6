"""What commands and the supervisor say to each other over its socket: one line of JSON each way, then some more.

Belongs here: the messages and the asking side. Does not: what is done about them (`lease`, `supervisor`).

An answer can only come from a living supervisor, which a file with its last words could not promise.
"""

import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

#: Most starts are over by then.
_QUIET_SECONDS = 1.0


class Want(StrEnum):
    """What a command asks for."""

    #: A living server: answers follow until it is ready or failed, and the linger time starts anew.
    LEASE = "lease"
    #: One answer: what is going on.
    STATUS = "status"
    #: The end, now, whoever holds a lease.
    STOP = "stop"


class State(StrEnum):
    """Where the server is."""

    #: No supervisor, no server. Never said by a supervisor.
    STOPPED = "stopped"
    #: Making the data folder, starting, or recovering after a crash.
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    #: It cannot start; `detail` says why, and the supervisor ends.
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question of a command."""

    want: Want
    linger_seconds: float = 10.0
    version: int = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One answer of the supervisor. Process ids are 0 where there is no such process."""

    state: State
    detail: str = ""
    #: Whether trying again cannot help; only with FAILED.
    is_permanent: bool = False
    version: int = 0
    socket_folder: str = ""
    supervisor_pid: int = 0
    postgres_pid: int = 0


def encode(message: Request | Report) -> bytes:
    """One line."""
    return json.dumps(asdict(message)).encode() + b"\n"


def decode_request(line: bytes) -> Request:
    """The request in a line.

    Raises:
        ValueError: it is none.
    """
    try:
        fields = json.loads(line)
        return Request(**{**fields, "want": Want(fields["want"])})
    except (TypeError, KeyError) as error:
        raise ValueError(f"not a request: {error}") from error


def decode_report(line: bytes) -> Report:
    """The report in a line."""
    fields = json.loads(line)
    return Report(**{**fields, "state": State(fields["state"])})


def ask(
    path: Path, request: Request, *, deadline: float, progress: Callable[[str], None] | None = None
) -> Report | None:
    """Ask the supervisor behind a socket and return its last word; `deadline` is on the monotonic clock.

    None when nobody is there, or the supervisor ended before its last word. `progress` hears each new line, once the
    wait has become worth a word.

    Raises:
        TimeoutError: the deadline passed.
    """
    quiet_until, said = time.monotonic() + _QUIET_SECONDS, ""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.settimeout(_left(deadline))
            connection.connect(str(path))
            connection.sendall(encode(request))
            for line in _lines(connection, deadline):
                report = decode_report(line)
                if report.state is not State.STARTING or request.want is not Want.LEASE:
                    return report
                if progress is not None and report.detail != said and time.monotonic() > quiet_until:
                    said = report.detail
                    progress(said)
        except (FileNotFoundError, ConnectionError):
            return None
    return None


def _lines(connection: socket.socket, deadline: float) -> Iterator[bytes]:
    """Whole lines until the other side closes."""
    pending = b""
    while data := connection.recv(65536):
        *lines, pending = (pending + data).split(b"\n")
        yield from lines
        connection.settimeout(_left(deadline))


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline passed")
    return left
