"""A model endpoint of our own that speaks the OpenAI protocol and obeys its prompt: no network, no weights, no chance.

It answers with the sentence of the numbered evidence that shares most words with the question, and cites it; where none
shares enough and its prompt tells it what to say then, it says that. Modes make it rude. A test starts it in a thread:

    with ScriptedEndpoint() as endpoint:
        Generator(base_url=endpoint.base_url, ...)

With `tiers` it serves models that are wrong as often as their script says (`scripted_models`). Its /v1/embeddings makes
vectors out of hashes; how it misbehaves there is `endpoint.embeddings`.
"""

import base64
import contextlib
import hashlib
import json
import re
import struct
import threading
import time
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from prodgen_pipeline_tests.scripted_models import ScriptedModel, written

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
    ERROR_400 = "error_400"
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
    #: Sends nothing but its role and its end.
    EMPTY = "empty"
    #: Answers with the name of another model than it was asked for.
    WRONG_MODEL = "wrong_model"
    NO_USAGE = "no_usage"
    #: Answers a request for a stream with one JSON object.
    NO_STREAM = "no_stream"
    #: Streams only: half of the answer, then the connection ends, is silent, or sends what is no JSON or no UTF-8.
    HALF_STREAM = "half_stream"
    HANG_IN_STREAM = "hang_in_stream"
    GARBAGE_IN_STREAM = "garbage_in_stream"
    INVALID_UTF8 = "invalid_utf8"
    ERROR_IN_STREAM = "error_in_stream"
    #: Streams only: the answer again and again.
    ENDLESS = "endless"
    #: Streams only: comments that keep the connection alive, and nothing else.
    DRIP = "drip"
    #: Says all and then neither ends the stream nor the connection.
    NEVER_DONE = "never_done"
    #: Takes no `stream_options`, no `temperature`, and `max_tokens` under its newer name only.
    CHOOSY = "choosy"


class EmbeddingMode(StrEnum):
    """How /v1/embeddings behaves."""

    OBEDIENT = "obedient"
    #: Sends numbers, though base64 was asked for.
    NUMBERS = "numbers"
    SHUFFLED = "shuffled"
    NO_USAGE = "no_usage"
    #: Answers `status` with the header `retry_after`.
    STATUS = "status"
    HANG = "hang"
    #: Sends a byte of an answer now and then.
    DRIP = "drip"
    #: Closes the connection in the middle of an answer.
    HANG_UP = "hang_up"
    HTML = "html"
    NO_LIST = "no_list"
    FEWER = "fewer"
    MORE = "more"
    DUPLICATE_INDEX = "duplicate_index"
    NO_INDEX = "no_index"
    NAN = "nan"
    INFINITE = "infinite"
    TOO_LARGE_A_NUMBER = "too_large_a_number"
    ZERO = "zero"
    NOT_NUMBERS = "not_numbers"


@dataclass(slots=True, kw_only=True)
class EmbeddingScript:
    """How /v1/embeddings behaves, and what it was asked; anything may be changed while it runs."""

    mode: EmbeddingMode = EmbeddingMode.OBEDIENT
    status: int = 500
    #: With `STATUS`.
    retry_after: str | None = None
    #: So many requests are answered as `mode` says, then it obeys; None: all.
    times: int | None = None
    #: Length of the model's own vectors, and whether it can shorten them.
    dimensions: int = 8
    shortens: bool = False
    #: Texts with this in them are refused with 400, and so is every request that holds one.
    refuses: str = "REFUSE"
    #: Texts with this in them get NaN.
    confuses: str = "CONFUSE"
    max_texts: int = 2_048
    delay_seconds: float = 0.0
    #: Bodies of the requests, in order.
    requests: list[dict[str, Any]] = field(default_factory=list)
    #: Texts of requests that were answered with vectors, in order of the answers.
    embedded: list[str] = field(default_factory=list)
    n_at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_mode(self) -> EmbeddingMode:
        """The mode of this request."""
        if self.times is None:
            return self.mode
        self.times -= 1
        return self.mode if self.times >= 0 else EmbeddingMode.OBEDIENT


def scripted_vector(text: str, dimensions: int = 8) -> list[float]:
    """What the model makes of a text: numbers without pattern, not of unit length."""
    digest = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(dimensions)
    return [byte - 127.5 for byte in digest]


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
    """The endpoint in a thread; its attributes may be changed while it runs."""

    def __init__(
        self, mode: Mode = Mode.OBEDIENT, *, delay_seconds: float = 0.5, tiers: tuple[ScriptedModel, ...] = ()
    ) -> None:
        self.mode = mode
        self.delay_seconds = delay_seconds
        #: How long the next request of a model waits before its answer begins, by name.
        self.first_delays: dict[str, list[float]] = {}
        #: Between two words of a stream.
        self.word_seconds = 0.0
        #: With `ERROR_429`.
        self.retry_after: str | None = None
        #: Said word for word instead of what a script would say; one answer a request, then as scripted.
        self.answers: list[str] = []
        self.tiers = {tier.name: tier for tier in tiers}
        #: (words so far, time.monotonic) after each word of the last stream was sent.
        self.sent: list[tuple[str, float]] = []
        self.embeddings = EmbeddingScript()
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
            data = [
                {"id": name, "object": "model", "created": 0, "owned_by": "us"} for name in self.owner.tiers or [MODEL]
            ]
            self._json(200, {"object": "list", "data": data})
        else:
            self._error(404, "no such path")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/embeddings":
            self._embeddings(body)
            return
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
        elif mode in (Mode.ERROR_500, Mode.ERROR_429, Mode.ERROR_401, Mode.ERROR_400):
            headers = {} if self.owner.retry_after is None else {"Retry-After": self.owner.retry_after}
            self._error(int(mode.value[-3:]), "no", headers)
        elif mode is Mode.CHOOSY and (refused := {"stream_options", "temperature", "max_tokens"} & body.keys()):
            self._error(400, f"Unsupported parameter: '{min(refused)}' is not supported with this model.")
        elif mode is Mode.GARBAGE:
            self._send(200, "application/json", b'{"choices": [')
        elif mode is Mode.NOT_A_COMPLETION:
            self._json(200, {"hello": "world"})
        else:
            if mode is Mode.SLOW:
                self.owner.stopped.wait(self.owner.delay_seconds)
            self._complete(body, mode)

    def _complete(self, body: dict[str, Any], mode: Mode) -> None:
        owner = self.owner
        if waits := owner.first_delays.get(body["model"]):
            owner.stopped.wait(waits.pop(0))
        if owner.answers:
            text = owner.answers.pop(0)
        elif body["model"] in owner.tiers:
            text = written(body["messages"], owner.tiers[body["model"]])
        else:
            text = "" if mode is Mode.EMPTY else scripted_answer(body["messages"], mode)
        model = "another-model" if mode is Mode.WRONG_MODEL else body["model"]
        head = {"id": "chatcmpl-scripted", "created": int(time.time()), "model": model}
        prompt = "".join(str(message["content"]) for message in body["messages"])
        usage = {} if mode is Mode.NO_USAGE else {"usage": _usage(len(prompt) // 4, len(text) // 4)}
        if body.get("stream") and mode is not Mode.NO_STREAM:
            with contextlib.suppress(OSError):  # the client has had enough
                self._stream(head, text, mode, usage if body.get("stream_options") else {})
            return
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        self._json(200, {**head, "object": "chat.completion", "choices": [choice], **usage})

    def _stream(self, head: dict[str, Any], text: str, mode: Mode, usage: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if mode is Mode.DRIP:
            while not self.owner.stopped.wait(0.02):
                self.wfile.write(b": still here\n\n")
            return
        sent = self.owner.sent = []
        words = re.findall(r"\s*\S+", text)
        self._event(head, {"role": "assistant", "content": ""})
        while True:
            for number, word in enumerate(words):
                if number == (len(words) + 1) // 2 and self._breaks_off(mode):
                    return
                if number:
                    self.owner.stopped.wait(self.owner.word_seconds)
                self._event(head, {"content": word})
                sent.append(("".join(words[: number + 1]), time.monotonic()))
            if mode is not Mode.ENDLESS or self.owner.stopped.is_set():
                break
            words = [" " + words[0].strip(), *words[1:]]
        self._event(head, {}, "stop")
        if mode is Mode.NEVER_DONE:
            self.owner.stopped.wait(30)
            return
        if usage:
            self._data({**head, "object": "chat.completion.chunk", "choices": [], **usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def _breaks_off(self, mode: Mode) -> bool:
        """Misbehave in the middle of a stream; whether that was its end."""
        if mode is Mode.HANG_IN_STREAM:
            self.owner.stopped.wait(30)
        elif mode is Mode.GARBAGE_IN_STREAM:
            self.wfile.write(b"data: {nonsense\n\n")
        elif mode is Mode.INVALID_UTF8:
            self.wfile.write(b'data: {"choices": [{"delta": {"content": "\xff\xfe"}}]}\n\n')
        elif mode is Mode.ERROR_IN_STREAM:
            self._data({"error": {"message": "overloaded", "type": "scripted"}})
        return mode in (Mode.HALF_STREAM, Mode.HANG_IN_STREAM, Mode.GARBAGE_IN_STREAM, Mode.INVALID_UTF8) or (
            mode is Mode.ERROR_IN_STREAM
        )

    def _event(self, head: dict[str, Any], delta: dict[str, str], finish_reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        self._data({**head, "object": "chat.completion.chunk", "choices": [choice]})

    def _data(self, event: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()

    def _embeddings(self, body: dict[str, Any]) -> None:
        script = self.owner.embeddings
        with script.lock:
            script.requests.append(body)
            mode = script.next_mode()
            script.n_at_once += 1
            script.most_at_once = max(script.most_at_once, script.n_at_once)
        try:
            self.owner.stopped.wait(script.delay_seconds)
            self._embed(body, script, mode)
        finally:
            with script.lock:
                script.n_at_once -= 1

    def _embed(self, body: dict[str, Any], script: EmbeddingScript, mode: EmbeddingMode) -> None:
        texts = body["input"]
        if mode is EmbeddingMode.HANG:
            self.owner.stopped.wait(30)
            self.close_connection = True
        elif mode is EmbeddingMode.STATUS:
            headers = {} if script.retry_after is None else {"Retry-After": script.retry_after}
            # A rude endpoint quotes what it was sent.
            self._error(script.status, f"no: {texts}", headers)
        elif mode is EmbeddingMode.HTML:
            self._send(200, "text/html", b"<html>Please sign in</html>")
        elif mode is EmbeddingMode.NO_LIST:
            self._json(200, {"hello": "world"})
        elif any(script.refuses in text for text in texts) or len(texts) > script.max_texts:
            self._error(400, f"refused: {texts}")
        elif "dimensions" in body and not script.shortens:
            self._error(400, "this model does not support `dimensions`")
        else:
            answer = json.dumps(_embedding_answer(body, script, mode)).encode()
            if mode in (EmbeddingMode.DRIP, EmbeddingMode.HANG_UP):
                self._send_slowly(answer, 0.05 if mode is EmbeddingMode.DRIP else None)
                return
            with script.lock:
                script.embedded += texts
            self._send(200, "application/json", answer)

    def _send_slowly(self, content: bytes, pause_seconds: float | None) -> None:
        """Send a byte after each pause; without a pause half of it, then hang up."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.close_connection = True
        if pause_seconds is None:
            self.wfile.write(content[: len(content) // 2])
            return
        try:
            for byte in content:
                self.wfile.write(bytes([byte]))
                if self.owner.stopped.wait(pause_seconds):
                    return
        except OSError:
            return  # the client has had enough, which is what it should have

    def _error(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        self._json(status, {"error": {"message": message, "type": "scripted", "code": None}}, headers)

    def _json(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._send(status, "application/json", json.dumps(body).encode(), headers)

    def _send(self, status: int, kind: str, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _usage(input_tokens: int, output_tokens: int) -> dict[str, int]:
    return {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }


def _embedding_answer(body: dict[str, Any], script: EmbeddingScript, mode: EmbeddingMode) -> dict[str, Any]:
    dimensions = body.get("dimensions", script.dimensions)
    as_text = body.get("encoding_format") == "base64" and mode is not EmbeddingMode.NUMBERS
    data = []
    for index, text in enumerate(body["input"]):
        vector: Any = _rude_vector(scripted_vector(text, dimensions), mode)
        if script.confuses in text:
            vector[0] = float("nan")
        if as_text and mode is not EmbeddingMode.TOO_LARGE_A_NUMBER:
            vector = base64.b64encode(struct.pack(f"<{dimensions}f", *vector)).decode()
        if mode is EmbeddingMode.NOT_NUMBERS:
            vector = "not base64!" if index % 2 else [["nested"]]
        data.append({"object": "embedding", "index": index, "embedding": vector})
    n_tokens = sum(len(text.split()) for text in body["input"])
    answer = {"object": "list", "model": body["model"], "data": _rude_list(data, mode)}
    return answer if mode is EmbeddingMode.NO_USAGE else answer | {"usage": _usage(n_tokens, 0)}


def _rude_vector(vector: list[float], mode: EmbeddingMode) -> list[float]:
    first = {
        EmbeddingMode.NAN: float("nan"),
        EmbeddingMode.INFINITE: float("inf"),
        EmbeddingMode.TOO_LARGE_A_NUMBER: 1e300,
    }.get(mode, vector[0])
    return [0.0] * len(vector) if mode is EmbeddingMode.ZERO else [first, *vector[1:]]


def _rude_list(data: list[dict[str, Any]], mode: EmbeddingMode) -> list[dict[str, Any]]:
    if mode is EmbeddingMode.FEWER:
        return data[:-1]
    if mode is EmbeddingMode.MORE:
        return [*data, {**data[0], "index": len(data)}]
    if mode is EmbeddingMode.DUPLICATE_INDEX:
        return [{**item, "index": 0} for item in data]
    if mode is EmbeddingMode.NO_INDEX:
        return [{key: value for key, value in item.items() if key != "index"} for item in data]
    return data[::-1] if mode is EmbeddingMode.SHUFFLED else data
