"""Bodies of the HTTP interface: what is taken, checked at the door, and what is given, for /openapi.json.

A request names no tenant. `user` and `groups`, which lines of a batch may hold, can only narrow what the key may read.
Fields that are not listed are refused, so that a misspelled one is not silently ignored.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from prodgen_pipeline.core.errors import UsageError
from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.core.ranking.retrieval import SearchFilter
from prodgen_pipeline.core.ranking.search_filter import MAX_VALUES, parse_filter
from prodgen_pipeline.governance.keys import Actor
from prodgen_pipeline.serving.ask import Question
from prodgen_pipeline.serving.problems import MEDIA_TYPE

#: Beyond any reasonable question; the real limit is a setting, and is checked with its value in the message.
_MAX_ID_CHARS = 256
Identifier = Annotated[str, StringConstraints(max_length=_MAX_ID_CHARS)]
SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


Texts = Annotated[list[str], Field(max_length=MAX_VALUES)]


class FilterBody(BaseModel):
    """What a search is narrowed to: all that is given must hold. It never widens what the key may read."""

    model_config = ConfigDict(extra="forbid")

    sources: Texts | None = Field(None, description="Names of sources, any of them.")
    media_types: Texts | None = Field(None, description="Media types, any of them: `application/pdf`.")
    uri_prefix: str | None = Field(None, description="What the document's address begins with: `policies/`.")
    since: str | None = Field(None, description="Documents of this time (ISO 8601; UTC without a zone) or later.")
    until: str | None = Field(None, description="Documents before this time.")
    metadata: dict[str, str] | None = Field(None, description="Fields that the document must have, with their values.")


class _Question(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Identifier | int | None = Field(None, description="Given back as it is.")
    text: str = Field(description="The question, or what to look for.")
    user: str | None = Field(None, description="Narrows: another than the key's user reads as nobody in particular.")
    groups: list[str] | None = Field(None, description="Narrows: only those of the key's groups that stand here.")

    filter: FilterBody | None = Field(None, description="What to narrow the search to.")

    @property
    def narrowed(self) -> SearchFilter:
        """The filter, checked; raises UsageError."""
        return parse_filter(self.filter.model_dump()) if self.filter else SearchFilter()

    def reader(self, actor: Actor) -> Reader:
        """On whose behalf to read: never more than the key may."""
        groups = actor.groups if self.groups is None else tuple(g for g in actor.groups if g in self.groups)
        return Reader(user=actor.user if self.user in (None, actor.user) else None, groups=groups)


class SearchRequest(_Question):
    """A search."""

    k: int = Field(10, ge=1, description="How many hits.")
    widen: bool = Field(False, description="Give each hit the text that it is part of, as `context`.")


class AskRequest(_Question):
    """A question."""

    session: SessionId | None = Field(None, description="The conversation that it belongs to; made when missing.")

    def question(self, actor: Actor) -> Question:
        """The question of who holds the key; raises UsageError for a filter that is none."""
        return Question(
            text=self.text,
            reader=self.reader(actor),
            actor=actor.name,
            user=actor.user,
            session=self.session,
            narrowed=self.narrowed,
        )


class HitBody(BaseModel):
    """One hit."""

    rank: int
    score: float
    uri: str
    source: str
    document_id: str
    version: int
    chunk_id: str
    title: str | None
    pages: list[int]
    text: str
    context: str | None = Field(None, description="The text that the hit is part of, where `widen` asked for it.")


class SearchResponse(BaseModel):
    """Hits, best first."""

    id: str | int | None
    hits: list[HitBody]
    release: str
    generation: int
    timings_ms: dict[str, float]


class CitationBody(BaseModel):
    """Where a sentence of the answer comes from."""

    n: int
    uri: str
    source: str
    version: int
    chunk_id: str
    pages: list[int]
    quote: str


class RouteBody(BaseModel):
    """Which tier answered."""

    tier: str
    model: str | None
    escalated: bool


class CacheBody(BaseModel):
    """Whether the answer came from a cache."""

    hit: bool
    kind: str | None


class UsageBody(BaseModel):
    """What it cost."""

    input_tokens: int
    output_tokens: int
    usd: float


class AskResponse(BaseModel):
    """An answer with its citations."""

    id: str | int | None
    answer: str
    citations: list[CitationBody]
    grounded: bool
    refused: bool
    reason: str | None
    turn_type: str
    search_query: str
    route: RouteBody
    cache: CacheBody
    usage: UsageBody
    answer_id: str
    session: str
    release: str
    timings_ms: dict[str, float]


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str


PROBLEMS: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem, "content": {MEDIA_TYPE: {}}} for code in (400, 401, 403, 404, 413, 422, 503)
}


def check_text(text: str, max_chars: int) -> None:
    """Refuse what is no question; raises UsageError."""
    if not text.strip():
        raise UsageError("text is empty: send the question")
    if len(text) > max_chars:
        raise UsageError(f"text has {len(text):,} characters, and at most {max_chars:,} are taken")
