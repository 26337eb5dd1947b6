"""Fifty starts, overlaps and kills in random order: nothing is left running, no lock is left, no row is lost."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from prodgen_pipeline.storage.embedded import OWNER, State, lease, places, status, stop

_LINGER = 0.5
_STEPS = 50
_ROOT = str(Path(places.__file__).parents[3])

_HOLDER = """
import sys
from pathlib import Path
from prodgen_pipeline.storage.embedded import lease
with lease(Path(sys.argv[1]), linger_seconds=float(sys.argv[2])):
    sys.stdin.read()
"""


class Storm:
    """A home, the commands that hold it, and the rows that were committed."""

    def __init__(self, home, seed):
        self.home = home
        self.random = random.Random(seed)
        self.holders = []
        self.committed = set()
        self.attempted = 0

    def start_commands(self):
        """One to three, at the same moment; nobody waits for them."""
        for _ in range(self.random.randint(1, 3)):
            command = [sys.executable, "-c", _HOLDER, str(self.home), str(_LINGER)]
            self.holders.append(subprocess.Popen(command, stdin=subprocess.PIPE, cwd=_ROOT))

    def end_a_command(self):
        if self.holders:
            self._take_one().communicate(timeout=60)

    def kill_a_command(self):
        if self.holders:
            holder = self._take_one()
            holder.kill()
            holder.communicate()

    def kill_the_supervisor(self):
        self._kill(status(self.home).supervisor_pid)

    def kill_the_server(self):
        self._kill(status(self.home).postgres_pid)

    def stop_the_server(self):
        stop(self.home)

    def wait(self):
        """Up to a little more than the linger time, so that some starts meet an end."""
        time.sleep(self.random.uniform(0, _LINGER * 1.2))

    def write(self):
        """Commit a row. Nobody kills meanwhile, so it must work."""
        self.attempted += 1
        with (
            lease(self.home, linger_seconds=_LINGER, timeout_seconds=120) as server,
            psycopg.connect(server.dsn("postgres", OWNER)) as connection,
        ):
            connection.execute("INSERT INTO kept VALUES (%s)", (self.attempted,))
        self.committed.add(self.attempted)

    def step(self):
        actions = [
            *[self.write] * 4,
            *[self.start_commands] * 3,
            *[self.end_a_command] * 2,
            *[self.wait] * 2,
            self.kill_a_command,
            self.kill_the_supervisor,
            self.kill_the_server,
            self.stop_the_server,
        ]
        self.random.choice(actions)()

    def end(self):
        while self.holders:
            self.end_a_command()

    def _take_one(self):
        return self.holders.pop(self.random.randrange(len(self.holders)))

    def _kill(self, pid):
        """SIGKILL, and wait until it counts: what is dead in a moment can still answer."""
        if pid and _is_alive(pid):
            os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + 20
            while _is_alive(pid):
                assert time.monotonic() < deadline
                time.sleep(0.005)


def _is_alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _left_running(home):
    names = (f'"{home}"', f"-D {home}/postgres ", places.places_of(home).cluster_name)
    lines = {
        process.pid: " ".join(process.info["cmdline"] or [])
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
    }
    return {pid: line for pid, line in lines.items() if any(name in line for name in names)}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_fifty_starts_kills_and_overlaps_leave_no_process_no_lock_and_no_lost_row(tmp_path, seed):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with lease(home, linger_seconds=_LINGER) as server, psycopg.connect(server.dsn("postgres", OWNER)) as connection:
        connection.execute("CREATE TABLE kept (n integer PRIMARY KEY)")
    storm = Storm(home, seed)
    for _ in range(_STEPS):
        storm.step()
    storm.end()
    deadline = time.monotonic() + 60
    while left := _left_running(home):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
    assert status(home).state is State.STOPPED
    with lease(home, linger_seconds=0) as server, psycopg.connect(server.dsn("postgres", OWNER)) as connection:
        rows = {n for (n,) in connection.execute("SELECT n FROM kept").fetchall()}
    stop(home)
    assert rows == storm.committed
    assert len(rows) == storm.attempted
