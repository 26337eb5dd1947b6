"""A question made safe to search, embed and store: personal values become what the documents have in their place.

Belongs here: one question. Does not: what counts as personal (`core.redaction`), documents (`lifecycle.redaction`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from prodgen_pipeline.core.configuration import RedactionConfig
from prodgen_pipeline.core.models import EntitySpan
from prodgen_pipeline.core.redaction import anonymize, detect, normalise_value
from prodgen_pipeline.core.word_pieces import spoken
from prodgen_pipeline.governance.secrets import PSEUDONYMS, value_key
from prodgen_pipeline.storage import pseudonyms
from prodgen_pipeline.storage.database import Transaction

Secret = Callable[[str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactedQuestion:
    """What may be kept of a question."""

    #: Values that the tenant's documents hold are their tokens, all others their type in words.
    text: str
    #: What the embedder sees: type words only, as in chunks.
    spoken: str


def redact_question(tx: Transaction, text: str, config: RedactionConfig, secret: Secret) -> RedactedQuestion:
    """Replace the personal values of a question; `secret` is asked only where there is one.

    A value that no document holds finds nothing anyway, so it needs no token and is not kept in any form.
    """
    text = _storable(text)
    spans = detect(text, config)
    redacted = anonymize(text, spans, _replacements(tx, text, spans, secret))[0] if spans else text
    return RedactedQuestion(text=redacted, spoken=spoken(redacted))


def _replacements(tx: Transaction, text: str, spans: list[EntitySpan], secret: Secret) -> dict[tuple[str, str], str]:
    key = value_key(secret(PSEUDONYMS))
    values = {(span.label, normalise_value(span.label, text[span.start : span.end])) for span in spans}
    keys = {value: key(*value) for value in values}
    known = pseudonyms.known_tokens(tx, list(keys.values()))
    return {(label, value): known.get((label, keys[label, value]), _type_words(label)) for label, value in values}


def _type_words(label: str) -> str:
    return label.replace("_", " ").lower()


def _storable(text: str) -> str:
    """Without what neither the database nor the tokenizer can hold: NUL and lone surrogates."""
    return text.replace("\x00", " ").encode("utf-8", "replace").decode()
