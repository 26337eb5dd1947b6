"""The service as a process: starts without Dagster, outlives its database, ends cleanly on signals."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from prodgen_pipeline.governance import keys
from prodgen_pipeline.storage import embedded
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_service(database_url: str, home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`python -m prodgen_pipeline.serving` on a database of its own, ended if the test did not."""
    port = free_port()
    environment = {
        **os.environ,
        "PRODGEN_HOME": str(home),
        "PRODGEN_DATABASE_URL": database_url,
        "PRODGEN_SERVING_DATABASE_URL": database_url,
    }
    command = [sys.executable, "-m", "prodgen_pipeline.serving", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def wait_for(address: str, path: str, status: int, headers: dict[str, str] | None = None) -> httpx.Response:
    """The response once it has the status; None of the waiting is a measurement."""
    deadline = time.monotonic() + 60
    while True:
        try:
            response = httpx.get(address + path, headers=headers, timeout=30)
        except httpx.TransportError:
            response = None
        if response is not None and response.status_code == status:
            return response
        assert time.monotonic() < deadline, response
        time.sleep(0.1)


def test_the_query_service_needs_neither_dagster_nor_what_parses_documents() -> None:
    program = (
        "import sys, prodgen_pipeline.serving.app, prodgen_pipeline.serving.__main__\n"
        "heavy = {'dagster', 'unstructured', 'pandas', 'great_expectations', 'spacy', 'openvino', 'openai'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_it_prints_nothing(served: Databases, tmp_path: Path, number: int) -> None:
    with running_service(served.addresses.serving, tmp_path) as (process, address):
        wait_for(address, "/healthz", 200)
        process.send_signal(number)
        printed, _ = process.communicate(timeout=30)
        assert (process.returncode, printed) == (0, b"")


def test_a_database_that_goes_away_is_said_and_comes_back_by_itself(
    databases: Databases, server: embedded.EmbeddedServer, tenant: Tenant, tmp_path: Path
) -> None:
    address_of_database = databases.addresses.serving
    name = urlsplit(address_of_database).path.removeprefix("/")
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        headers = {"Authorization": f"Bearer {keys.create(tx, 'test', user='ann').key}"}
    with running_service(address_of_database, tmp_path) as (_, address):
        wait_for(address, "/readyz", 200)
        with psycopg.connect(server.dsn("postgres", embedded.OWNER), autocommit=True) as owner:
            owner.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            try:
                owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
                unready = wait_for(address, "/readyz", 503)
                refused = wait_for(address, "/metrics", 503, headers)
            finally:
                owner.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert unready.json()["checks"]["database"] == "does not answer"
        for response in (unready, refused):
            assert response.headers["content-type"] == "application/problem+json"
            assert response.headers["retry-after"]
        assert "prodgen_serving" not in refused.text
        wait_for(address, "/readyz", 200)
        wait_for(address, "/metrics", 200, headers)
