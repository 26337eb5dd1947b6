"""More than the service can do: some wait, the rest are told when to come again, nobody holds up the others."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from prodgen_pipeline.core.admission import AdmissionConfig, come_again_seconds
from prodgen_pipeline.serving.admission import Admission, Gate
from prodgen_pipeline.serving.metrics import Metrics
from prodgen_pipeline.serving.middleware import RequestFrame


class Door:
    """The frame and the door of the service around work that ends when told to."""

    def __init__(self, **config: Any) -> None:
        self.metrics = Metrics()
        self.config = AdmissionConfig(**config)
        self.gate = Gate(self.config, self.metrics)
        self.may_end = asyncio.Event()
        self.n_begun = 0
        admission = Admission(self._work, gate=self.gate, config=self.config)
        self.app = RequestFrame(admission, metrics=self.metrics, max_body_bytes=1_000_000)

    async def _work(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.n_begun += 1
        body = await Request(scope, receive).body()
        await self.may_end.wait()
        await PlainTextResponse(body)(scope, receive, send)

    @asynccontextmanager
    async def client(self):  # noqa: ANN201 - of httpx
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            yield client

    def figures(self) -> dict[str, float]:
        return {
            "/".join([sample.name, *sample.labels.values()]): sample.value
            for family in text_string_to_metric_families(self.metrics.exposition().decode())
            for sample in family.samples
            if sample.name.startswith(("prodgen_requests_in_hand", "prodgen_requests_turned_away_total"))
        }


def run(body: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(body(), 20))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_those_beyond_the_queue_are_turned_away_at_once_and_all_others_are_answered() -> None:
    async def body() -> None:
        door = Door(concurrent=2, queued=3, max_wait_seconds=15)
        async with door.client() as client:
            asked = [asyncio.create_task(client.post("/v1/ask", content=str(n))) for n in range(8)]
            await until(lambda: sum(task.done() for task in asked) == 3)
            assert door.figures() == {
                "prodgen_requests_in_hand/running": 2, "prodgen_requests_in_hand/waiting": 3,
                "prodgen_requests_turned_away_total/queue_full": 3,
            }  # fmt: skip
            assert door.n_begun == 2
            door.may_end.set()
            responses = await asyncio.gather(*asked)
        assert sorted(response.status_code for response in responses) == [200] * 5 + [503] * 3
        assert [response.text for response in responses[:5]] == ["0", "1", "2", "3", "4"]
        refused = responses[-1]
        assert refused.headers["content-type"] == "application/problem+json"
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["x-request-id"] == refused.json()["request_id"]
        assert door.figures()["prodgen_requests_in_hand/running"] == 0

    run(body)


def test_who_waits_too_long_is_turned_away_and_gives_its_place_back() -> None:
    async def body() -> None:
        door = Door(concurrent=1, queued=5, max_wait_seconds=0.05)
        async with door.client() as client:
            first = asyncio.create_task(client.post("/v1/ask"))
            await until(lambda: door.n_begun == 1)
            assert (await client.post("/v1/ask")).status_code == 503
            door.may_end.set()
            assert (await first).status_code == 200
            assert (await client.post("/v1/ask")).status_code == 200
        assert door.figures()["prodgen_requests_turned_away_total/waited"] == 1

    run(body)


def test_a_waiting_request_that_is_given_up_does_not_keep_a_place() -> None:
    async def body() -> None:
        gate = Gate(AdmissionConfig(concurrent=1, queued=5), Metrics())
        await gate.enter()
        waiting = [asyncio.create_task(gate.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        gate.leave(0.1)  # gives the turn to the second in the moment in which it is given up
        waiting[1].cancel()
        await asyncio.gather(*waiting[:2], return_exceptions=True)
        await waiting[2]
        gate.leave(0.1)
        await gate.enter()

    run(body)


def test_probes_metrics_and_pages_never_wait() -> None:
    async def body() -> None:
        door = Door(concurrent=1, queued=0)
        async with door.client() as client:
            held = asyncio.create_task(client.post("/v1/search"))
            await until(lambda: door.n_begun == 1)
            beside = [asyncio.create_task(client.get(path)) for path in ("/healthz", "/readyz", "/metrics", "/")]
            await until(lambda: door.n_begun == 5)
            door.may_end.set()
            assert [(await task).status_code for task in (held, *beside)] == [200] * 5

    run(body)


def test_while_the_service_ends_who_is_in_finishes_and_who_waits_or_comes_is_sent_away() -> None:
    async def body() -> None:
        door = Door(concurrent=1, queued=5, max_wait_seconds=15)
        async with door.client() as client:
            inside = asyncio.create_task(client.post("/v1/ask"))
            await until(lambda: door.n_begun == 1)
            waiting = asyncio.create_task(client.post("/v1/ask"))
            await until(lambda: door.figures().get("prodgen_requests_in_hand/waiting") == 1)
            door.gate.close()
            for response in (await waiting, await client.post("/v1/ask")):
                assert (response.status_code, response.headers["retry-after"]) == (503, "1")
            door.may_end.set()
            assert (await inside).status_code == 200

    run(body)


SCOPE = {
    "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
    "path": "/v1/ask", "raw_path": b"/v1/ask", "query_string": b"", "root_path": "", "headers": [],
    "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
}  # fmt: skip


def test_a_request_that_trickles_in_is_given_up_without_having_kept_a_turn() -> None:
    async def body() -> None:
        door = Door(concurrent=1, queued=0, receive_seconds=0.05)
        sent: list[Message] = []

        async def receive() -> Message:
            await asyncio.sleep(0.01)
            return {"type": "http.request", "body": b"x", "more_body": True}

        async def send(message: Message) -> None:
            sent.append(message)

        await door.app({**SCOPE}, receive, send)
        assert (sent[0]["status"], door.n_begun) == (408, 0)

    run(body)


def test_a_reader_that_does_not_read_is_given_up_and_its_turn_is_another_s() -> None:
    async def body() -> None:
        door = Door(concurrent=1, queued=0, send_seconds=0.05)
        door.may_end.set()
        never = asyncio.Event()

        async def receive() -> Message:
            return {"type": "http.request", "body": b"x", "more_body": False}

        async def send(message: Message) -> None:
            await never.wait()

        await door.app({**SCOPE}, receive, send)
        async with door.client() as client:
            assert (await client.post("/v1/ask")).status_code == 200

    run(body)


@pytest.mark.parametrize(("waiting", "seconds"), [(0, 1.0), (31, 1.0), (159, 5.0), (100_000, 30.0)])
def test_the_longer_the_queue_the_later_one_is_told_to_come_again(waiting: int, seconds: float) -> None:
    assert come_again_seconds(waiting, AdmissionConfig(concurrent=32), mean_seconds=1.0) == seconds
