"""`bench service`: what the query service itself takes, over HTTP: searches, answers in sessions, and a constant rate.

Belongs here: the process that is asked, the clients, their clock. Does not: the corpus (drawn, filling). The clients
run on the same machine, in this process. No model is asked: answers are extractive, and everything else is as in
production: a key, limits and budgets that are set (and never reached), a session with its turns, the record.
"""

import http.client
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prodgen_pipeline.clients.embedding import local_embedder
from prodgen_pipeline.core.errors import PermanentError
from prodgen_pipeline.evaluation.benchmarks.drawn import DrawnVectors, draw_documents, read_pool
from prodgen_pipeline.evaluation.benchmarks.filling import fill
from prodgen_pipeline.evaluation.benchmarks.processes import memory, require_proc
from prodgen_pipeline.evaluation.benchmarks.scaling import CHUNKS_PER_DOCUMENT
from prodgen_pipeline.evaluation.benchmarks.scratch import Scratch, scratch
from prodgen_pipeline.evaluation.benchmarks.searching import Percentiles, made_questions, percentiles
from prodgen_pipeline.governance import keys
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import budgets, limits

#: Questions of one session.
TURNS = 4
START_SECONDS = 60.0
_WARM_UP = 16
#: The step of an answer that reads the evidence for its sentences; the rest is what every answer takes.
_ANSWERING = "answer"
_NEVER_REACHED = 10_000_000.0
_TELL_SECONDS = 30.0
#: Reading the memory of a process takes it some milliseconds.
_SAMPLE_SECONDS = 5.0
_STRETCHES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteLoad:
    """What some clients saw who ask one after the other without a pause."""

    route: str
    n_clients: int
    n_requests: int
    per_second: float
    #: From sending the request to the last byte of its response.
    latency_ms: Percentiles
    #: The same without the step that makes the answer's sentences.
    overhead_ms: Percentiles
    #: By step, as the service reports them.
    step_ms: Mapping[str, Percentiles]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of the time at a constant rate."""

    minute: float
    n_requests: int
    latency_ms: Percentiles
    #: Of the service's process, without pages that others map as well.
    memory_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyLoad:
    """Questions at a constant rate, whether or not the last ones are answered."""

    per_second: float
    seconds: float
    n_failed: int
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReport:
    """One size."""

    n_chunks: int
    loads: tuple[RouteLoad, ...]
    steady: SteadyLoad | None


def measure_service(
    settings: Settings,
    folders: Mapping[str, Path],
    n_chunks: int,
    *,
    n_questions: int = 200,
    clients: Sequence[int] = (1, 8),
    rate: float = 5.0,
    seconds: float = 0.0,
    progress: Callable[[str], None] = lambda line: None,
) -> ServiceReport:
    """Draw and index a corpus, start the service on it, and ask; `seconds` at a constant rate follow, 0 for none.

    Raises ConfigurationError where there is no /proc, PermanentError where the service does not start or fails.
    """
    require_proc()
    pool = read_pool(folders)
    vectors = DrawnVectors(pool, local_embedder())
    with TemporaryDirectory(prefix="prodgen-drawn-") as temporary:
        for number, text in enumerate(draw_documents(pool, round(n_chunks / CHUNKS_PER_DOCUMENT))):
            (Path(temporary) / f"{number:07d}.txt").write_text(text, encoding="utf-8")
        with scratch(settings, {"drawn": Path(temporary)}) as at:
            progress(f"indexing about {n_chunks:,} chunks")
            generation = fill(at, vectors, progress)
            key = _prepared(at)
            with at.databases.pipeline.transaction(at.tenant.tenant_id) as tx:
                n_filled = tx.dicts("benchmarks.facts", generation_id=generation.generation_id)[0]["n_chunks"]
                texts = [row["text"] for row in tx.dicts("benchmarks.texts", limit=n_questions)]
            with running_service(at.settings) as (port, pid), Asker(port, key) as asker:
                loads, steady = _asked(asker, pid, made_questions(texts, n_questions), clients, rate, seconds, progress)
    return ServiceReport(n_chunks=n_filled, loads=tuple(loads), steady=steady)


def _prepared(at: Scratch) -> str:
    """Make a key, and limits and budgets that are looked at and never reached."""
    with at.databases.pipeline.transaction(at.tenant.tenant_id) as tx:
        for unit in ("requests", "tokens"):
            limits.set_limit(
                tx,
                limits.Limit(
                    user_name=limits.EACH_USER, unit=unit, per_minute=_NEVER_REACHED, burst=_NEVER_REACHED
                ),
            )  # fmt: skip
        budgets.set_budget(tx, "querying", "day", Decimal(1_000), hard_stop=True)
        return keys.create(tx, "benchmark", user="benchmark").key


@contextmanager
def running_service(settings: Settings) -> Iterator[tuple[int, int]]:
    """A query service in a process of its own; gives its port on this machine and its process id."""
    child = subprocess.Popen(
        [sys.executable, "-m", "prodgen_pipeline.evaluation.benchmarks.service_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        if child.stdin is None or child.stdout is None:
            raise PermanentError("the service to be measured has no pipes")
        child.stdin.write(pickle.dumps(settings))
        child.stdin.close()
        port = int(child.stdout.readline() or 0)
        _wait_until_ready(child, port)
        yield port, child.pid
    finally:
        if child.poll() is None:
            os.kill(child.pid, signal.SIGTERM)
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def _wait_until_ready(child: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            # It is not listening yet.
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise PermanentError("the service that was to be measured did not get ready")


class Asker:
    """Asks the service; every thread over a connection of its own that stays open."""

    def __init__(self, port: int, key: str) -> None:
        """Connect when first asked."""
        self._port = port
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._own = threading.local()
        self._opened: list[http.client.HTTPConnection] = []

    def __enter__(self) -> "Asker":
        """Give itself; its connections are closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections of all threads."""
        for connection in self._opened:
            connection.close()

    def __call__(self, route: str, body: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
        """Milliseconds and the response; raises PermanentError for one that is not a success."""
        connection: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            self._own.connection = connection
            self._opened.append(connection)
        before = time.perf_counter()
        connection.request("POST", route, body=json.dumps(body), headers=self._headers)
        response = connection.getresponse()
        payload = response.read()
        elapsed = (time.perf_counter() - before) * 1000
        if response.status != http.HTTPStatus.OK:
            raise PermanentError(f"{route} answered {response.status}")
        return elapsed, json.loads(payload)


def _asked(
    ask: Asker,
    pid: int,
    questions: Sequence[str],
    clients: Sequence[int],
    rate: float,
    seconds: float,
    progress: Callable[[str], None],
) -> tuple[list[RouteLoad], SteadyLoad | None]:
    for question in questions[:_WARM_UP]:
        ask("/v1/search", {"text": question})
        ask("/v1/ask", {"text": question})
    loads = []
    for n_clients in clients:
        for route in ("/v1/search", "/v1/ask"):
            progress(f"{route}: {len(questions)} requests by {n_clients} {'client' if n_clients == 1 else 'clients'}")
            loads.append(_under_load(ask, route, questions, n_clients))
    return loads, _at_rate(ask, pid, questions, rate, seconds, progress) if seconds > 0 else None


def _under_load(ask: Asker, route: str, questions: Sequence[str], n_clients: int) -> RouteLoad:
    def client(number: int) -> list[tuple[float, dict[str, float]]]:
        seen = []
        session: str | None = None
        for turn, question in enumerate(questions[number::n_clients]):
            body: dict[str, Any] = {"text": question}
            if route == "/v1/ask" and turn % TURNS and session:
                body["session"] = session
            elapsed, answer = ask(route, body)
            session = answer.get("session")
            seen.append((elapsed, answer["timings_ms"]))
        return seen

    started = time.perf_counter()
    with ThreadPoolExecutor(n_clients) as pool:
        seen = [each for part in pool.map(client, range(n_clients)) for each in part]
    wall = time.perf_counter() - started
    steps = sorted({name for _, timings in seen for name in timings})
    return RouteLoad(
        route=route, n_clients=n_clients, n_requests=len(seen), per_second=round(len(seen) / wall, 1),
        latency_ms=percentiles(elapsed for elapsed, _ in seen),
        overhead_ms=percentiles(elapsed - timings.get(_ANSWERING, 0.0) for elapsed, timings in seen),
        step_ms={name: percentiles(timings.get(name, 0.0) for _, timings in seen) for name in steps},
    )  # fmt: skip


def _at_rate(
    ask: Asker, pid: int, questions: Sequence[str], rate: float, seconds: float, progress: Callable[[str], None]
) -> SteadyLoad:
    """Ask at fixed times; a latency counts from the time that the question was due, so that queues show."""
    started = time.perf_counter()
    latencies: list[list[float]] = [[] for _ in range(_STRETCHES)]
    held = [0.0] * _STRETCHES
    failed: list[str] = []

    def stretch(due: float) -> int:
        return min(_STRETCHES - 1, int((due - started) / seconds * _STRETCHES))

    def one(number: int, due: float) -> None:
        try:
            ask("/v1/ask", {"text": questions[number % len(questions)]})
        except (PermanentError, OSError) as error:
            failed.append(str(error))
            return
        latencies[stretch(due)].append((time.perf_counter() - due) * 1000)

    with ThreadPoolExecutor(8) as pool:
        sampled = told = started
        for number in range(int(rate * seconds)):
            due = started + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            pool.submit(one, number, due)
            if due - sampled >= min(_SAMPLE_SECONDS, seconds / _STRETCHES / 2):
                sampled = due
                held[stretch(due)] = memory(pid).pss_mb
            if due - told >= _TELL_SECONDS:
                told = due
                progress(f"{(due - started) / 60:.1f} of {seconds / 60:.1f} minutes at {rate} requests a second")
    stretches = tuple(
        Stretch(
            minute=round(seconds * at / _STRETCHES / 60, 2), n_requests=len(seen), latency_ms=percentiles(seen),
            memory_mb=round(held[at], 1),
        )
        for at, seen in enumerate(latencies)
        if seen
    )  # fmt: skip
    return SteadyLoad(per_second=rate, seconds=seconds, n_failed=len(failed), stretches=stretches)
