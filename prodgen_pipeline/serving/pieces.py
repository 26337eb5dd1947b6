"""Pieces of an answer: what is shown at a time.

Belongs here: the record, and cutting a text that is whole already. Does not: making answers (`tiers`), sending them
(`streaming`).
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from prodgen_pipeline.core.sentences import sentence_ends

#: Citations that stand after a full stop belong to the sentence before them.
_MARKERS = re.compile(r"(?:\[\d[\d,; ]*\]\s*)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Checked text, to be shown now; joined, the pieces are the answer."""

    text: str
    tier: str


def sentence_pieces(answer: str) -> list[str]:
    """Cut an answer after its sentences and lines; the pieces joined are the answer."""
    ends = {*sentence_ends(answer), *(match.end() for match in re.finditer(r"\n+", answer))}
    cuts = {marker.end() if (marker := _MARKERS.match(answer, end)) else end for end in ends}
    bounds = sorted({0, *cuts, len(answer)})
    return [answer[start:end] for start, end in pairwise(bounds)]
