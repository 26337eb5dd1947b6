"""The embedded server as commands meet it: real processes, killed for real. Each test leaves none behind."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from prodgen_pipeline.core.errors import ConfigurationError, DatabaseUnavailable
from prodgen_pipeline.storage.embedded import OWNER, State, lease, places, run_program, status, stop

_LINGER = 0.5
_ROOT = str(Path(places.__file__).parents[3])

#: A command: takes a lease, says so, and ends when its input does.
_HOLDER = """
import sys
from pathlib import Path
from prodgen_pipeline.storage.embedded import lease
with lease(Path(sys.argv[1]), linger_seconds=float(sys.argv[2])) as server:
    print(server.postgres_pid, flush=True)
    sys.stdin.read()
"""


class Holder:
    """A command in a process of its own."""

    def __init__(self, home):
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, str(home), str(_LINGER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            text=True,
        )

    def wait_for_server(self):
        return int(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0
        self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.wait(20)
        self.process.stdin.close()
        self.process.stdout.close()


def _processes_of(home):
    """Every process of this home: supervisor, postmaster, children of the postmaster."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = " ".join(process.info["cmdline"] or [])
        is_ours = (
            f'"{home}"' in words or f"-D {home}/postgres " in words or places.places_of(home).cluster_name in words
        )
        if is_ours and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def _wait_until_gone(home, seconds=20.0):
    deadline = time.monotonic() + seconds
    while left := _processes_of(home):
        assert time.monotonic() < deadline, f"left running: {[process.cmdline()[:6] for process in left]}"
        time.sleep(0.05)


def _wait_until_dead(pid):
    deadline = time.monotonic() + 10
    while _is_alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _is_alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kill(pid):
    os.kill(pid, signal.SIGKILL)
    _wait_until_dead(pid)


def _run(server, statement, *parameters):
    with psycopg.connect(server.dsn("postgres", OWNER)) as connection:
        cursor = connection.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def made_homes(tmp_path_factory):
    """A stopped home per version, made once: initdb costs half a second."""
    homes = {}
    for version in (16, 18):
        home = tmp_path_factory.mktemp(f"made{version}")
        home.chmod(0o700)
        with lease(home, linger_seconds=0, version=version, extra_settings={"fsync": "off"}) as server:
            _run(server, "CREATE TABLE kept (n integer PRIMARY KEY)")
            _run(server, "INSERT INTO kept VALUES (1)")
        stop(home)
        # Processes are killed here, machines are not; on a busy disk this is most of a test's time.
        with (home / "postgres" / "postgresql.conf").open("a") as configuration:
            configuration.write("fsync = off\n")
        homes[version] = home
    yield homes
    for home in homes.values():
        shutil.rmtree(home)


@pytest.fixture
def home(made_homes):
    """The home of version 18, stopped, with rows in `kept`; nothing of it may run afterwards. Shared, for copying 40 MB
    per test is most of a test's time; what a killed server must survive, the next test checks once more."""
    yield made_homes[18]
    _stop_and_check(made_homes[18])


@pytest.fixture
def own_home(made_homes, tmp_path):
    """A copy that a test may damage."""
    copy = tmp_path / "home"
    subprocess.run(["cp", "-a", str(made_homes[18]), str(copy)], check=True)
    yield copy
    _stop_and_check(copy)
    shutil.rmtree(copy)  # or pytest would keep those of three runs


def _stop_and_check(home):
    stop(home)
    _wait_until_gone(home, seconds=5)


_numbers = itertools.count(2)


def _insert(server):
    """Commit one more row and return it."""
    number = next(_numbers)
    _run(server, "INSERT INTO kept VALUES (%s)", number)
    return number


def _kept(home):
    with lease(home, linger_seconds=_LINGER) as server:
        return [n for (n,) in _run(server, "SELECT n FROM kept ORDER BY n")]


@pytest.mark.parametrize("version", [16, 18])
def test_a_new_home_gets_a_server_with_vectors_and_without_network(made_homes, version):
    with lease(made_homes[version], linger_seconds=0, version=version) as server:
        assert server.version == version
        assert _run(server, "SHOW server_version")[0][0].startswith(f"{version}.")
        assert _run(server, "SHOW listen_addresses") == [("",)]
        assert _run(server, "SHOW server_encoding") == [("UTF8",)]
        assert _run(server, "SHOW max_connections") == [("200",)]
        assert _run(server, "SELECT lower('ÄÉŽ')") == [("äéž",)]
        assert _run(server, "SELECT extversion >= '0.8.4' FROM pg_extension WHERE extname = 'vector'") == []
        _run(server, "CREATE EXTENSION IF NOT EXISTS vector")
        assert _run(server, "SELECT '[1,2]'::vector <-> '[1,3]'::vector") == [(1.0,)]
    stop(made_homes[version])


def test_the_home_keeps_its_permissions_and_its_parents_too(home):
    before = {path: path.stat().st_mode for path in (home, *home.parents)}
    assert 1 in _kept(home)
    assert {path: path.stat().st_mode for path in before} == before
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "postgres").stat().st_mode & 0o077 == 0


def test_the_server_does_not_run_as_root_and_keeps_no_files_open_to_others(home):
    with lease(home, linger_seconds=_LINGER) as server:
        process = psutil.Process(server.postgres_pid)
        status_lines = Path(f"/proc/{process.pid}/status").read_text() if sys.platform == "linux" else ""
        # In a user namespace the uid outside is root's; PostgreSQL, which refuses root, sees its own.
        assert process.uids().real != 0 or "NSpid" in status_lines
        assert (server.socket_dir.stat().st_mode & 0o077) == 0


def test_the_last_of_two_overlapping_commands_ends_the_server(home):
    first, second = Holder(home), Holder(home)
    assert first.wait_for_server() == second.wait_for_server()
    first.end()
    time.sleep(_LINGER * 1.5)
    assert status(home).state is State.READY
    second.end()
    _wait_until_gone(home)
    assert status(home).state is State.STOPPED


def test_commands_that_start_at_the_same_moment_share_one_server(home):
    pids = []

    def command():
        with lease(home, linger_seconds=_LINGER) as server:
            pids.append(server.postgres_pid)
            time.sleep(0.2)

    threads = [threading.Thread(target=command) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pids) == 8
    assert len(set(pids)) == 1


def test_a_lease_taken_while_the_server_is_ending_gets_a_living_one(home):
    # Without linger every release begins an end; each next lease comes a little later into it.
    for step in range(12):
        with lease(home, linger_seconds=0) as server:
            assert _run(server, "SELECT 1") == [(1,)]
        time.sleep(0.02 * step)


def test_a_killed_holder_s_lease_expires(home):
    holder = Holder(home)
    holder.wait_for_server()
    holder.kill()
    _wait_until_gone(home)


def test_a_killed_supervisor_takes_its_server_along_and_the_next_lease_recovers(home):
    holder = Holder(home)
    holder.wait_for_server()
    supervisor_pid = status(home).supervisor_pid
    _kill(supervisor_pid)
    if sys.platform == "linux":
        _wait_until_gone(home)
    with lease(home, linger_seconds=_LINGER) as server:
        assert (1,) in _run(server, "SELECT n FROM kept")
        assert status(home).supervisor_pid != supervisor_pid
    # The first command's lease has outlived its supervisor and counts for the second.
    time.sleep(_LINGER * 1.5)
    assert status(home).state is State.READY
    holder.end()
    _wait_until_gone(home)


def test_a_lease_right_after_the_supervisor_s_death_waits_for_the_old_server_s_end(home):
    with lease(home, linger_seconds=_LINGER) as server:
        old_pid = server.postgres_pid
        os.kill(status(home).supervisor_pid, signal.SIGKILL)
        with lease(home, linger_seconds=_LINGER) as second:
            assert second.postgres_pid != old_pid
            assert (1,) in _run(second, "SELECT n FROM kept")


def test_a_killed_server_is_started_again_under_its_commands(home):
    with lease(home, linger_seconds=_LINGER) as server:
        number = _insert(server)
        # A query that runs on without its postmaster would keep the next one out.
        busy = psycopg.connect(server.dsn("postgres", OWNER))
        thread = threading.Thread(target=_run_and_lose_connection, args=(busy,))
        thread.start()
        time.sleep(0.1)
        _kill(server.postgres_pid)
        with lease(home, linger_seconds=_LINGER) as second:
            assert second.postgres_pid != server.postgres_pid
            assert second.dsn("a", "b") == server.dsn("a", "b")
            assert (number,) in _run(second, "SELECT n FROM kept")
        thread.join()


def _run_and_lose_connection(connection):
    with pytest.raises(psycopg.OperationalError), connection:
        connection.execute("SELECT count(*) FROM generate_series(1, 100000000000)")


def test_server_and_supervisor_killed_together_are_recovered(home):
    with lease(home, linger_seconds=_LINGER) as server:
        number = _insert(server)
        supervisor_pid = status(home).supervisor_pid
        os.kill(supervisor_pid, signal.SIGSTOP)
        _kill(server.postgres_pid)
        _kill(supervisor_pid)
    assert number in _kept(home)


def test_a_crash_of_one_session_is_recovered_like_any_other_death(home):
    with lease(home, linger_seconds=_LINGER) as server:
        number = _insert(server)
        with psycopg.connect(server.dsn("postgres", OWNER)) as connection:
            os.kill(connection.info.backend_pid, signal.SIGSEGV)
        _wait_until_dead(server.postgres_pid)
        assert number in _kept(home)


def test_a_server_that_dies_again_and_again_is_started_again_and_again(home):
    with lease(home, linger_seconds=_LINGER):
        for _ in range(5):
            with lease(home, linger_seconds=_LINGER) as server:
                _kill(server.postgres_pid)
        assert 1 in _kept(home)


@pytest.mark.parametrize("stranger", ["this test", "init", "another server", "nobody"])
def test_a_pid_file_that_names_a_stranger_is_not_believed(home, made_homes, stranger):
    with lease(made_homes[16], linger_seconds=0, version=16) as other:
        pid = {"this test": os.getpid(), "init": 1, "another server": other.postgres_pid, "nobody": 2**22 - 3}[stranger]
        with lease(home, linger_seconds=_LINGER) as server:
            supervisor_pid = status(home).supervisor_pid
            os.kill(supervisor_pid, signal.SIGSTOP)
            _kill(server.postgres_pid)
            _kill(supervisor_pid)
        for path in (home / "postgres" / "postmaster.pid", server.socket_dir / ".s.PGSQL.5432.lock"):
            _, _, rest = path.read_text().partition("\n")
            path.write_text(f"{pid}\n{rest}")
        assert 1 in _kept(home)
        assert _run(other, "SELECT 1") == [(1,)], "the stranger was harmed"


def test_a_long_home_path_works_and_leaves_nothing_in_the_temporary_folder(made_homes, tmp_path):
    home = tmp_path / "one level with a space, a comma and ünicode" / ("x" * 100)
    home.parent.mkdir()
    subprocess.run(["cp", "-a", str(made_homes[18]), str(home)], check=True)
    with lease(home, linger_seconds=_LINGER, short_root=Path("/tmp")) as server:
        assert (1,) in _run(server, "SELECT n FROM kept")
        assert server.socket_dir.parent == Path("/tmp")
    stop(home)
    shutil.rmtree(home)
    _wait_until_dead(server.postgres_pid)
    assert not server.socket_dir.exists()


def test_an_interrupted_initdb_leaves_nothing_half_made(tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    holder = Holder(home)
    deadline = time.monotonic() + 20
    while not list(home.glob("postgres.partial-*/base")):
        assert time.monotonic() < deadline
        time.sleep(0.002)
    holder.kill()
    _kill(status(home).supervisor_pid)
    assert not (home / "postgres").exists()
    assert list(home.glob("postgres.partial-*"))
    with lease(home, linger_seconds=_LINGER, extra_settings={"fsync": "off"}) as server:
        assert _run(server, "SELECT 1") == [(1,)]
        assert not list(home.glob("postgres.partial-*"))
    stop(home)
    shutil.rmtree(home)


def test_stop_ends_the_server_under_its_commands_and_twice_is_no_error(home):
    holder = Holder(home)
    holder.wait_for_server()
    stop(home)
    _wait_until_gone(home, seconds=2)
    stop(home)
    assert status(home).state is State.STOPPED
    holder.end()


def test_a_supervisor_told_to_terminate_stops_its_server_properly(home):
    with lease(home, linger_seconds=_LINGER):
        os.kill(status(home).supervisor_pid, signal.SIGTERM)
        _wait_until_gone(home)
    assert not (home / "postgres" / "postmaster.pid").exists()


def test_a_home_that_was_never_used_is_stopped(tmp_path):
    assert status(tmp_path).state is State.STOPPED
    stop(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_version_is_refused_running_or_not(home):
    with lease(home, linger_seconds=_LINGER):
        with pytest.raises(ConfigurationError, match="running server is PostgreSQL 18"), lease(home, version=16):
            pass
    stop(home)
    with pytest.raises(ConfigurationError, match="made by PostgreSQL 18"), lease(home, version=16):
        pass


def test_a_server_that_cannot_start_says_why_to_every_command(own_home):
    (own_home / "postgres" / "global" / "pg_control").unlink()
    errors = []

    def command():
        with pytest.raises(DatabaseUnavailable) as caught, lease(own_home, linger_seconds=_LINGER):
            pass
        errors.append(str(caught.value))

    threads = [threading.Thread(target=command) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 3
    for error in errors:
        assert "pg_control" in error
        assert "postgres.log" in error
        assert "\n" not in error
    _wait_until_gone(own_home)


def test_a_wrong_setting_is_named(home):
    with (
        pytest.raises(DatabaseUnavailable, match="no_such_setting"),
        lease(home, linger_seconds=_LINGER, extra_settings={"no_such_setting": "1"}),
    ):
        pass


def test_an_extra_setting_reaches_the_server(home):
    with lease(home, linger_seconds=_LINGER, extra_settings={"work_mem": "5MB"}) as server:
        assert _run(server, "SHOW work_mem") == [("5MB",)]


def test_a_start_that_takes_too_long_is_given_up_in_one_line(home):
    with lease(home, linger_seconds=_LINGER):
        supervisor = psutil.Process(status(home).supervisor_pid)
        supervisor.suspend()
        try:
            with pytest.raises(DatabaseUnavailable, match="not ready within 0.3 s"), lease(home, timeout_seconds=0.3):
                pass
        finally:
            supervisor.resume()


def test_no_text_of_a_statement_reaches_the_log(home):
    marker = "Zaphod-Beeblebrox"
    with lease(home, linger_seconds=_LINGER) as server:
        _run(server, f"DO $$ BEGIN RAISE WARNING '{marker}'; END $$")
        for statement in (
            f"SELECT '{marker}'::integer",
            f'SELECT * FROM "{marker}"',
            f"CREATE TEMP TABLE person (name text PRIMARY KEY); INSERT INTO person VALUES ('{marker}'), ('{marker}')",
        ):
            with pytest.raises(psycopg.Error, match=marker):
                _run(server, statement)
        connection = psycopg.connect(server.dsn("postgres", OWNER))
        victim = connection.info.backend_pid
        thread = threading.Thread(target=_sleep_and_lose_connection, args=(connection, marker))
        thread.start()
        time.sleep(0.2)
        os.kill(victim, signal.SIGSEGV)
        thread.join()
        assert 1 in _kept(home)
    stop(home)
    log = (home / "logs" / "postgres.log").read_text()
    assert "was terminated by signal 11" in log
    assert marker not in log


def _sleep_and_lose_connection(connection, marker):
    with pytest.raises(psycopg.OperationalError), connection:
        connection.execute(f"SELECT pg_sleep(60), '{marker}'")


def test_the_log_is_bounded(home):
    log = home / "logs" / "postgres.log"
    log.write_bytes(b"x" * 6_000_000)
    assert 1 in _kept(home)
    stop(home)
    assert log.stat().st_size < 1_000_000
    assert log.with_suffix(".log.1").exists()


def test_the_supervisor_imports_no_driver_and_nothing_heavy():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import prodgen_pipeline.storage.embedded.supervisor;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-S", "-P", "-c", code, _ROOT], capture_output=True, text=True, check=True)
    outside = {name for name in done.stdout.split() if name not in sys.stdlib_module_names}
    assert outside - {"__main__"} == {"prodgen_pipeline"}


def test_a_dropped_table_is_restored_from_a_dump(home):
    with lease(home, linger_seconds=_LINGER) as server:
        rows = _run(server, "SELECT n FROM kept")
        where = [f"--host={server.socket_dir}", f"--username={OWNER}"]
        dump = run_program("pg_dump", [*where, "--format=custom", "postgres"], home=home)
        _run(server, "DROP TABLE kept")
        run_program("pg_restore", [*where, "--dbname=postgres"], home=home, input_bytes=dump)
        assert _run(server, "SELECT n FROM kept") == rows
