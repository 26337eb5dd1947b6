"""The stages in order, and which fingerprints a run serves: those pinned in the living generations.

A pin is one stage of one lineage. Generations that differ only from some stage on share the pins before it, so that
nothing is parsed or redacted twice for the sake of a new chunk size.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from prodgen_pipeline.clients import parsers
from prodgen_pipeline.core import chunking, cleaning, lexical, redaction
from prodgen_pipeline.core.configuration import PipelineConfig
from prodgen_pipeline.core.versioning import fingerprint
from prodgen_pipeline.storage.generations import Generation
from prodgen_pipeline.storage.ledger import Place

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RAW, PARSED, CLEANED = "raw_documents", "parsed_documents", "cleaned_documents"
DEDUPED, REDACTED = "deduped_documents", "redacted_documents"
CHUNKED, EMBEDDED = "document_chunks", "chunk_embeddings"
#: In the order in which a document passes them; names are those of tables and assets.
STAGES = (PARSED, CLEANED, DEDUPED, REDACTED, CHUNKED, EMBEDDED)
#: Observation is no stage of the engine; what it refuses stands in the ledger under this place.
OBSERVED = Place(stage=RAW, lineage="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One stage as some living generations have it."""

    place: Place
    #: The stage before; None for the first.
    previous: Place | None
    #: The stage after, once per lineage that forks here.
    next: tuple[Place, ...]
    #: Lineages of all stages behind this one.
    later: tuple[str, ...]
    #: Lineage of each stage up to this one, by name.
    lineages: dict[str, str]
    configuration: PipelineConfig
    generations: tuple[int, ...]
    #: Whether one of them is what searches read.
    serving: bool


def fingerprints(configuration: PipelineConfig) -> dict[str, dict[str, str]]:
    """Fingerprint and lineage of every stage under a configuration and this release's code."""
    parts: dict[str, tuple[str, DataclassInstance]] = {
        PARSED: (parsers.PARSERS_VERSION, configuration.parsing),
        CLEANED: (cleaning.VERSION, configuration.cleaning),
        DEDUPED: ("1", configuration.deduplication),
        REDACTED: (redaction.VERSION, configuration.redaction),
        CHUNKED: (chunking.VERSION, configuration.chunking),
        EMBEDDED: (lexical.ANALYZER_VERSION, configuration.embedding),
    }
    pins, lineage = {}, ""
    for stage in STAGES:
        version, part = parts[stage]
        lineage = fingerprint(stage, version, part, upstream=lineage)
        pins[stage] = {"fingerprint": fingerprint(stage, version, part), "lineage": lineage}
    return pins


def as_json(configuration: PipelineConfig) -> dict[str, Any]:
    """A configuration as it is kept in a generation."""
    return asdict(configuration)


def from_json(stored: dict[str, Any]) -> PipelineConfig:
    """Read a generation's configuration back."""
    return TypeAdapter(PipelineConfig).validate_python(stored)


def pins_of(generations: Sequence[Generation], stage: str) -> list[Pin]:
    """The pins of a stage: one per distinct lineage among the living generations, that of the serving one first."""
    by_lineage: dict[str, list[Generation]] = {}
    for generation in sorted(generations, key=lambda each: each.state != "serving"):
        by_lineage.setdefault(generation.lineage(stage), []).append(generation)
    return [_pin(stage, sharing) for sharing in by_lineage.values()]


def observed_pin(generations: Sequence[Generation]) -> Pin:
    """Where observation stands: before the first stage of every living generation."""
    first = pins_of(generations, STAGES[0])
    return Pin(
        place=OBSERVED,
        previous=None,
        next=tuple(pin.place for pin in first),
        later=tuple(dict.fromkeys(lineage for pin in first for lineage in (pin.place.lineage, *pin.later))),
        lineages={},
        configuration=first[0].configuration,
        generations=tuple(each.generation_id for each in generations),
        serving=True,
    )


def _pin(stage: str, sharing: list[Generation]) -> Pin:
    at = STAGES.index(stage)
    first = sharing[0]
    following = STAGES[at + 1 : at + 2]
    return Pin(
        place=Place(stage=stage, lineage=first.lineage(stage)),
        previous=Place(stage=STAGES[at - 1], lineage=first.lineage(STAGES[at - 1])) if at else None,
        next=tuple(
            dict.fromkeys(Place(stage=after, lineage=each.lineage(after)) for each in sharing for after in following)
        ),
        later=tuple(dict.fromkeys(each.lineage(after) for each in sharing for after in STAGES[at + 1 :])),
        lineages={each: first.lineage(each) for each in STAGES[: at + 1]},
        configuration=from_json(first.configuration),
        generations=tuple(each.generation_id for each in sharing),
        serving=any(each.state == "serving" for each in sharing),
    )
