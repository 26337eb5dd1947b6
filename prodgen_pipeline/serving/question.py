"""A question made safe to search, embed and store: personal values become what the documents have in their place.

Belongs here: one question, and which form of it may go where. Does not: what counts as personal (`core.redaction`),
what names somebody (`core.redaction.aliases`), documents (`lifecycle.redaction`), the pipeline that finds names
(`clients.language`).

Recognisers find what has a form; names in short questions they mostly do not. So every one to four words are looked up
among the names of the tenant's documents, by keyed hash. A token means something only to who may see a text that has
it: to all others it is as unknown as a name of nobody, or any asker could find out whom the tenant's documents name.

A name that is found otherwise and is unknown finds nothing anyway, and one in a hundred questions has a word that only
looks like one (`the causes in Africa`, `Koch's postulates`): the documents are searched with it as it was asked, and it
is replaced where the question is kept or sent.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prodgen_pipeline.core.configuration import RedactionConfig
from prodgen_pipeline.core.models import EntitySpan
from prodgen_pipeline.core.ranking.lexical import terms
from prodgen_pipeline.core.redaction import anonymize, detect, normalise_value
from prodgen_pipeline.core.redaction.aliases import ALIAS, PERSON, Gram, forms_of, grams
from prodgen_pipeline.core.redaction.anonymization import HASH, TOKEN
from prodgen_pipeline.core.redaction.lexicon import is_name
from prodgen_pipeline.core.redaction.names import FindNames
from prodgen_pipeline.core.word_pieces import spoken
from prodgen_pipeline.governance.secrets import PSEUDONYMS, value_key
from prodgen_pipeline.storage import pseudonyms
from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.pseudonyms import Meant

Secret = Callable[[str], bytes]
Keyed = Callable[[str, str], bytes]

#: What tells best whom a form means comes first; a form that several have as a name of theirs means all of them.
_KINDS = (("name", "value"), ("form",), ("part",))
#: Found by what words look like, which is sometimes wrong; values of all other types have a form.
_NAMES = frozenset({PERSON, "LOCATION", "ORGANIZATION", "GROUP", "TITLE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a question: as it was asked, as documents are searched with it, as it may be kept."""

    asked: str
    searched: str
    kept: str


@dataclass(frozen=True, slots=True)
class RedactedQuestion:
    """A question in the forms in which it may go somewhere."""

    pieces: tuple[Piece, ...]

    @property
    def asked(self) -> str:
        """As it was asked: for the asker's own eyes, and for nothing that keeps or sends it."""
        return "".join(piece.asked for piece in self.pieces)

    @property
    def text(self) -> str:
        """What documents are searched with, in this process: values that they hold are tokens, others their type.

        Names that they do not hold stay as they were asked.
        """
        return "".join(piece.searched for piece in self.pieces)

    @property
    def kept(self) -> str:
        """What may be recorded and sent: `text` with type words for the names as well that no document holds."""
        return "".join(piece.kept for piece in self.pieces)

    @property
    def spoken(self) -> str:
        """What the embedder of this process sees: `text` with type words for tokens, as in chunks."""
        return spoken(self.text)

    def sent_with(self, texts: Collection[str]) -> str:
        """What an endpoint may be sent together with these texts: `kept`, with the names that stand in them anyway."""
        beside = "\n".join(texts)
        return "".join(
            piece.searched if piece.searched != piece.kept and _stands_in(beside, piece.searched) else piece.kept
            for piece in self.pieces
        )


def redact_question(
    tx: Transaction,
    text: str,
    config: RedactionConfig,
    secret: Secret,
    *,
    generation_id: int,
    names: FindNames | None = None,
) -> RedactedQuestion:
    """Replace the personal values of a question, and the names that documents of the generation have.

    `tx` is the reader's. A value that no document holds finds nothing anyway, so it needs no token and is not kept in
    any form. `names` is the language pipeline, which finds names that no list has; without it they may be kept.
    """
    text = _storable(text)
    # Below `strict` only a capitalised name is believed: a question in small letters would be read for nothing.
    reads = names is not None and (config.policy == "strict" or not text.islower())
    spans, words = detect(text, config, names if reads else None), list(grams(text))
    keyed = value_key(secret(PSEUDONYMS))
    found = _looked_up(tx, keyed, text, spans, words)
    doubtful = {gram: tuple(terms(gram.word(text))) for gram in words if _is_doubtful(gram, text)}
    asked = {term for each in doubtful.values() for term in each}
    shown = _seen(tx, generation_id, {each.token.lower() for each in found} | asked)
    # What documents have in clear is a word, though it is also in a name: `Influenza` in `Clark E. Influenza`.
    words = [gram for gram in words if gram not in doubtful or shown.isdisjoint(doubtful[gram])]
    held, seen = _Meanings(keyed, found), _Meanings(keyed, [each for each in found if each.token.lower() in shown])
    return RedactedQuestion(tuple(_pieces(text, _replaced(text, spans, words, config, held, seen))))


def _looked_up(
    tx: Transaction, keyed: Keyed, text: str, spans: Sequence[EntitySpan], words: Sequence[Gram]
) -> list[Meant]:
    """What the tenant knows of a question's values and words."""
    values = [(span.label, normalise_value(span.label, text[span.start : span.end])) for span in spans]
    forms = {form for gram in words for form in gram.forms}
    forms |= {form for span in spans for form in forms_of(span.label, text[span.start : span.end])}
    keys = [(label, keyed(label, value)) for label, value in values]
    return pseudonyms.meant(tx, keys, sorted(keyed(ALIAS, form) for form in forms))


def _seen(tx: Transaction, generation_id: int, terms: Collection[str]) -> set[str]:
    """Those that are in a text that the reader may see; asked always, so that it takes as long for no token."""
    return {
        row["term"] for row in tx.dicts("serving.seen_terms", generation_id=generation_id, terms=sorted(terms))
    }  # fmt: skip


class _Meanings:
    """The tokens that a question's values and words mean, by what was looked up."""

    def __init__(self, keyed: Keyed, found: Iterable[Meant]) -> None:
        self.keyed = keyed
        self._by_hash: dict[bytes, dict[str, set[str]]] = {}
        for each in found:
            self._by_hash.setdefault(each.found_by, {}).setdefault(each.kind, set()).add(each.token)

    def of_value(self, label: str, text: str) -> str | None:
        """The token of what a recogniser found."""
        own = self._by_hash.get(self.keyed(label, normalise_value(label, text)), {})
        return self._best(own) or self.of_forms(forms_of(label, text), is_doubtful=" " not in text)

    def of_forms(self, forms: Iterable[str], *, is_doubtful: bool) -> str | None:
        """The token, or the few tokens side by side, that words mean; doubtful ones only what is nobody else's."""
        for form in forms:
            meant = self._by_hash.get(self.keyed(ALIAS, form), {})
            if is_doubtful and len(set[str]().union(*meant.values())) > 1:
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
    text: str,
    spans: Sequence[EntitySpan],
    words: Sequence[Gram],
    config: RedactionConfig,
    held: _Meanings,
    seen: _Meanings,
) -> list[tuple[int, int, Piece]]:
    """Where recognisers found something and where the tenant's documents know the words, and what stands there."""
    known = list(_known(text, words, seen))
    put = [(span.start, span.end, _in_place(text, span, known, config, seen)) for span in spans]
    for (gram, token), is_seen in (
        *((each, True) for each in known),
        *((each, False) for each in _known(text, words, held)),
    ):
        if all(gram.end <= start or end <= gram.start for start, end, _ in put):
            asked = text[gram.start : gram.end]
            kept = token if is_seen else spoken(token)
            put.append((gram.start, gram.end, Piece(asked=asked, searched=token if is_seen else asked, kept=kept)))
    return sorted(put, key=lambda each: each[0])


def _known(text: str, words: Sequence[Gram], meanings: _Meanings) -> Iterator[tuple[Gram, str]]:
    """Words that mean somebody, with the token."""
    for gram in words:
        if (token := meanings.of_forms(gram.forms, is_doubtful=_is_doubtful(gram, text))) is not None:
            yield gram, token


def _is_doubtful(gram: Gram, text: str) -> bool:
    """Whether it is a word alone that no list has as a name and nothing else."""
    return gram.n_words == 1 and not is_name(gram.word(text))


def _pieces(text: str, replaced: Iterable[tuple[int, int, Piece]]) -> Iterator[Piece]:
    """The whole question, what stands between the replacements included."""
    position = 0
    for start, end, piece in replaced:
        between = text[position:start]
        yield Piece(asked=between, searched=between, kept=between)
        yield piece
        position = end
    yield Piece(asked=text[position:], searched=text[position:], kept=text[position:])


def _in_place(
    text: str, span: EntitySpan, known: Sequence[tuple[Gram, str]], config: RedactionConfig, meanings: _Meanings
) -> Piece:
    """What stands for one finding: as in documents, or its type in words where no document has it."""
    value = text[span.start : span.end]
    action = config.actions.get(span.label, TOKEN)
    plain = (span.label, normalise_value(span.label, value))
    if action == HASH:
        token: str | None = meanings.keyed(*plain).hex()
    else:
        token = meanings.of_value(span.label, value)
        if token is None and span.label == PERSON:
            # The recogniser took more for a name than the documents have.
            within = (each for gram, each in known if span.start <= gram.start and gram.end <= span.end)
            token = next(within, None)
    whole = EntitySpan(start=0, end=len(value), label=span.label, score=span.score)
    kept = anonymize(value, [whole], {plain: token or _type_words(span.label)}, config.actions)[0]
    stays = token is None and action == TOKEN and span.label in _NAMES
    return Piece(asked=value, searched=value if stays else kept, kept=kept)


def _stands_in(text: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE) is not None


def _type_words(label: str) -> str:
    return label.replace("_", " ").lower()


def _storable(text: str) -> str:
    """Without what neither the database nor the tokenizer can hold: NUL and lone surrogates."""
    return text.replace("\x00", " ").encode("utf-8", "replace").decode()
