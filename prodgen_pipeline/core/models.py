"""The records that rooms hand to each other: frozen, keyword-only, free of behaviour beyond their own invariants.

Database rows that only storage knows stay in storage; HTTP bodies stay in serving.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class ElementType(StrEnum):
    """What a piece of a parsed document is; a small, parser-neutral subset of unstructured's categories."""

    TITLE = "title"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    TABLE = "table"
    CODE = "code"
    MAIL_HEADER = "mail_header"
    PAGE_HEADER = "page_header"
    PAGE_FOOTER = "page_footer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One typed piece of a document, in reading order."""

    type: ElementType
    text: str
    #: 1-based page, slide or sheet; None where the format has none.
    page: int | None = None
    #: Heading depth, 1 (outermost) to 6; only for titles.
    level: int | None = None
    #: Tables: rows as tab-separated lines in `text`; True when the first of them is a header.
    has_header: bool = False
    #: Code: the language's lower-case name where known.
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """What a parser made of one document version's bytes."""

    elements: tuple[Element, ...]
    #: The document's own title (metadata, first heading), else None.
    title: str | None = None
    #: ISO media type decided by content, not by name.
    media_type: str = "text/plain"
    n_pages: int | None = None
    #: What the document says about itself in fields, keys in lower case; nothing personal (`document_metadata`).
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleaningReport:
    """How often each cleaning rule changed or dropped something, and the characters before and after."""

    counts: dict[str, int]
    n_chars_before: int
    n_chars_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitySpan:
    """A detected entity: `[start, end)` in characters of the text it was found in."""

    start: int
    end: int
    label: str
    score: float
    #: Name of the recogniser that found it.
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A retrievable piece of one document version."""

    #: 0-based position within the document version.
    ordinal: int
    #: Equal to the span `[start, end)` of the redacted document's text. Where the chunk begins inside a large table or
    #: a large block of code, the header row or the lines that introduce the block are repeated above it.
    text: str
    start: int
    end: int
    heading_path: tuple[str, ...] = ()
    pages: tuple[int, ...] = ()
    #: Word pieces of `embedding_text`, special tokens not counted.
    n_tokens: int = 0
    #: What the embedder sees: heading path and text, pseudonyms replaced by their type word.
    embedding_text: str = ""
    #: Ordinals of the first and the last chunk of its parent, the stretch that a search hands over around it.
    parent_first: int = 0
    parent_last: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedObject:
    """One entry of a document store's listing."""

    #: Address relative to the source, with forward slashes.
    uri: str
    size: int
    #: The store's own cheap sign of change (mtime in nanoseconds, etag, commit); equal sign means unchanged.
    sign: str
    #: Seconds since the epoch, as the store tells it; None where it does not.
    modified_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """On whose behalf something is read. Principals are what document rights are compared with."""

    user: str | None = None
    groups: tuple[str, ...] = ()

    @property
    def principals(self) -> tuple[str, ...]:
        """`*` (everybody of the tenant), `user:NAME` and `group:NAME`, as stored in `corpus.access_sets`."""
        own = (f"user:{self.user}",) if self.user else ()
        return ("*", *own, *(f"group:{group}" for group in self.groups))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One search result, best first by `rank` (1-based)."""

    rank: int
    score: float
    uri: str
    source: str
    document_id: str
    version: int
    chunk_id: str
    title: str | None
    pages: tuple[int, ...]
    text: str
    heading_path: tuple[str, ...] = ()
    #: Cosine similarity of question and chunk where the dense half scored it, else None.
    similarity: float | None = None
    #: Share of the question's weighted terms that the chunk holds, 0 to 1, where the lexical half scored it.
    term_coverage: float | None = None
    #: The text that the chunk is part of, its own included, where that was asked for.
    context: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """Where a sentence of an answer comes from; `n` is the number in square brackets in the answer."""

    n: int
    uri: str
    source: str
    version: int
    chunk_id: str
    pages: tuple[int, ...]
    quote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens and cost of the model calls behind one answer."""

    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        """Both together."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            usd=round(self.usd + other.usd, 9),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer with its evidence; `refused` answers say why in `reason` (a code) and cite nothing."""

    text: str
    citations: tuple[Citation, ...] = ()
    grounded: bool = False
    refused: bool = False
    reason: str | None = None
    tier: str = "extractive"
    model: str | None = None
    usage: Usage = field(default_factory=Usage)


class QuarantineReason(StrEnum):
    """Codes that say why a document version went no further; the message beside the code says what to do."""

    UNREADABLE = "unreadable"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    ENCRYPTED = "encrypted"
    CORRUPT = "corrupt"
    UNSUPPORTED_FORMAT = "unsupported_format"
    NEEDS_OCR = "needs_ocr"
    MISSING_PACKAGE = "missing_package"
    NO_TEXT = "no_text"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    WORKER_DIED = "worker_died"
    CLEANED_TOO_MUCH = "cleaned_too_much"
    RAW_BYTES_LOST = "raw_bytes_lost"
    EMBEDDING_REFUSED = "embedding_refused"
    INTERNAL = "internal"
    #: A person set the version aside; it is accounted for, and listed no more.
    DROPPED = "dropped"
