"""`redacted_documents`: personal values replaced by the tenant's own pseudonyms.

Values are found in workers; which token stands for a value is decided here, in the commit, where uniqueness can be
kept.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from psycopg.types.json import Jsonb

from prodgen_pipeline.core.configuration import RedactionConfig
from prodgen_pipeline.core.errors import DocumentRejected
from prodgen_pipeline.core.models import Element, ElementType, EntitySpan
from prodgen_pipeline.core.redaction import anonymize, normalise_value, pseudonym
from prodgen_pipeline.core.serialization import pack, unpack
from prodgen_pipeline.governance.secrets import PSEUDONYMS, value_key
from prodgen_pipeline.lifecycle.engine import Made
from prodgen_pipeline.lifecycle.pins import REDACTED, Pin
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.text_stages import element_row, made, read_elements
from prodgen_pipeline.storage import outputs, pseudonyms
from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.ledger import Due


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactTask:
    """Cleaned elements as JSON text, and the policy."""

    title: str | None
    elements: str
    config: RedactionConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """What was found in one document: spans element by element; the title is the last element."""

    title: str | None
    elements: str
    spans: list[list[EntitySpan]]


def detect_task(task: RedactTask) -> Detected:
    """Find entities in one document. Runs here or in a worker."""
    from prodgen_pipeline.core.redaction import detect_elements

    spans = detect_elements(_with_title(task.title, unpack(task.elements)), task.config)
    return Detected(title=task.title, elements=task.elements, spans=spans)


class Redaction:
    """Detects, assigns tokens, replaces."""

    name = REDACTED

    def compute(self, run: Run, pin: Pin, batch: Sequence[Due]) -> list[tuple[Due, Detected | DocumentRejected]]:
        """Find entities."""
        stored = read_elements(run, pin, "cleaned", batch)
        tasks = [
            RedactTask(title=each.title, elements=each.elements, config=pin.configuration.redaction) for each in stored
        ]
        return list(zip(batch, run.pool.map(detect_task, tasks), strict=True))

    def commit(self, tx: Transaction, run: Run, pin: Pin, results: Sequence[tuple[Due, Detected]]) -> list[Made]:
        """Replace every value by its token and write the redacted elements."""
        key = value_key(run.secret(PSEUDONYMS))
        unpacked = [(due, found, _with_title(found.title, unpack(found.elements))) for due, found in results]
        values = {value for _, found, elements in unpacked for value in _values(elements, found.spans)}
        keys = {value: (value[0], key(*value)) for value in values}
        assigned = pseudonyms.tokens_for(tx, list(keys.values()), pseudonym)
        tokens = {value: assigned[keys[value]] for value in values}
        rows, outcome = [], []
        for due, found, elements in unpacked:
            redacted, entities = _replace(elements, found.spans, tokens)
            title = redacted.pop().text if found.title is not None else None
            packed = pack(title, redacted)
            rows.append({**element_row(pin, due, packed), "entities": Jsonb(entities)})
            outcome.append(made(due, packed))
        outputs.write(tx, "redacted", rows)
        return outcome


def _with_title(title: str | None, elements: list[Element]) -> list[Element]:
    return elements if title is None else [*elements, Element(type=ElementType.TITLE, text=title)]


def _values(elements: Sequence[Element], spans: Sequence[Sequence[EntitySpan]]) -> set[tuple[str, str]]:
    return {
        (span.label, normalise_value(span.label, element.text[span.start : span.end]))
        for element, found in zip(elements, spans, strict=True)
        for span in found
    }


def _replace(
    elements: Sequence[Element], spans: Sequence[Sequence[EntitySpan]], tokens: dict[tuple[str, str], str]
) -> tuple[list[Element], list[dict[str, object]]]:
    redacted, entities = [], []
    for number, (element, found) in enumerate(zip(elements, spans, strict=True)):
        if found:
            text, placed = anonymize(element.text, found, tokens)
            redacted.append(replace(element, text=text))
            entities += [{"element": number, **asdict(span)} for span in placed]
        else:
            redacted.append(element)
    return redacted, entities
