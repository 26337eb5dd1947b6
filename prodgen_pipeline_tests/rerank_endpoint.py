"""A reranker over a real socket: scores by words in common with the question, with rude modes."""

import json
import re
import threading
import time
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Mood(StrEnum):
    """How it answers."""

    GOOD = "good"
    ERROR_500 = "error_500"
    UNAUTHORIZED = "unauthorized"
    HANG = "hang"
    DRIP = "drip"
    GARBAGE = "garbage"
    NO_RESULTS = "no_results"
    FEWER = "fewer"
    MORE = "more"
    TWICE = "twice"
    OUT_OF_RANGE = "out_of_range"
    NEGATIVE_INDEX = "negative_index"
    NAN = "nan"
    NO_NUMBER = "no_number"


class RerankEndpoint:
    """Serves `/rerank` on a free port while its block lasts."""

    def __init__(self) -> None:
        self.mood = Mood.GOOD
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.released = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.requests.append(body)
                endpoint.headers.append(dict(self.headers))
                endpoint._answer(self, body)

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/rerank"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        if self.mood is Mood.HANG:
            self.released.wait(20)
            return
        codes = {Mood.ERROR_500: 500, Mood.UNAUTHORIZED: 401}
        handler.send_response(codes.get(self.mood, 200))
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        if self.mood is Mood.DRIP:
            self._drip(handler)
            return
        handler.wfile.write(b"<html>" if self.mood is Mood.GARBAGE else json.dumps(self._results(body)).encode())

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        try:
            while not self.released.is_set():
                handler.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            return  # the client gave up, as it should

    def _results(self, body: dict[str, Any]) -> dict[str, Any]:
        asked = set(re.findall(r"\w+", body["query"].lower()))
        scored = [
            {"index": index, "relevance_score": len(asked & set(re.findall(r"\w+", text.lower()))) / 10}
            for index, text in enumerate(body["documents"])
        ]
        scored.sort(key=lambda result: -result["relevance_score"])
        return {"results": self._spoiled(scored)} if self.mood is not Mood.NO_RESULTS else {"data": []}

    def _spoiled(self, scored: list[dict[str, Any]]) -> list[dict[str, Any]]:
        first = scored[0]
        changed: dict[Mood, Any] = {
            Mood.OUT_OF_RANGE: {"index": len(scored)}, Mood.NEGATIVE_INDEX: {"index": -1},
            Mood.NAN: {"relevance_score": float("nan")}, Mood.NO_NUMBER: {"relevance_score": "high"},
        }  # fmt: skip
        match self.mood:
            case Mood.FEWER:
                return scored[1:]
            case Mood.MORE:
                return [*scored, {"index": len(scored), "relevance_score": 0.5}]
            case Mood.TWICE:
                return [first, first, *scored[2:]] if len(scored) > 1 else [first, first]
            case _:
                return [{**first, **changed.get(self.mood, {})}, *scored[1:]]
