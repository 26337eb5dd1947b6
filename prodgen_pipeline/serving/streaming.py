"""An answer as server-sent events: its sentences one by one, then the whole object.

event: sentence
data: {"text": "You have 25 days. [1] "}

event: answer
data: {...as the JSON response...}
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from prodgen_pipeline.core.sentences import sentence_ends

#: Citations that stand after a full stop belong to the sentence before them.
_MARKERS = re.compile(r"(?:\[\d[\d,; ]*\]\s*)+")


def sentence_pieces(answer: str) -> list[str]:
    """Cut an answer after its sentences and lines; the pieces joined are the answer."""
    ends = {*sentence_ends(answer), *(match.end() for match in re.finditer(r"\n+", answer))}
    cuts = {marker.end() if (marker := _MARKERS.match(answer, end)) else end for end in ends}
    bounds = sorted({0, *cuts, len(answer)})
    return [answer[start:end] for start, end in pairwise(bounds)]


def answer_events(line: Mapping[str, Any]) -> Iterator[str]:
    """The events of one answer; `line` is the JSON object of the interface."""
    for piece in sentence_pieces(line["answer"]):
        yield _event("sentence", {"text": piece})
    yield _event("answer", line)


def _event(name: str, data: Mapping[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
