"""Ending what a killed supervisor or a killed postmaster left running, and nothing else.

Belongs here: signals to processes that are not our children. Does not: telling which are ours (`processes`).
Only the holder of the supervisor lock may call this.
"""

import os
import signal
import time

from prodgen_pipeline.core.errors import DatabaseUnavailable
from prodgen_pipeline.storage.embedded.places import Places
from prodgen_pipeline.storage.embedded.processes import backends_of, pid_file_lines, postmasters_of

#: A postmaster whose supervisor died is already shutting down; its checkpoint may take this long.
_FAST_STOP_SECONDS = 20.0
_GIVE_UP_SECONDS = 40.0


def end_orphans(places: Places) -> None:
    """Wait until no process works on the data folder, helping with signals; at once when there is no pid file.

    Raises:
        DatabaseUnavailable: one of them cannot be ended.
    """
    if not pid_file_lines(places):
        return
    started = time.monotonic()
    signalled: set[tuple[int, signal.Signals]] = set()
    while True:
        postmasters = postmasters_of(places)
        # Without a postmaster its children can only be in the way: the next one waits for them to leave the memory.
        survivors = postmasters or backends_of(places)
        if not survivors:
            return
        waited = time.monotonic() - started
        if waited > _GIVE_UP_SECONDS:
            raise DatabaseUnavailable(f"an earlier server still works on {places.data} (processes {survivors}); end it")
        is_late = waited > _FAST_STOP_SECONDS
        number = signal.SIGKILL if is_late else (signal.SIGINT if postmasters else signal.SIGQUIT)
        for pid in survivors:
            if (pid, number) not in signalled:
                signalled.add((pid, number))
                _send(pid, number)
        time.sleep(0.01)


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it has just ended, which is what we want
    except PermissionError as error:
        raise DatabaseUnavailable(
            f"an earlier server runs as process {pid}, which this user may not end; end it"
        ) from error
