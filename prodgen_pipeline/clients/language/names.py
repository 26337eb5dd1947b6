"""Finds the names of persons, places and organisations in texts.

Belongs here: which parts of a text are worth reading, and which findings are kept with what score. Does not: the
pipeline that reads (`selection`), names with a fixed form or a label before them (`core.redaction`).
"""

import re
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from prodgen_pipeline.clients.language.lexicon import COMMON_WORD, FIRST_NAME, LAST_NAME, PLACE, Lexicon
from prodgen_pipeline.clients.language.selection import language_pipeline, lexicon
from prodgen_pipeline.core.models import EntitySpan

if TYPE_CHECKING:
    from spacy.language import Language

PERSON, LOCATION, ORGANIZATION = "PERSON", "LOCATION", "ORGANIZATION"

_LABELS = {
    "PERSON": PERSON,
    "LOCATION": LOCATION,
    "GPE": LOCATION,
    "LOC": LOCATION,
    "FAC": LOCATION,
    "ORGANIZATION": ORGANIZATION,
    "ORG": ORGANIZATION,
}

#: About the share of findings that touched a name of their label on the half of UNER's dev part that is not trained on,
#: by label, by whether a word of it is in the lists of names, and by whether it has more than one word.
_SCORES = {
    (PERSON, True, True): 0.95,
    (PERSON, True, False): 0.75,
    (PERSON, False, True): 0.8,
    (PERSON, False, False): 0.55,
    (LOCATION, True, True): 0.9,
    (LOCATION, True, False): 0.9,
    (LOCATION, False, True): 0.8,
    (LOCATION, False, False): 0.8,
    (ORGANIZATION, True, True): 0.6,
    (ORGANIZATION, True, False): 0.75,
    (ORGANIZATION, False, True): 0.6,
    (ORGANIZATION, False, False): 0.75,
}

#: Sentences that follow each other are read together up to this many characters; a longer one is cut between words.
_MAX_PIECE = 1_000
_BATCH = 128

#: The end of a sentence, of a paragraph.
_BOUNDARY = re.compile(r"(?<=[.!?])[\"'”’)\]]?\s+(?=[\"'“‘(\[]?[^\W\d_a-z])|\n\s*\n")
_ABBREVIATED = re.compile(r"\b(?:[^\W\d_]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Rev|Hon|Gen|Col|Capt|Lt|Sgt|Sen|Rep|Gov|vs|No)\.$")
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_NAME_WORD = re.compile(r"[^\W\d_]+")
#: A name within one line, from a letter to a letter.
_IN_LINE = re.compile(r"[^\W_](?:[^\n\t]*[^\W_])?")
#: The end of a line that is only as long as the page is wide: the sentence goes on.
_WRAP = re.compile(r"(?<=[^\n]{60})\n(?=[^\W\d_])")
_POSSESSIVE = re.compile(r"['’][sS]$")
_IN_CODE = re.compile(r"[\d_/\\@=<>(){}\[\]|#:;+*`~^%$]|[a-z][A-Z][A-Za-z]*[A-Z]|\.\w*[a-z]{2}|--")

#: One text at a time: the pipeline's words are shared, and Python's lock lets only one thread compute anyway.
_reading = threading.Lock()


def find_names(texts: Sequence[str], *, own: bool = False) -> list[list[EntitySpan]]:
    """Names in each text, in order and disjoint; `own` asks for our pipeline even where another is installed.

    Labels are PERSON, LOCATION and ORGANIZATION. Work is linear in length: only sentences with a capitalised word that
    is not a common one, or with a word of the lists of names, are read.
    """
    words = lexicon()
    texts = [_WRAP.sub(" ", text) for text in texts]
    pieces = [(number, start, end) for number, text in enumerate(texts) for start, end in _worth_reading(text, words)]
    found: list[list[EntitySpan]] = [[] for _ in texts]
    if not pieces:
        return found
    with _reading:
        nlp = language_pipeline(own=own)
        rule = f"{nlp.meta['lang']}_{nlp.meta['name']}-{nlp.meta['version']}"
        read = nlp.pipe(
            (texts[number][start:end] for number, start, end in pieces), disable=_not_needed(nlp), batch_size=_BATCH
        )
        for (number, start, _), doc in zip(pieces, read, strict=True):
            for entity in doc.ents:
                if label := _LABELS.get(entity.label_):
                    first, last = start + entity.start_char, start + entity.end_char
                    found[number] += _kept(texts[number], first, last, label, rule, words)
    return found


def _not_needed(nlp: "Language") -> list[str]:
    return [name for name in nlp.pipe_names if name not in ("tok2vec", "transformer", "ner")]


def _worth_reading(text: str, words: Lexicon) -> Iterator[tuple[int, int]]:
    """Stretches of neighbouring sentences that may hold a name."""
    start = end = None
    for first, last in _sentences(text):
        if not _may_name(text[first:last], words):
            continue
        if start is not None and end == first and last - start <= _MAX_PIECE:
            end = last
            continue
        if start is not None and end is not None:
            yield start, end
        start, end = first, last
    if start is not None and end is not None:
        yield start, end


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Sentences with the space after them; they cover the text."""
    start = 0
    for boundary in _BOUNDARY.finditer(text):
        if not _ABBREVIATED.search(text, max(start, boundary.start() - 8), boundary.start()):
            yield from _cut(text, start, boundary.end())
            start = boundary.end()
    yield from _cut(text, start, len(text))


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The stretch in parts of at most `_MAX_PIECE` characters, between lines or words where there are any."""
    while end - start > _MAX_PIECE:
        limit = start + _MAX_PIECE
        cut = max(text.rfind("\n", start + _MAX_PIECE // 2, limit), text.rfind(" ", limit - 100, limit)) + 1
        cut = cut if cut > start else limit
        yield start, cut
        start = cut
    if end > start:
        yield start, end


def _may_name(sentence: str, words: Lexicon) -> bool:
    """Whether a word is capitalised and not merely common, or is in the lists of names and not common."""
    for match in _WORD.finditer(sentence):
        word = match.group()
        if word[0].isupper():
            # That common words are left aside reads a quarter less, finds the same persons and 2 % fewer organisations.
            if len(word) > 1 and words.classes(word) != COMMON_WORD:
                return True
        elif words.is_name(word):
            return True
    return False


def _kept(text: str, start: int, end: int, label: str, rule: str, words: Lexicon) -> Iterator[EntitySpan]:
    """What is left of a finding: line by line, without marks around it, nothing that looks like code."""
    for line in _IN_LINE.finditer(text, start, end):
        first, value = line.start(), _POSSESSIVE.sub("", line.group())
        if len(value) < 2 or _IN_CODE.search(value):
            continue
        score = _SCORES[label, _supported(value, label, words), " " in value]
        yield EntitySpan(start=first, end=first + len(value), label=label, score=score, rule=rule)


def _supported(value: str, label: str, words: Lexicon) -> bool:
    """Whether a word of it is in the lists of names, or of places."""
    listed = (PLACE,) if label == LOCATION else (FIRST_NAME, LAST_NAME)
    return any(kind in words.classes(word) for word in _NAME_WORD.findall(value) for kind in listed)
