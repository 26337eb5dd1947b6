"""What changes a stage's output, one frozen record per stage; each is hashed into that stage's fingerprint.

Belongs here: anything that changes what a stage produces. Does not: batch sizes, pool sizes, time-outs, addresses;
those are in `settings`, because changing them must not make a single row stale. That split is incrementality.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsingConfig:
    """How bytes become elements."""

    #: A document with more bytes is quarantined, not read.
    max_document_bytes: int = 100_000_000
    #: Text that one document may expand to.
    max_text_chars: int = 50_000_000
    max_pages: int = 5_000
    #: Seconds and bytes that one document may cost its worker.
    timeout_seconds: float = 120.0
    max_memory_bytes: int = 2_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CleaningConfig:
    """Which rules normalise elements, in order, and when they have eaten too much."""

    rules: tuple[str, ...] = (
        "encoding",
        "unicode",
        "control_characters",
        "ligatures",
        "hyphenation",
        "running_lines",
        "whitespace",
    )
    #: A document that loses more than this share of its characters is quarantined.
    max_lost_share: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class DeduplicationConfig:
    """What counts as a copy. Exact text under equal rights; near-duplicates are recorded, not folded."""

    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionConfig:
    """What is personal, and how sure a recogniser must be."""

    policy: str = "pii"
    score_threshold: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkingConfig:
    """Sizes in word pieces of the embedding model, heading path included, special tokens not."""

    max_tokens: int = 250
    #: A chunk that would stay smaller is joined with its neighbour under the same heading.
    min_tokens: int = 48
    #: Word pieces of the end of a prose chunk repeated at the start of the next; never in tables, lists or code.
    overlap_tokens: int = 0
    #: Word pieces that the heading path may take in the text that is embedded.
    heading_tokens: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingConfig:
    """Which vectors. Those computed in bf16 and in f32 may be mixed (neighbour overlap .997)."""

    model: str = "all-MiniLM-L6-v2"
    revision: str = "gt-0.1.0"
    dimensions: int = 384
    #: Only "local" is there yet; another value is refused.
    provider: str = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalConfig:
    """How a question becomes hits, and below what nothing is an answer."""

    n_candidates: int = 100
    #: Share of the dense half in the fused score; both halves are min-max normalised per question.
    dense_weight: float = 0.5
    bm25_k1: float = 1.2
    bm25_b: float = 0.75
    #: No answer is given when the best hit has less cosine similarity than this and less term coverage than below.
    min_similarity: float = 0.42
    min_term_coverage: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """The working configuration of the corpus side, stage by stage in order."""

    parsing: ParsingConfig = field(default_factory=ParsingConfig)
    cleaning: CleaningConfig = field(default_factory=CleaningConfig)
    deduplication: DeduplicationConfig = field(default_factory=DeduplicationConfig)
    redaction: RedactionConfig = field(default_factory=RedactionConfig)
    chunking: ChunkingConfig = field(default_factory=ChunkingConfig)
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
