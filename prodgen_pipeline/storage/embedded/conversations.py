"""The supervisor's side of its socket: who asked, who still waits, and never a wait for any of them.

Belongs here: connections and lines. Does not: what the answers are (`supervisor`), their form (`control`).
"""

import selectors
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from prodgen_pipeline.storage.embedded.control import Report, Request, State, decode_request, encode
from prodgen_pipeline.storage.embedded.places import control_socket

_PROGRESS_SECONDS = 0.5
_MAX_REQUEST_BYTES = 4096


class Conversations:
    """Listens, hands each request to `answer`, and keeps those who wait for the server to be ready."""

    def __init__(
        self, selector: selectors.BaseSelector, folder: Path, answer: Callable[[Request], tuple[Report, bool]]
    ) -> None:
        """Start listening in `folder`. `answer` returns the first report and whether more will follow."""
        self._selector = selector
        self._answer = answer
        self._path = control_socket(folder)
        self._pending: dict[socket.socket, bytes] = {}
        self._waiting: list[socket.socket] = []
        self._told_at = 0.0
        self._path.unlink(missing_ok=True)  # a killed predecessor's; we hold the supervisor lock
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(128)
        self._listener.setblocking(False)
        self._is_listening = True
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def tell_waiting(self, report: Report) -> bool:
        """Tell those who wait: the end of their wait as soon as it is there, progress twice a second.

        Returns whether anyone was told.
        """
        is_progress = report.state is State.STARTING
        now = time.monotonic()
        if not self._waiting or (is_progress and now - self._told_at < _PROGRESS_SECONDS):
            return False
        self._told_at = now
        told, self._waiting = self._waiting, []
        for connection in told:
            if self._send(connection, report) and is_progress:
                self._waiting.append(connection)
            else:
                connection.close()
        return True

    def stop_listening(self) -> None:
        """Let nobody new in; who comes now tries again and finds the next supervisor."""
        if self._is_listening:
            self._is_listening = False
            self._selector.unregister(self._listener)
            self._listener.close()
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """End all conversations."""
        self.stop_listening()
        for connection in [*self._waiting, *self._pending]:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            connection.setblocking(False)
            self._pending[connection] = b""
            self._selector.register(connection, selectors.EVENT_READ, partial(self._read, connection))

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(_MAX_REQUEST_BYTES)
        except (BlockingIOError, ConnectionError):
            data = b""
        self._pending[connection] += data
        if data and not data.endswith(b"\n") and len(self._pending[connection]) < _MAX_REQUEST_BYTES:
            return
        self._selector.unregister(connection)
        line = self._pending.pop(connection)
        if not self._reply(connection, line):
            connection.close()

    def _reply(self, connection: socket.socket, line: bytes) -> bool:
        """Answer one request; whether the connection stays, to hear more."""
        try:
            report, waits = self._answer(decode_request(line))
        except ValueError:
            return False  # not one of our commands, or one that left before it had asked
        if not (self._send(connection, report) and waits):
            return False
        self._waiting.append(connection)
        return True

    def _send(self, connection: socket.socket, report: Report) -> bool:
        """Whether it went out; a command that has left, or does not read, is not waited for."""
        try:
            connection.sendall(encode(report))
        except (BlockingIOError, ConnectionError):
            return False
        return True
