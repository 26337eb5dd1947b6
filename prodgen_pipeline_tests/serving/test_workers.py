"""Several processes behind one port: common figures, one that is killed is replaced, none is left over."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.governance.keys import NewKey
from prodgen_pipeline.serving.workers import WorkerFailed, bind, run_workers
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant
from prodgen_pipeline_tests.serving.test_process import free_port, wait_for


@contextmanager
def running(databases: Databases, home: Path) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Two processes and their parent."""
    port = free_port()
    environment = {
        **os.environ, "PRODGEN_HOME": str(home), "PRODGEN_DATABASE_URL": databases.addresses.serving,
        "PRODGEN_SERVING_DATABASE_URL": databases.addresses.serving,
    }  # fmt: skip
    command = [sys.executable, "-m", "prodgen_pipeline.serving", "--port", str(port), "--workers", "2"]
    parent = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield parent, f"http://127.0.0.1:{port}"
    finally:
        parent.kill()
        parent.communicate()


def children(pid: int) -> set[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return {int(child) for child in path.read_text().split()} if path.exists() else set()


def is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_two_processes_answer_on_one_port_and_tell_common_figures(
    served: Databases, acme: Tenant, make_key: Callable[..., NewKey], served_settings: Settings
) -> None:
    headers = {"Authorization": f"Bearer {make_key(acme).key}"}
    with running(served, served_settings.require_home()) as (parent, address):
        wait_for(address, "/readyz", 200)
        workers = children(parent.pid)
        assert len(workers) == 2

        def ask(_: int) -> int:
            body = {"text": "how many days of annual leave?"}
            return httpx.post(f"{address}/v1/search", json=body, headers=headers, timeout=60).status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(ask, range(40))) == {200}
        counted = {
            sample.value
            for _ in range(8)
            for family in text_string_to_metric_families(httpx.get(f"{address}/metrics", headers=headers).text)
            for sample in family.samples
            if sample.name == "prodgen_requests_total" and sample.labels["route"] == "/v1/search"
        }
        assert counted == {40}
        killed = workers.pop()
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(children(parent.pid) - {killed}) == 2)
        wait_for(address, "/readyz", 200)
        everybody = children(parent.pid)
        parent.send_signal(signal.SIGTERM)
        printed, _ = parent.communicate(timeout=30)
        assert (parent.returncode, printed) == (0, b"")
    assert not [pid for pid in everybody if is_running(pid)]


def test_no_worker_outlives_a_parent_that_was_killed(served: Databases, tmp_path: Path) -> None:
    with running(served, tmp_path) as (parent, address):
        wait_for(address, "/healthz", 200)
        workers = children(parent.pid)
        parent.kill()
        until(lambda: not [pid for pid in workers if is_running(pid)])


def test_workers_that_do_not_come_up_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prodgen_pipeline.serving.workers.MAX_FAILURES", 2)
    with pytest.raises(WorkerFailed, match="ended 2 times"):
        run_workers([sys.executable, "-c", "raise SystemExit(3)"], 1, shared=bind("127.0.0.1", 0), grace_seconds=1)


def test_an_address_that_is_taken_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1, port {port}"):
            bind("127.0.0.1", port)
