"""Whether a server takes connections now: what pg_isready asks, without a process for it.

Belongs here: the first two messages of PostgreSQL's protocol. Does not: anything that needs a driver.

An open socket is not enough: a postmaster that is ending goes on listening for a moment and turns everyone away.
"""

import socket
import struct
from pathlib import Path

from prodgen_pipeline.storage.embedded.cluster import OWNER
from prodgen_pipeline.storage.embedded.places import PORT

_PROTOCOL_3 = 196608
_TERMINATE = b"X" + struct.pack("!i", 4)
#: SQLSTATE of "the database system is starting up / shutting down / in recovery mode".
_CANNOT_CONNECT_NOW = b"C57P03\0"


def takes_connections(socket_folder: Path, *, timeout_seconds: float = 2.0) -> bool:
    """Whether the server behind the folder's socket lets a session begin.

    Any other refusal than "not now" (too many clients, say) comes from a server that works.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_seconds)
            connection.connect(str(socket_folder / f".s.PGSQL.{PORT}"))
            connection.sendall(_startup_message())
            answer = connection.recv(4096)
            if answer.startswith(b"R"):
                connection.sendall(_TERMINATE)
    except (FileNotFoundError, ConnectionError, TimeoutError):
        return False
    return answer.startswith(b"R") or (answer.startswith(b"E") and _CANNOT_CONNECT_NOW not in answer)


def _startup_message() -> bytes:
    words = b"\0".join([b"user", OWNER.encode(), b"database", b"postgres", b"", b""])
    return struct.pack("!ii", 8 + len(words), _PROTOCOL_3) + words
