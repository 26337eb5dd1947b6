"""`redacted_documents`: personal values replaced by the tenant's own pseudonyms, their originals in the vault.

Values are found in workers; which token stands for a value is decided here, in the commit, where uniqueness can be
kept (`pseudonymization`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from psycopg.types.json import Jsonb

from prodgen_pipeline.core.configuration import RedactionConfig
from prodgen_pipeline.core.errors import DocumentRejected
from prodgen_pipeline.core.models import Element, ElementType, EntitySpan
from prodgen_pipeline.core.redaction import VERSION, anonymize, normalise_value
from prodgen_pipeline.core.redaction.aliases import Value
from prodgen_pipeline.core.redaction.anonymization import HASH, TOKEN
from prodgen_pipeline.core.serialization import pack, unpack
from prodgen_pipeline.governance import vault
from prodgen_pipeline.governance.secrets import PSEUDONYMS, value_key
from prodgen_pipeline.lifecycle.engine import Made
from prodgen_pipeline.lifecycle.pins import REDACTED, Pin
from prodgen_pipeline.lifecycle.pseudonymization import Keyed, assign
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.text_stages import element_row, made, read_elements
from prodgen_pipeline.storage import outputs
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
    from prodgen_pipeline.clients.language import find_names
    from prodgen_pipeline.core.redaction import detect_elements

    spans = detect_elements(_with_title(task.title, unpack(task.elements)), task.config, find_names)
    return Detected(title=task.title, elements=task.elements, spans=spans)


class Redaction:
    """Detects, assigns tokens, replaces, keeps the originals."""

    name = REDACTED

    def compute(self, run: Run, pin: Pin, batch: Sequence[Due]) -> list[tuple[Due, Detected | DocumentRejected]]:
        """Find entities."""
        stored = read_elements(run, pin, "cleaned", batch)
        config = pin.configuration.redaction.for_tenant(run.tenant.name)
        tasks = [RedactTask(title=each.title, elements=each.elements, config=config) for each in stored]
        return list(zip(batch, run.pool.map(detect_task, tasks), strict=True))

    def commit(self, tx: Transaction, run: Run, pin: Pin, results: Sequence[tuple[Due, Detected]]) -> list[Made]:
        """Replace every value as its type's action says and write the redacted elements."""
        keyed = value_key(run.secret(PSEUDONYMS))
        actions = pin.configuration.redaction.actions
        texts = [_Text(_with_title(found.title, unpack(found.elements)), found.spans) for _, found in results]
        assigned = assign(tx, keyed, [text.values(actions, TOKEN) for text in texts])
        rows, outcome, originals = [], [], set[tuple[str, str]]()
        for (due, found), text, tokens in zip(results, texts, assigned, strict=True):
            originals |= {(tokens[value], spelling) for value, spelling in text.found(actions, TOKEN)}
            redacted, entities = _replace(text, tokens | _hashes(keyed, text.values(actions, HASH)), actions)
            title = redacted.pop().text if found.title is not None else None
            packed = pack(title, redacted)
            rows.append({**element_row(pin, due, packed), "entities": Jsonb(entities)})
            outcome.append(made(due, packed))
        vault.keep_originals(tx, run.secret, originals)
        outputs.write(tx, "redacted", rows)
        return outcome


@dataclass(frozen=True, slots=True)
class _Text:
    """One document's elements, and what was found in each."""

    elements: Sequence[Element]
    spans: Sequence[Sequence[EntitySpan]]

    def found(self, actions: Mapping[str, str], action: str) -> Iterator[tuple[Value, str]]:
        """Values and how they are spelled, of the types that this is done with."""
        for element, spans in zip(self.elements, self.spans, strict=True):
            for span in spans:
                if actions.get(span.label, TOKEN) == action:
                    spelling = element.text[span.start : span.end]
                    yield (span.label, normalise_value(span.label, spelling)), spelling

    def values(self, actions: Mapping[str, str], action: str) -> set[Value]:
        """The same without spellings, each once."""
        return {value for value, _ in self.found(actions, action)}


def _hashes(keyed: Keyed, values: set[Value]) -> dict[Value, str]:
    return {value: keyed(*value).hex() for value in values}


def _with_title(title: str | None, elements: list[Element]) -> list[Element]:
    return elements if title is None else [*elements, Element(type=ElementType.TITLE, text=title)]


def _replace(
    text: _Text, tokens: Mapping[Value, str], actions: Mapping[str, str]
) -> tuple[list[Element], list[dict[str, object]]]:
    """The redacted elements, and the record of what was replaced: where, by which rule and version, never the value."""
    redacted, entities = [], []
    for number, (element, found) in enumerate(zip(text.elements, text.spans, strict=True)):
        if not found:
            redacted.append(element)
            continue
        after, placed = anonymize(element.text, found, tokens, actions)
        redacted.append(replace(element, text=after))
        for span in placed:
            action = actions.get(span.label, TOKEN)
            token = {"token": after[span.start : span.end]} if action == TOKEN else {}
            entities.append({"element": number, **asdict(span), "version": VERSION, "action": action, **token})
    return redacted, entities
