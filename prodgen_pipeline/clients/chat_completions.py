"""One request to /v1/chat/completions: sent through the openai library, read piece by piece as it comes.

Belongs here: the wire, and what an endpoint may send over it (events, one JSON object, an error, nonsense). Does not:
trying again, deadlines, circuits (`generator`), what the text says (serving).
"""

import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prodgen_pipeline.clients.embedding.endpoint.patience import asked_wait
from prodgen_pipeline.core.errors import ConfigurationError

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

#: Bytes of an answer for each character that is wanted of it, events and all; beyond that it is nonsense.
BYTES_PER_CHAR = 400
SMALLEST_MAX_BYTES = 1_000_000
#: Beside every 5xx: another try may succeed.
_LATER = frozenset({408, 409, 425, 429})
#: What some endpoints do not take, and what they are sent instead.
OPTIONAL = {"stream_options": None, "temperature": None, "max_tokens": "max_completion_tokens"}
_WHAT_TO_CHECK = "check OPENAI_BASE_URL, OPENAI_API_KEY and the models of generation"
_CUT = re.compile(r"length|max")
_NOT_TAKEN = re.compile(
    r"un\w*supported|not supported|unknown|unrecogni[sz]ed|unexpected|extra|not permitted|not allowed", re.IGNORECASE
)


class Unanswered(Exception):
    """No answer, or none that can be used; `wait_seconds` is how long the endpoint asks to wait, if it does."""

    def __init__(self, reason: str, *, wait_seconds: float | None = None, is_billed: bool = True) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds
        #: Whether the endpoint may charge for what it was sent.
        self.is_billed = is_billed


class RequestRefused(ConfigurationError):
    """The endpoint does not take this request, which says nothing of the next one."""


class Unsupported(Exception):
    """The endpoint does not take one of the `OPTIONAL` parameters."""

    def __init__(self, parameter: str) -> None:
        super().__init__(parameter)
        self.parameter = parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What one event adds."""

    text: str = ""
    model: str | None = None
    #: (input, output) tokens, as the endpoint counts them.
    usage: tuple[int, int] | None = None
    finished: bool = False
    #: It stopped because it may not write more.
    is_cut: bool = False


class ChatApi:
    """One endpoint. Safe to share between threads; connects when first used."""

    def __init__(self, *, base_url: str | None, api_key: str | None) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._lock = threading.Lock()
        self._client: OpenAI | None = None
        self._first_model = ""

    def deltas(self, body: Mapping[str, Any], *, timeout_seconds: float, max_chars: int) -> Iterator[Delta]:
        """Ask once and yield what comes; a body without a model asks the first that the endpoint lists.

        `timeout_seconds` is for each wait, not for all of them. Ends after the endpoint said that it is done.

        Raises:
            Unanswered: no answer, an error, the end before the end, or what is no chat completion.
            Unsupported: without one of its parameters the request may do.
            ConfigurationError: the endpoint refuses the key, the model or (RequestRefused) the request itself.
        """
        with self._translated():
            client = self._opened()
            model = body["model"] or self._listed_first(client, timeout_seconds)
            with client.chat.completions.with_streaming_response.create(
                **{**body, "model": model}, timeout=timeout_seconds
            ) as response:
                max_bytes = max(SMALLEST_MAX_BYTES, max_chars * BYTES_PER_CHAR)
                blocks = _bounded(response.iter_bytes(), max_bytes)
                if "event-stream" in response.headers.get("content-type", ""):
                    yield from read_events(blocks)
                else:
                    yield read_completion(_object(b"".join(blocks).decode()))

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _listed_first(self, client: "OpenAI", timeout_seconds: float) -> str:
        if not self._first_model:
            page: Any = client.models.list(timeout=timeout_seconds)
            names = [entry.id for entry in getattr(page, "data", None) or []]
            if not names:
                raise Unanswered("it lists no model: set generation.model", is_billed=False)
            self._first_model = str(names[0])
        return self._first_model

    def _opened(self) -> "OpenAI":
        from openai import OpenAI

        with self._lock:
            if self._client is None:
                # Local servers want no key; the library does. Its own tries would not know our deadline.
                self._client = OpenAI(base_url=self._base_url, api_key=self._api_key or "none", max_retries=0)
            return self._client

    @contextmanager
    def _translated(self) -> Iterator[None]:
        import httpx2
        import openai

        try:
            yield
        except openai.APITimeoutError:
            raise Unanswered("no answer in time") from None
        except openai.APIStatusError as error:
            raise _refusal(error) from None
        except openai.APIConnectionError as error:
            raise Unanswered(f"no connection: {type(error).__name__}", is_billed=False) from None
        # The library wraps what goes wrong before a body is read, not while it is.
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, ValueError, RecursionError) as error:
            raise Unanswered(f"it answers nonsense ({type(error).__name__})") from None


def _refusal(error: "APIStatusError") -> Exception:
    """What an HTTP status means; what the endpoint wrote may quote the prompt and is not passed on."""
    status = error.status_code
    if status in _LATER or status >= 500:
        wait = asked_wait(error.response.headers, datetime.now(UTC))
        return Unanswered(f"HTTP {status}", wait_seconds=wait, is_billed=False)
    said = f"{getattr(error, 'param', '')} {getattr(error, 'code', '')} {error.message}"
    if status in (400, 422) and _NOT_TAKEN.search(said):
        for parameter in OPTIONAL:
            if re.search(rf"\b{parameter}\b", said):
                return Unsupported(parameter)
    kind = RequestRefused if status in (400, 413, 422) else ConfigurationError
    return kind(f"the model endpoint refuses the request (HTTP {status}): {_WHAT_TO_CHECK}")


def _bounded(blocks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    n_bytes = 0
    for block in blocks:
        n_bytes += len(block)
        if n_bytes > max_bytes:
            raise Unanswered("its answer does not end")
        yield block


def read_events(blocks: Iterable[bytes]) -> Iterator[Delta]:
    """Read server-sent events of a completion; raises Unanswered where they are none or end before it is finished."""
    is_finished = False
    for data in _events(blocks):
        if data.strip() == "[DONE]":
            is_finished = True
            break
        delta = read_completion(_object(data), is_part=True)
        is_finished = is_finished or delta.finished
        yield delta
    if not is_finished:
        raise Unanswered("its answer ends in the middle")


def _events(blocks: Iterable[bytes]) -> Iterator[str]:
    """The data of each event. Bytes that are no UTF-8 raise ValueError where they stand."""
    rest = b""
    data: list[str] = []
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                data.append(line[5:].decode().strip())
            elif not line and data:
                yield "\n".join(data)
                data = []
    if rest.startswith(b"data:"):
        data.append(rest[5:].decode().strip())
    if data:
        yield "\n".join(data)


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise Unanswered("it answers nonsense (no JSON object)")
    if "error" in found and found["error"]:
        raise Unanswered("it reports an error in its answer")
    return found


def read_completion(found: Mapping[str, Any], *, is_part: bool = False) -> Delta:
    """Take the text out of a completion, or of a part of one; endpoints leave out or rename almost anything."""
    choices = found.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else {}
    if not isinstance(choice, dict):
        choice = {}
    message = choice.get("delta" if is_part else "message")
    text = message.get("content") if isinstance(message, dict) else None
    reason = choice.get("finish_reason")
    model = found.get("model")
    return Delta(
        text=text if isinstance(text, str) else "",
        model=model if isinstance(model, str) and model else None,
        usage=_usage(found.get("usage")),
        finished=bool(reason) or not is_part,
        is_cut=isinstance(reason, str) and bool(_CUT.search(reason)),
    )


def _usage(found: object) -> tuple[int, int] | None:
    if not isinstance(found, dict):
        return None
    counts = (found.get("prompt_tokens"), found.get("completion_tokens"))
    if any(not isinstance(count, int) or isinstance(count, bool) or count < 0 for count in counts):
        return None
    return int(counts[0] or 0), int(counts[1] or 0)
