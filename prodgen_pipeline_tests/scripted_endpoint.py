"""A model endpoint of our own that speaks the OpenAI protocol and obeys its prompt: no network, no weights, no chance.

It answers with the sentence of the numbered evidence that shares most words with the question, and cites it; where none
shares enough and its prompt tells it what to say then, it says that. Modes make it rude. A test starts it in a thread:

    with ScriptedEndpoint() as endpoint:
        Generator(base_url=endpoint.base_url, ...)
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

MODEL = "scripted-1"
_EVIDENCE = re.compile(r'<evidence n="(\d+)"[^>]*>\n(.*?)\n</evidence>', re.DOTALL)
_REFUSAL = re.compile(r"reply with exactly this sentence and nothing else:\s*\n\s*(.+)")
_COMMON = frozenset(
    "a an and are as at be by do does for from how in is it of on or that the this to what which who with".split()
)


class Mode(StrEnum):
    """How the endpoint behaves."""

    OBEDIENT = "obedient"
    SLOW = "slow"
    ERROR_500 = "error_500"
    ERROR_429 = "error_429"
    ERROR_401 = "error_401"
    #: Fails once, then obeys.
    ERROR_ONCE = "error_once"
    GARBAGE = "garbage"
    NOT_A_COMPLETION = "not_a_completion"
    #: Takes the request and says nothing until it is stopped.
    HANG = "hang"
    #: Finds nothing in any evidence.
    IGNORANT = "ignorant"
    UNCITED = "uncited"
    WRONG_CITATION = "wrong_citation"


def scripted_answer(messages: list[dict[str, Any]], mode: Mode = Mode.OBEDIENT) -> str:
    """What the model says to a chat: the best evidence sentence with its number, else what it was told to say."""
    prompt = "\n".join(str(message["content"]) for message in messages)
    question = prompt.rsplit("Question:", 1)[-1]
    found = [
        (len(_words(sentence) & _words(question)), -int(number), sentence.strip())
        for number, text in _EVIDENCE.findall(prompt)
        for sentence in re.split(r"(?<=[.!?])\s+|\n+", text)
    ]
    n_shared, number, sentence = max(found, default=(0, 0, ""))
    refusal = _REFUSAL.search(prompt)
    if mode is Mode.IGNORANT or n_shared < min(2, len(_words(question))) or not sentence:
        return refusal[1].strip() if refusal else "I think the answer is forty-two."
    if mode is Mode.UNCITED:
        return sentence
    return f"{sentence} [{99 if mode is Mode.WRONG_CITATION else -number}]"


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower())) - _COMMON


class ScriptedEndpoint:
    """The endpoint in a thread; `mode` and `delay_seconds` may be changed while it runs."""

    def __init__(self, mode: Mode = Mode.OBEDIENT, *, delay_seconds: float = 0.5) -> None:
        self.mode = mode
        self.delay_seconds = delay_seconds
        #: Bodies of the chat requests, in order.
        self.requests: list[dict[str, Any]] = []
        self.stopped = threading.Event()
        endpoint = self

        class Handler(_Handler):
            owner = endpoint

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def base_url(self) -> str:
        """What OPENAI_BASE_URL would be."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    owner: ScriptedEndpoint
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._json(
                200, {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "us"}]}
            )
        else:
            self._error(404, "no such path")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            self._error(404, "no such path")
            return
        self.owner.requests.append(body)
        mode = self.owner.mode
        if mode is Mode.HANG:
            self.owner.stopped.wait(30)
            self.close_connection = True
        elif mode is Mode.ERROR_ONCE and len(self.owner.requests) == 1:
            self._error(500, "not now")
        elif mode in (Mode.ERROR_500, Mode.ERROR_429, Mode.ERROR_401):
            self._error(int(mode.value[-3:]), "no")
        elif mode is Mode.GARBAGE:
            self._send(200, "application/json", b'{"choices": [')
        elif mode is Mode.NOT_A_COMPLETION:
            self._json(200, {"hello": "world"})
        else:
            if mode is Mode.SLOW:
                self.owner.stopped.wait(self.owner.delay_seconds)
            self._complete(body, mode)

    def _complete(self, body: dict[str, Any], mode: Mode) -> None:
        text = scripted_answer(body["messages"], mode)
        head = {"id": "chatcmpl-scripted", "created": int(time.time()), "model": body["model"]}
        if body.get("stream"):
            self._stream(head, text)
            return
        prompt = "".join(str(message["content"]) for message in body["messages"])
        message = {"role": "assistant", "content": text}
        self._json(
            200,
            {
                **head,
                "object": "chat.completion",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": _usage(len(prompt) // 4, len(text) // 4),
            },
        )

    def _stream(self, head: dict[str, Any], text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for delta in _deltas(text):
            choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
            event = {**head, "object": "chat.completion.chunk", "choices": [choice]}
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _error(self, status: int, message: str) -> None:
        self._json(status, {"error": {"message": message, "type": "scripted", "code": None}})

    def _json(self, status: int, body: dict[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(body).encode())

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _deltas(text: str) -> Iterator[dict[str, str]]:
    yield {"role": "assistant", "content": ""}
    for word in re.findall(r"\S+\s*", text):
        yield {"content": word}
    yield {}


def _usage(input_tokens: int, output_tokens: int) -> dict[str, int]:
    return {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }
