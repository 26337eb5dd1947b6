"""A question made safe to search, embed and store: personal values become what the documents have in their place.

Belongs here: one question. Does not: what counts as personal (`core.redaction`), what names somebody
(`core.redaction.aliases`), documents (`lifecycle.redaction`).

Recognisers find what has a form; names in short questions they mostly do not. So every one to four words are looked up
among the names of the tenant's documents, by keyed hash.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prodgen_pipeline.core.configuration import RedactionConfig
from prodgen_pipeline.core.models import EntitySpan
from prodgen_pipeline.core.redaction import anonymize, detect, normalise_value
from prodgen_pipeline.core.redaction.aliases import ALIAS, PERSON, Gram, forms_of, grams
from prodgen_pipeline.core.redaction.anonymization import HASH, TOKEN
from prodgen_pipeline.core.word_pieces import spoken
from prodgen_pipeline.governance.secrets import PSEUDONYMS, value_key
from prodgen_pipeline.storage import pseudonyms
from prodgen_pipeline.storage.database import Transaction

Secret = Callable[[str], bytes]
Keyed = Callable[[str, str], bytes]

#: What tells best whom a form means comes first; a form that several have as a name of theirs means all of them.
_KINDS = (("name", "value"), ("form",), ("part",))


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactedQuestion:
    """What may be kept of a question."""

    #: Values that the tenant's documents hold are their tokens, all others their type in words.
    text: str
    #: What the embedder sees: type words only, as in chunks.
    spoken: str


def redact_question(tx: Transaction, text: str, config: RedactionConfig, secret: Secret) -> RedactedQuestion:
    """Replace the personal values of a question, and the names that the tenant's documents know.

    A value that no document holds finds nothing anyway, so it needs no token and is not kept in any form.
    """
    text = _storable(text)
    spans, words = detect(text, config), list(grams(text))
    redacted = _replaced(text, spans, words, config, _Meanings(tx, secret, text, spans, words))
    return RedactedQuestion(text=redacted, spoken=spoken(redacted))


class _Meanings:
    """The tokens that a question's values and words mean, looked up at once."""

    def __init__(
        self, tx: Transaction, secret: Secret, text: str, spans: Sequence[EntitySpan], words: Sequence[Gram]
    ) -> None:
        self.keyed: Keyed = value_key(secret(PSEUDONYMS))
        values = [(span.label, normalise_value(span.label, text[span.start : span.end])) for span in spans]
        forms = {form for gram in words for form in gram.forms}
        forms |= {form for span in spans for form in forms_of(span.label, text[span.start : span.end])}
        keys = [(label, self.keyed(label, value)) for label, value in values]
        found = pseudonyms.meant(tx, keys, sorted(self.keyed(ALIAS, form) for form in forms))
        self._by_hash: dict[bytes, dict[str, set[str]]] = {}
        for each in found:
            self._by_hash.setdefault(each.found_by, {}).setdefault(each.kind, set()).add(each.token)

    def of_value(self, label: str, text: str) -> str | None:
        """The token of what a recogniser found."""
        own = self._by_hash.get(self.keyed(label, normalise_value(label, text)), {})
        return self._best(own) or self.of_forms(forms_of(label, text), n_words=2 if " " in text else 1)

    def of_forms(self, forms: Iterable[str], *, n_words: int) -> str | None:
        """The token, or the few tokens side by side, that words mean; a word alone only what is nobody else's."""
        for form in forms:
            meant = self._by_hash.get(self.keyed(ALIAS, form), {})
            if n_words == 1 and len(set[str]().union(*meant.values())) > 1:
                continue
            if best := self._best(meant):
                return best
        return None

    @staticmethod
    def _best(meant: dict[str, set[str]]) -> str | None:
        for kinds in _KINDS:
            tokens = sorted(set[str]().union(*(meant.get(kind, set()) for kind in kinds)))
            if tokens:
                # As many as are looked up may be only some of them: so common a name names nobody.
                return " ".join(tokens) if len(tokens) < pseudonyms.FORM_TOKENS else None
        return None


def _replaced(
    text: str, spans: Sequence[EntitySpan], words: Sequence[Gram], config: RedactionConfig, meanings: _Meanings
) -> str:
    """The question with what recognisers found and what the tenant's documents know replaced."""
    known = [
        (gram, token) for gram in words if (token := meanings.of_forms(gram.forms, n_words=gram.n_words)) is not None
    ]
    put = [(span.start, span.end, _in_place(text, span, known, config, meanings)) for span in spans]
    for gram, token in known:
        if all(gram.end <= start or end <= gram.start for start, end, _ in put):
            put.append((gram.start, gram.end, token))
    pieces: list[str] = []
    position = 0
    for start, end, replacement in sorted(put):
        pieces += (text[position:start], replacement)
        position = end
    return "".join((*pieces, text[position:]))


def _in_place(
    text: str, span: EntitySpan, known: Sequence[tuple[Gram, str]], config: RedactionConfig, meanings: _Meanings
) -> str:
    """What stands for one finding: as in documents, or its type in words where no document has it."""
    value = text[span.start : span.end]
    action = config.actions.get(span.label, TOKEN)
    plain = (span.label, normalise_value(span.label, value))
    if action == HASH:
        tokens = {plain: meanings.keyed(*plain).hex()}
    else:
        token = meanings.of_value(span.label, value)
        if token is None and span.label == PERSON:
            # The recogniser took more for a name than the documents have.
            within = (each for gram, each in known if span.start <= gram.start and gram.end <= span.end)
            token = next(within, None)
        tokens = {plain: token or _type_words(span.label)}
    whole = EntitySpan(start=0, end=len(value), label=span.label, score=span.score)
    return anonymize(value, [whole], tokens, config.actions)[0]


def _type_words(label: str) -> str:
    return label.replace("_", " ").lower()


def _storable(text: str) -> str:
    """Without what neither the database nor the tokenizer can hold: NUL and lone surrogates."""
    return text.replace("\x00", " ").encode("utf-8", "replace").decode()
