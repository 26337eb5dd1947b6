"""Whether what the stages made is as it must be: chunks against their text, indexes against their documents.

Belongs here: putting counts together for one generation. Does not: the counting (storage.checks), what a fault means
for a run (defs).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from prodgen_pipeline.core.chunking.measured import document_text
from prodgen_pipeline.core.serialization import unpack
from prodgen_pipeline.lifecycle.pins import CHUNKED, EMBEDDED, REDACTED, STAGES, from_json
from prodgen_pipeline.storage import checks, outputs
from prodgen_pipeline.storage.checks import ChunkSpan
from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.generations import Generation
from prodgen_pipeline.storage.ledger import Place

#: Vectors are kept as 16-bit floats: eleven bits of each of hundreds of numbers.
NORM_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFaults:
    """What is wrong with a generation's index, by kind; every count must be 0."""

    generation_id: int
    n_entries: int
    #: Vectors of the wrong number of dimensions or of another length than 1.
    vectors: dict[str, int]
    #: Chunks without an entry; entries without a document or a chunk, of two versions, or readable by the wrong people.
    entries: dict[str, int]
    #: Term lists and counts that differ from the entries.
    lists: dict[str, int]


def index_faults(tx: Transaction, generation: Generation, document_ids: Sequence[int] | None = None) -> IndexFaults:
    """Look at what a generation holds of some documents (and at all counts), or at everything."""
    dimensions = from_json(generation.configuration).embedding.dimensions
    found = asdict(
        checks.entry_faults(
            tx, generation.generation_id, generation.lineage(CHUNKED), dimensions=dimensions,
            norm_tolerance=NORM_TOLERANCE, document_ids=document_ids,
        )
    )  # fmt: skip
    lists = checks.list_faults(tx, generation.generation_id, document_ids=document_ids)
    place = Place(stage=EMBEDDED, lineage=generation.lineage(EMBEDDED))
    found["n_chunks_without_entry"] = checks.chunks_without_vectors(
        tx, place, generation.lineage(CHUNKED), generation.generation_id
    )
    n_entries = found.pop("n_entries")
    vectors = {name: found.pop(name) for name in ("n_wrong_dimensions", "n_not_unit")}
    return IndexFaults(
        generation_id=generation.generation_id,
        n_entries=n_entries,
        vectors=vectors,
        entries=found,
        lists={**asdict(lists), **asdict(checks.count_faults(tx, generation.generation_id))},
    )


def n_unaccounted(tx: Transaction, generation: Generation) -> int:
    """Documents that a stage of a generation has neither done, nor refused, nor waiting; over all its stages."""
    places = [Place(stage=stage, lineage=generation.lineage(stage)) for stage in STAGES]
    pairs = zip(places, (None, *places), strict=False)
    return sum(checks.accounted(tx, place, previous).n_unexplained for place, previous in pairs)


def chunks_unlike_their_text(tx: Transaction, generation: Generation, document_ids: Sequence[int]) -> tuple[int, int]:
    """How many chunks of some documents were compared with the redacted text at their place, and how many differ."""
    lineage, redacted = generation.lineage(CHUNKED), generation.lineage(REDACTED)
    spans = checks.chunk_spans(tx, lineage, redacted, document_ids)
    stored = outputs.elements(tx, "redacted", redacted, list(document_ids))
    texts = {key: document_text(unpack(each.elements))[0] for key, each in stored.items()}
    compared = [span for span in spans if span.document_id in texts]
    return len(compared), sum(not _stands_in(texts[span.document_id], span) for span in compared)


def _stands_in(document: str, span: ChunkSpan) -> bool:
    """Whether a chunk is the text at its place, but for whole lines from further above that may be repeated over it."""
    at_place = document[span.start_char : span.end_char]
    if not at_place or not span.text.endswith(at_place):
        return False
    repeated = span.text[: len(span.text) - len(at_place)]
    if not repeated:
        return True
    return repeated.endswith("\n") and all(
        document.find(line, 0, span.start_char) >= 0 for line in repeated[:-1].split("\n")
    )
