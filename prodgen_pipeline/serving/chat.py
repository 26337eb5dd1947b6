"""`POST /v1/chat/completions` and `GET /v1/models`: the OpenAI protocol, so that existing clients work unchanged.

Belongs here: that protocol in and out. Does not: answering (`service`). What a client says about how to generate
(temperature, its own system message, the model's name) changes nothing: a release decides that. A client that names no
`session` keeps the conversation itself, and its earlier messages are read as such; they are redacted like a question.
"""

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from prodgen_pipeline.core.errors import UsageError
from prodgen_pipeline.governance.keys import Actor
from prodgen_pipeline.serving.ask import AskResult, Question
from prodgen_pipeline.serving.bodies import PROBLEMS, SessionId, check_text
from prodgen_pipeline.serving.lines import ask_line
from prodgen_pipeline.serving.observing import Observe
from prodgen_pipeline.serving.pieces import Piece
from prodgen_pipeline.serving.problems import problem_members
from prodgen_pipeline.serving.service import QueryService
from prodgen_pipeline.serving.streaming import EVENT_STREAM, AnswerResponse

#: The name under which answers are asked for; any other is taken as well, since clients have one configured.
MODEL = "prodgen"
_MAX_MESSAGES = 1_000


class Message(BaseModel):
    """One message of a chat; fields that are not listed are ignored."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """Its text; raises UsageError for parts that are none."""
        if not isinstance(self.content, list):
            return self.content or ""
        if any(part.get("type") != "text" or not isinstance(part.get("text"), str) for part in self.content):
            raise UsageError("messages hold text only: an image or a file cannot be asked about")
        return "\n".join(part["text"] for part in self.content)


class ChatRequest(BaseModel):
    """A chat; what an OpenAI client sends besides is ignored."""

    model_config = ConfigDict(extra="ignore")

    messages: Annotated[list[Message], Field(min_length=1, max_length=_MAX_MESSAGES)]
    model: str = Field(MODEL, max_length=256, description="Any name: the served release decides the model.")
    stream: bool = False
    stream_options: dict[str, Any] | None = None
    n: int | None = Field(None, description="One answer is given.")
    session: SessionId | None = Field(None, description="Ours: the conversation; its turns are read instead of yours.")

    def question(self, actor: Actor, max_chars: int) -> Question:
        """The last message as a question, with the turns before it; raises UsageError."""
        if self.n not in (None, 1):
            raise UsageError(f"n is {self.n}, and one answer is given: leave it out")
        said = [(message.role, message.text) for message in self.messages if message.role in ("user", "assistant")]
        if not said or said[-1][0] != "user":
            raise UsageError("the last message must be the user's: it is the question")
        check_text(said[-1][1], max_chars)
        return Question(
            text=said[-1][1], reader=actor.reader, actor=actor.name, user=actor.user, session=self.session,
            before=tuple(_turns(said[:-1], max_chars)),
        )  # fmt: skip


def _turns(said: Sequence[tuple[str, str]], max_chars: int) -> Iterator[tuple[str, str]]:
    """Each question with the answer after it; what is too long for a question is cut."""
    for (role, question), (next_role, answer) in zip(said, said[1:], strict=False):
        if role == "user" and next_role == "assistant":
            yield question[:max_chars], answer[:max_chars]


def chat_routes(service: QueryService, acting: Callable[[str], Callable[..., Actor]], observe: Observe) -> APIRouter:
    """The two routes."""
    router = APIRouter(prefix="/v1", tags=["openai"], responses=PROBLEMS)
    max_chars = service.settings.serving.max_question_chars

    @router.post("/chat/completions", responses={200: {"content": {EVENT_STREAM: {}}}})
    def chat(
        body: ChatRequest, request: Request, actor: Annotated[Actor, Depends(acting("POST /v1/chat/completions"))]
    ) -> Response:
        """Answer the last message with citations, in the form of the OpenAI API; `citations` is an extra field."""
        stream = service.stream(actor.tenant, body.question(actor, max_chars))
        request.state.release = stream.release

        def whole() -> AskResult:
            observe("/v1/chat/completions", actor.tenant, actor.reader, stream.result)
            return stream.result

        if body.stream:
            usage = bool((body.stream_options or {}).get("include_usage"))
            return AnswerResponse(_events(request, iter(stream), whole, with_usage=usage), stream.close)
        for _ in stream:
            pass
        return JSONResponse(_completion(whole()))

    @router.get("/models")
    def models(actor: Annotated[Actor, Depends(acting("GET /v1/models"))]) -> JSONResponse:
        """The one model there is, as far as a client is concerned."""
        listed = {
            "id": MODEL,
            "object": "model",
            "created": int(actor.tenant.created_at.timestamp()),
            "owned_by": MODEL,
        }
        return JSONResponse({"object": "list", "data": [listed]})

    return router


def _completion(result: AskResult) -> dict[str, Any]:
    message = {"role": "assistant", "content": result.answer.text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {
        "id": f"chatcmpl-{result.answer_id}", "object": "chat.completion", "created": int(time.time()), "model": MODEL,
        "choices": [choice], "usage": _usage(result), **_extra(result),
    }  # fmt: skip


def _extra(result: AskResult) -> dict[str, Any]:
    """What the protocol has no place for."""
    line = ask_line(result)
    return {"citations": line.pop("citations"), "prodgen": {name: line[name] for name in line if name != "answer"}}


def _usage(result: AskResult) -> dict[str, int]:
    used = result.answer.usage
    return {
        "prompt_tokens": used.input_tokens, "completion_tokens": used.output_tokens,
        "total_tokens": used.input_tokens + used.output_tokens,
    }  # fmt: skip


async def _events(
    request: Request, pieces: Iterator[Piece], whole: Callable[[], AskResult], *, with_usage: bool
) -> AsyncIterator[str]:
    created, made_id = int(time.time()), f"chatcmpl-{request.state.request_id}"

    def chunk(delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> str:  # noqa: ANN401 - JSON
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        head = {"id": made_id, "object": "chat.completion.chunk", "created": created, "model": MODEL}
        return _data({**head, "choices": [choice], **more})

    try:
        yield chunk({"role": "assistant", "content": ""})
        while (piece := await to_thread.run_sync(next, pieces, None)) is not None:
            yield chunk({"content": piece.text})
        result = await to_thread.run_sync(whole)
        yield chunk({}, "stop", **_extra(result))
        if with_usage:
            head = {"id": made_id, "object": "chat.completion.chunk", "created": created, "model": MODEL}
            yield _data({**head, "choices": [], "usage": _usage(result)})
        yield "data: [DONE]\n\n"
    except Exception as error:  # the status is sent: clients raise on a chunk with an error
        problem = problem_members(request, error)
        yield _data(
            {"error": {**problem, "message": problem["detail"], "type": "server_error", "code": problem["status"]}}
        )


def _data(contents: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(contents, ensure_ascii=False)}\n\n"
