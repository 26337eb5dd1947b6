"""Text generation through any OpenAI-compatible endpoint: chat messages in, one text with its token counts out.

Belongs here: the endpoint's moods (slow, busy, broken, rude) and what they mean to a caller. Does not: prompts
(`core.prompting`), whether the text is a good answer (serving), prices (the release).
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prodgen_pipeline.core.errors import ConfigurationError, EndpointUnavailable

if TYPE_CHECKING:
    from openai import OpenAI

logger = logging.getLogger(__name__)

#: One try and one more, both within the time allowed.
ATTEMPTS = 2
#: Before the second try; an endpoint that says how long to wait is not waited for: there is a tier below.
_PAUSE_SECONDS = 0.2
_MIN_ATTEMPT_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What a model wrote."""

    text: str
    model: str
    input_tokens: int
    output_tokens: int


class Generator:
    """One endpoint. Safe to share between threads; nothing is sent before the first call."""

    def __init__(self, *, base_url: str | None, api_key: str | None, model: str, timeout_seconds: float) -> None:
        """`model` empty means the first one that the endpoint lists; `timeout_seconds` covers all tries together."""
        self._base_url = base_url
        self._api_key = api_key
        self._model = model
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._client: OpenAI | None = None

    def generate(self, messages: Sequence[Mapping[str, str]], *, max_output_tokens: int, model: str = "") -> Generated:
        """Ask for one completion, with temperature 0; a model named here goes before the generator's own.

        Raises:
            EndpointUnavailable: no answer in time, an error, or one that is no chat completion with text in it. The
                message holds neither the prompt nor what came back.
            ConfigurationError: the endpoint refuses the key, the model or the request itself.
        """
        deadline = time.monotonic() + self._timeout_seconds
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._attempt(messages, max_output_tokens, model, deadline)
            except EndpointUnavailable as error:
                left = deadline - time.monotonic() - _PAUSE_SECONDS
                if attempt == ATTEMPTS or left < _MIN_ATTEMPT_SECONDS:
                    raise
                logger.warning("generation failed, trying again: %s", error)
                time.sleep(_PAUSE_SECONDS)
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _attempt(
        self, messages: Sequence[Mapping[str, str]], max_output_tokens: int, model: str, deadline: float
    ) -> Generated:
        import openai

        client = self._opened()
        try:
            name = model or self._first_model(client, deadline)
            completion: Any = client.chat.completions.create(
                model=name,
                messages=list(messages),  # type: ignore[arg-type]  # plain role and content
                max_tokens=max_output_tokens,
                temperature=0,
                timeout=_left(deadline),
            )
        except (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError) as error:
            raise EndpointUnavailable(f"the model endpoint does not answer ({_reason(error)})") from None
        except openai.APIStatusError as error:
            raise ConfigurationError(
                f"the model endpoint refuses the request (HTTP {error.status_code}): check OPENAI_BASE_URL, "
                "OPENAI_API_KEY and generation.model"
            ) from None
        except (openai.OpenAIError, ValueError) as error:
            raise EndpointUnavailable(f"the model endpoint answers nonsense ({type(error).__name__})") from None
        return _read(completion, name)

    def _opened(self) -> "OpenAI":
        from openai import OpenAI

        with self._lock:
            if self._client is None:
                # Local servers want no key; the library does.
                self._client = OpenAI(base_url=self._base_url, api_key=self._api_key or "none", max_retries=0)
            return self._client

    def _first_model(self, client: "OpenAI", deadline: float) -> str:
        with self._lock:
            if self._model:
                return self._model
        page: Any = client.models.list(timeout=_left(deadline))
        names = [entry.id for entry in getattr(page, "data", None) or []]
        if not names:
            raise EndpointUnavailable("the model endpoint lists no model: set generation.model")
        with self._lock:
            self._model = str(names[0])
            return self._model


def _left(deadline: float) -> float:
    return max(_MIN_ATTEMPT_SECONDS, deadline - time.monotonic())


def _reason(error: Exception) -> str:
    status = getattr(error, "status_code", None)
    return f"HTTP {status}" if status else type(error).__name__


def _read(completion: Any, model: str) -> Generated:  # noqa: ANN401 - whatever an endpoint sent
    """Take the text out of a completion; endpoints leave out or rename almost anything."""
    choices = getattr(completion, "choices", None)
    message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
    text = getattr(message, "content", None)
    if not isinstance(text, str) or not text.strip():
        raise EndpointUnavailable("the model endpoint answers without text")
    usage = getattr(completion, "usage", None)
    return Generated(
        text=text.strip(),
        model=str(getattr(completion, "model", None) or model),
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
    )


def _count(usage: Any, name: str) -> int:  # noqa: ANN401 - as above
    value = getattr(usage, name, None)
    return value if isinstance(value, int) and value >= 0 else 0
