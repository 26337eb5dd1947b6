"""`bench redact`: what the redaction filter finds in labelled texts, and what that costs, beside stock Presidio.

Belongs here: counting characters and timing. Does not: the filter (`core.redaction`), choosing thresholds, which no
labelled set that is reported here may be used for.

Recall and precision count characters, whatever type was said: a value that is covered is not shown. Presidio's own
line is its default configuration where the model of that is installed, else its default recognisers with our pipeline.
"""

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prodgen_pipeline.core.configuration import RedactionConfig
from prodgen_pipeline.core.errors import NotFound, UsageError
from prodgen_pipeline.core.models import EntitySpan

#: A text to the places of what was found in it.
Find = Callable[[str], Sequence[tuple[int, int]]]

LENGTHS = (100_000, 1_000_000, 7_000_000)
#: Presidio alone is timed on no more than this, since its time grows faster than the text.
_STOCK_CHARS = 60_000
_DEFAULT_MODEL = "en_core_web_lg"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledText:
    """A text and the places `(start, end, label)` of its entities, in characters."""

    text: str
    spans: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How one filter did on the labelled texts."""

    name: str
    recall: float
    precision: float
    #: Recall by label.
    recall_by_label: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """One filter on one text, in one thread; loading is not in it."""

    name: str
    n_chars: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionReport:
    """What `bench redact` measured."""

    policy: str
    n_texts: int
    n_spans: int
    #: Characters that are labelled, by label.
    chars_by_label: dict[str, int]
    qualities: list[Quality]
    throughputs: list[Throughput]
    #: Characters a CPU second of ours by those of stock Presidio, on the same texts.
    throughput_ratio: float
    lengths: list[Throughput]


def measure_redaction(
    path: Path, config: RedactionConfig, *, lengths: Sequence[int] = LENGTHS, progress: Callable[[str], None]
) -> RedactionReport:
    """Measure on JSON Lines `{"text", "spans": [{"start", "end", "label"}]}`.

    Raises:
        NotFound: the file cannot be read.
        UsageError: a line has another form, or nothing is labelled.
    """
    labelled = read_labelled(path)
    filters = _filters(config)
    progress(f"{len(labelled):,} labelled texts, {len(filters)} filters")
    qualities = [quality(name, find, labelled) for name, find in filters.items()]
    sample = _sample(labelled)
    throughputs = [_timed(name, find, sample) for name, find in filters.items()]
    rates = [each.n_chars / each.cpu_seconds for each in throughputs]
    prose = "\n\n".join(each.text for each in labelled)
    ours = next(iter(filters.values()))
    grown = []
    for length in lengths:
        progress(f"one text of {length:,} characters")
        grown.append(_timed("prodgen", ours, [_of_length(prose, length)]))
    return RedactionReport(
        policy=config.policy,
        n_texts=len(labelled),
        n_spans=sum(len(each.spans) for each in labelled),
        chars_by_label=dict(_labelled_chars(labelled)),
        qualities=qualities,
        throughputs=throughputs,
        throughput_ratio=rates[0] / rates[-1],
        lengths=grown,
    )


def read_labelled(path: Path) -> list[LabelledText]:
    """The labelled texts of a file, as `measure_redaction` reads them; raises what it raises."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise NotFound(f"cannot read {path}: {error.strerror}") from None
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            values = json.loads(line)
            spans = tuple((int(span["start"]), int(span["end"]), str(span["label"])) for span in values["spans"])
            found.append(LabelledText(text=str(values["text"]), spans=spans))
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"{path}: line {number} is no {{text, spans: [{{start, end, label}}]}}") from None
    if not any(each.spans for each in found):
        raise UsageError(f"{path}: no text has a labelled span")
    return found


def quality(name: str, find: Find, labelled: Iterable[LabelledText]) -> Quality:
    """Recall and precision of a filter, by character."""
    covered: Counter[str] = Counter()
    chars: Counter[str] = Counter()
    n_found = n_right = 0
    for each in labelled:
        found = {place for start, end in find(each.text) for place in range(start, end)}
        true: set[int] = set()
        for start, end, label in each.spans:
            places = set(range(start, end))
            chars[label] += len(places)
            covered[label] += len(places & found)
            true |= places
        n_found += len(found)
        n_right += len(found & true)
    return Quality(
        name=name,
        recall=covered.total() / chars.total(),
        precision=n_right / n_found if n_found else 1.0,
        recall_by_label={label: covered[label] / n_chars for label, n_chars in chars.most_common()},
    )


def _labelled_chars(labelled: Iterable[LabelledText]) -> list[tuple[str, int]]:
    chars: Counter[str] = Counter()
    for each in labelled:
        for start, end, label in each.spans:
            chars[label] += end - start
    return chars.most_common()


def _filters(config: RedactionConfig) -> dict[str, Find]:
    """Ours with the language pipeline, ours without, then stock Presidio, which is last."""
    from prodgen_pipeline.clients.language import find_names
    from prodgen_pipeline.core.redaction import detect

    def with_pipeline(text: str) -> list[tuple[int, int]]:
        return _places(detect(text, config, find_names))

    def without_pipeline(text: str) -> list[tuple[int, int]]:
        return _places(detect(text, config))

    name, stock = _stock_presidio()
    return {"prodgen": with_pipeline, "prodgen, lists and rules alone": without_pipeline, name: stock}


def _places(spans: Iterable[EntitySpan]) -> list[tuple[int, int]]:
    return [(span.start, span.end) for span in spans]


def _stock_presidio() -> tuple[str, Find]:
    """Presidio's AnalyzerEngine with its default recognisers and threshold."""
    from presidio_analyzer import AnalyzerEngine

    # It warns of each recogniser of another language in its own defaults.
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    name, engine = _language_engine()
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])

    def find(text: str) -> list[tuple[int, int]]:
        return [(found.start, found.end) for found in analyzer.analyze(text, language="en") if found.score > 0]

    return name, find


def _language_engine() -> tuple[str, Any]:
    """Presidio's default model where it is installed, else our pipeline behind Presidio's interface."""
    from importlib.util import find_spec

    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine

    if find_spec(_DEFAULT_MODEL):
        engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": _DEFAULT_MODEL}])
        engine.load()
        return f"Presidio, {_DEFAULT_MODEL}", engine
    from prodgen_pipeline.clients.language import language_pipeline

    labels = {"PERSON": "PERSON", "LOCATION": "LOCATION", "GPE": "LOCATION", "ORGANIZATION": "ORGANIZATION"}
    engine = SpacyNlpEngine(
        models=[{"lang_code": "en", "model_name": "prodgen"}],
        ner_model_configuration=NerModelConfiguration(model_to_presidio_entity_mapping=labels),
    )
    setattr(engine, "nlp", {"en": language_pipeline()})  # noqa: B010 - declared as None only
    return "Presidio's default recognisers, our pipeline", engine


def _sample(labelled: Sequence[LabelledText]) -> list[str]:
    texts, length = [], 0
    for each in labelled:
        if length >= _STOCK_CHARS:
            break
        texts.append(each.text)
        length += len(each.text)
    return texts


def _of_length(prose: str, length: int) -> str:
    return (f"{prose}\n\n" * (length // (len(prose) + 2) + 1))[:length]


def _timed(name: str, find: Find, texts: Sequence[str]) -> Throughput:
    find(texts[0][:1_000])
    before = time.process_time()
    for text in texts:
        find(text)
    spent = time.process_time() - before
    return Throughput(name=name, n_chars=sum(map(len, texts)), cpu_seconds=round(spent, 3))
