"""Children of `prodgen up`, with small programs in the place of the real ones."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from prodgen_pipeline.cli import processes
from prodgen_pipeline.cli.processes import ChildFailed, Service, supervise
from prodgen_pipeline.cli.up import free_port

#: Has a child of its own, and writes both numbers down.
PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid} ")
time.sleep(600)
"""


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def pids(path: Path) -> list[int]:
    return [int(number) for number in path.read_text().split()] if path.exists() else []


def alive(numbers: list[int]) -> list[int]:
    return [pid for pid in numbers if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def service(tmp_path: Path, program: str, **rest: object) -> Service:
    command = [sys.executable, "-c", program, str(tmp_path / "pids")]
    return Service(name="worker", command=command, log=tmp_path / "worker.log", **rest)  # type: ignore[arg-type]


def test_stopping_ends_a_child_and_the_children_of_the_child(tmp_path: Path) -> None:
    stop, said = threading.Event(), list[str]()

    def stop_it() -> None:
        wait_for(lambda: said and len(pids(tmp_path / "pids")) == 2)
        stop.set()

    threading.Thread(target=stop_it).start()
    supervise([service(tmp_path, PARENT)], stop, say=said.append, when_ready=lambda: said.append("ready"))
    assert alive(pids(tmp_path / "pids")) == []
    assert said == ["ready"]


def test_a_child_that_ignores_the_request_is_killed_when_its_time_is_over(tmp_path: Path) -> None:
    stubborn = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + PARENT
    stop = threading.Event()
    threading.Thread(target=lambda: (wait_for(lambda: len(pids(tmp_path / "pids")) == 2), stop.set())).start()
    supervise([service(tmp_path, stubborn, grace_seconds=0.5)], stop, say=print, when_ready=lambda: None)
    assert alive(pids(tmp_path / "pids")) == []


def test_a_child_that_ends_is_said_in_one_line_and_started_again(tmp_path: Path) -> None:
    program = 'import os, sys, time; open(sys.argv[1], "a").write(f"{os.getpid()} "); sys.exit(3)'
    stop, said = threading.Event(), list[str]()
    threading.Thread(target=lambda: (wait_for(lambda: len(pids(tmp_path / "pids")) == 2), stop.set())).start()
    supervise([service(tmp_path, program)], stop, say=said.append, when_ready=lambda: None)
    assert said[0].startswith("worker ended unexpectedly (exit status 3); starting it again in 1 s; see ")
    assert "\n" not in said[0]


def test_a_child_that_never_comes_up_ends_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "MAX_FAILURES", 2)
    other = service(tmp_path, PARENT)
    broken = Service(name="broken", command=[sys.executable, "-c", "1/0"], log=tmp_path / "broken.log")
    with pytest.raises(ChildFailed, match="broken ended unexpectedly .* for the 2th time: see"):
        supervise([other, broken], threading.Event(), say=print, when_ready=lambda: None)
    assert alive(pids(tmp_path / "pids")) == []
    assert "ZeroDivisionError" in (tmp_path / "broken.log").read_text()


def test_a_service_waits_for_what_it_needs(tmp_path: Path) -> None:
    stop, order = threading.Event(), tmp_path / "order"
    first = f"import time; time.sleep(0.5); open({str(tmp_path / 'socket')!r}, 'w'); time.sleep(600)"
    second = f"import os, time; open({str(order)!r}, 'w').write('there'); time.sleep(600)"
    services = [
        Service(
            name="second", command=[sys.executable, "-c", second], log=tmp_path / "2.log", needs=tmp_path / "socket"
        ),
        Service(name="first", command=[sys.executable, "-c", first], log=tmp_path / "1.log", makes=tmp_path / "socket"),
    ]
    (tmp_path / "socket").write_text("left behind by a killed one")
    services = services[::-1]
    threading.Thread(target=lambda: (wait_for(order.exists), stop.set())).start()
    supervise(services, stop, say=print, when_ready=lambda: None)
    assert (tmp_path / "socket").read_text() == ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent ended")
def test_children_end_when_we_are_killed_and_hear_signals_that_our_shell_ignores(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import signal, sys, threading
        from pathlib import Path
        from prodgen_pipeline.cli.processes import Service, supervise
        child = "import os, time; open({str(tmp_path / "pids")!r}, 'w').write(str(os.getpid())); time.sleep(600)"
        service = Service(name="w", command=[sys.executable, "-c", child], log=Path({str(tmp_path / "w.log")!r}))
        supervise([service], threading.Event(), say=print, when_ready=lambda: None)
    """)
    parent = subprocess.Popen(
        [sys.executable, "-c", program], preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)
    )
    wait_for(lambda: pids(tmp_path / "pids"))
    [child] = pids(tmp_path / "pids")
    ignored = next(line for line in Path(f"/proc/{child}/status").read_text().splitlines() if line.startswith("SigIgn"))
    assert not int(ignored.split()[1], 16) & 1 << (signal.SIGINT - 1)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_for(lambda: not alive([child]))


def test_a_taken_port_is_said_and_the_next_one_used() -> None:
    import socket

    said = list[str]()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = free_port(port, "api", said.append)
    assert other > port
    assert said == [f"port {port} is taken: api listens on {other}"]
    assert free_port(0, "api", said.append) > 0
