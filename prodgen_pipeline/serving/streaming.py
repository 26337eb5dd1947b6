"""An answer as server-sent events: its sentences one by one, as they are made and checked, then the whole object.

event: sentence
data: {"text": "You have 25 days. [1] "}

event: answer
data: {...as the JSON response...}

Where something fails after the response has begun, the last event is `error`, with problem details. Belongs here: the
events, and what happens when the client leaves. Does not: the pieces (`ask`), other protocols' events (`chat`).
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from anyio import CancelScope, to_thread
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from prodgen_pipeline.serving.pieces import Piece
from prodgen_pipeline.serving.problems import problem_members

EVENT_STREAM = "text/event-stream"


class AnswerResponse(StreamingResponse):
    """Events that are made while they are sent. Where the client leaves, the answer is ended and recorded."""

    def __init__(self, events: AsyncIterator[str], close: Callable[[], None]) -> None:
        """`close` ends what makes the events, in a thread; it is called whatever happens."""
        super().__init__(events, media_type=EVENT_STREAM)
        self._close_source = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(self._close_source)


async def answer_events(
    request: Request, pieces: Iterator[Piece], whole: Callable[[], Mapping[str, Any]]
) -> AsyncIterator[str]:
    """The events of one answer; `whole` gives the JSON object of the interface after the last piece."""
    try:
        while (piece := await to_thread.run_sync(next, pieces, None)) is not None:
            yield event("sentence", {"text": piece.text})
        yield event("answer", await to_thread.run_sync(whole))
    except Exception as error:  # the status is sent: what failed can only be said in the stream
        yield event("error", problem_members(request, error))


def event(name: str, data: Mapping[str, Any]) -> str:
    """One event, its data as JSON."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
