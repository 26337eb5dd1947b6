"""Reads the corpora into passages: text with its names, and with tags and sentence boundaries where a corpus has them.

Belongs here: one reader per corpus. Does not: invented text (`templates`), training (`train`).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

LABELS = {
    "PER": "PERSON", "person": "PERSON",
    "LOC": "LOCATION", "GPE": "LOCATION", "FAC": "LOCATION", "location": "LOCATION", "place": "LOCATION",
    "ORG": "ORGANIZATION", "corporation": "ORGANIZATION", "group": "ORGANIZATION", "organization": "ORGANIZATION",
}  # fmt: skip

#: Genres of GUM whose texts are free for any use (CC BY, CC BY-SA); the others are for non-commercial use or unclear.
GUM_GENRES = ("academic", "bio", "court", "interview", "news", "voyage")

Spans = tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Text with spans `[start, end)` in characters."""

    text: str
    names: Spans
    #: Fine Penn Treebank tags; None where the corpus has none.
    tags: Spans | None = None
    #: First characters of sentences; None where the corpus has no boundaries.
    sentences: tuple[int, ...] | None = None


def joined(passages: Sequence[Passage], separator: str) -> Passage:
    """One passage of several, for sentence boundaries and context; None stays None if any part has None."""
    text, names, tags, sentences = "", [], [], []
    for each in passages:
        at = len(text)
        text += each.text + separator
        names += [(start + at, end + at, label) for start, end, label in each.names]
        tags += [(start + at, end + at, tag) for start, end, tag in each.tags or ()]
        sentences += [start + at for start in each.sentences or ()]
    return Passage(
        text=text.removesuffix(separator),
        names=tuple(names),
        tags=tuple(tags) if all(each.tags is not None for each in passages) else None,
        sentences=tuple(sentences) if all(each.sentences is not None for each in passages) else None,
    )


def laid_out(words: Sequence[str], text: str) -> list[tuple[int, int]]:
    """Where each word stands in the text."""
    places, at = [], 0
    for word in words:
        at = text.index(word, at)
        places.append((at, at + len(word)))
        at += len(word)
    return places


def spans_of(labels: Sequence[str], places: Sequence[tuple[int, int]]) -> Spans:
    """Spans of IOB2 labels; types that are not ours are left out."""
    spans: list[tuple[int, int, str]] = []
    for label, (start, end) in zip(labels, places, strict=True):
        kind = LABELS.get(label[2:])
        if kind is None:
            continue
        if label.startswith("I-") and spans and spans[-1][2] == kind and start - spans[-1][1] <= 1:
            spans[-1] = (spans[-1][0], end, kind)
        else:
            spans.append((start, end, kind))
    return tuple(spans)


def blocks(path: Path) -> Iterator[list[str]]:
    """Lines between blank lines."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for blank, group in groupby(lines, key=lambda line: not line.strip()):
        if not blank:
            yield list(group)


# --- UNER English EWT, with the tags of UD English EWT ---


def read_uner(path: Path, tags: dict[tuple[str, ...], list[str]]) -> Iterator[Passage]:
    """Sentences of one `.iob2` file in order; tags by the words of the sentence."""
    for block in blocks(path):
        text = next(line for line in block if line.startswith("# text = "))[9:]
        rows = [line.split("\t") for line in block if not line.startswith("#")]
        words = [row[1] for row in rows]
        places = laid_out(words, text)
        tagged = tags.get(tuple(words))
        yield Passage(
            text=text,
            names=spans_of([row[2] for row in rows], places),
            tags=None if tagged is None else _tagged(places, tagged),
            sentences=(0,),
        )


def _tagged(places: Sequence[tuple[int, int]], tags: Sequence[str]) -> Spans:
    return tuple((start, end, tag) for (start, end), tag in zip(places, tags, strict=True) if tag != "_")


def read_tags(paths: Iterable[Path]) -> dict[tuple[str, ...], list[str]]:
    """Tags of every sentence of CoNLL-U files, by its words."""
    found = {}
    for path in paths:
        for block in blocks(path):
            rows = [line.split("\t") for line in block if line[0].isdigit()]
            rows = [row for row in rows if row[0].isdigit()]
            found[tuple(row[1] for row in rows)] = [row[4] for row in rows]
    return found


# --- GUM ---

_ENTITY = re.compile(r"\((\d+)-([a-z]+)[^()]*(\)?)|(\d+)\)")
_JOINING = {"of", "the", "and", "&", "-", "'s", "for", "in"}


def read_gum(folder: Path, excluded: frozenset[str]) -> Iterator[Passage]:
    """Sentences of the free genres, in order; names are the proper nouns inside its entities."""
    for path in sorted(folder.glob("GUM_*.conllu")):
        if path.stem.split("_")[1] in GUM_GENRES and path.stem not in excluded:
            for block in blocks(path):
                yield _gum_sentence(block)


def _gum_sentence(block: list[str]) -> Passage:
    text = next(line for line in block if line.startswith("# text = "))[9:]
    rows = [row for row in (line.split("\t") for line in block if line[0].isdigit()) if row[0].isdigit()]
    words, tags = [row[1] for row in rows], [row[4] for row in rows]
    places = laid_out(words, text)
    named: list[str | None] = [None] * len(rows)
    names = []
    # The longest first: what a whole name covers is no other name.
    for first, last, kind in sorted(_gum_entities(rows), key=lambda entity: entity[0] - entity[1]):
        if kind not in LABELS:
            continue
        for start, end in _proper_runs(words, tags, first, last, kind):
            if not any(named[start : end + 1]):
                named[start : end + 1] = [kind] * (end + 1 - start)
                names.append((places[start][0], places[end][1], LABELS[kind]))
    return Passage(text=text, names=tuple(sorted(names)), tags=_tagged(places, tags), sentences=(0,))


def _gum_entities(rows: list[list[str]]) -> list[tuple[int, int, str]]:
    """First word, last word, kind of each entity of a sentence."""
    open_, found = [], []
    for number, row in enumerate(rows):
        field = next((part[7:] for part in row[9].split("|") if part.startswith("Entity=")), "")
        for match in _ENTITY.finditer(field):
            identity, kind, closed, closing = match.groups()
            if identity and closed:
                found.append((number, number, kind))
            elif identity:
                open_.append((identity, number, kind))
            else:
                at = next((i for i in range(len(open_) - 1, -1, -1) if open_[i][0] == closing), None)
                if at is not None:
                    _, start, kind = open_.pop(at)
                    found.append((start, number, kind))
    return found


def _proper_runs(
    words: Sequence[str], tags: Sequence[str], first: int, last: int, kind: str
) -> Iterator[tuple[int, int]]:
    """Runs of proper nouns in words first..last; places and organisations may have joining words inside."""
    joining = {"-"} if kind == "person" else _JOINING
    start = end = None
    for at in range(first, last + 2):
        proper = at <= last and tags[at] in ("NNP", "NNPS")
        if proper:
            start, end = (at if start is None else start), at
        elif start is not None and end is not None and (at > last or words[at].lower() not in joining):
            yield start, end
            start = end = None


# --- Broad Twitter Corpus, WNUT 2017 ---

_NO_SPACE_BEFORE = re.compile(r"^(?:[.,!?;:)\]%…]+|'\w{1,2}|n't|’\w{1,2})$")
_NO_SPACE_AFTER = frozenset("([@#$£")


def read_columns(path: Path) -> Iterator[Passage]:
    """Texts of a file of words and IOB2 labels; the names of accounts are not names."""
    for block in blocks(path):
        rows = [line.split("\t")[:2] for line in block if "\t" in line]
        rows = [[word.strip(), label] for word, label in rows if word.strip()]
        if rows:
            yield _written([row[0] for row in rows], _without_accounts(rows))


def _without_accounts(rows: list[list[str]]) -> list[str]:
    labels = [label for _, label in rows]
    for at, (word, _) in enumerate(rows):
        if word.startswith("@"):
            labels[at] = "O"
            if word == "@" and at + 1 < len(rows):
                labels[at + 1] = "O"
    return labels


def _written(words: Sequence[str], labels: Sequence[str]) -> Passage:
    """Words as a person would have written them."""
    text, places = "", []
    for word in words:
        if text and not _NO_SPACE_BEFORE.match(word) and text[-1] not in _NO_SPACE_AFTER:
            text += " "
        places.append((len(text), len(text) + len(word)))
        text += word
    return Passage(text=text, names=spans_of(labels, places))


# --- LitBank ---

_ARTICLES = (
    "the",
    "a",
    "an",
    "my",
    "his",
    "her",
    "our",
    "your",
    "their",
    "this",
    "that",
    "i",
    "he",
    "she",
    "you",
    "it",
)


def read_litbank(folder: Path) -> Iterator[Passage]:
    """Sentences of novels; an entity is a name if all its words are capitalised."""
    for path in sorted(folder.rglob("*.tsv")):
        for block in blocks(path):
            rows = [line.split("\t") for line in block]
            words = [row[0] for row in rows]
            labels = ["O"] * len(words)
            for layer in range(1, min(map(len, rows))):
                for start, end, kind in _runs([row[layer] for row in rows]):
                    if kind in LABELS and _capitalised(words[start:end]) and set(labels[start:end]) == {"O"}:
                        labels[start:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - start - 1)
            yield replace(_written(words, labels), sentences=(0,))


def _runs(labels: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    start = None
    for at, label in enumerate([*labels, "O"]):
        if start is not None and not label.startswith("I-"):
            yield start, at, labels[start][2:]
            start = None
        if label.startswith("B-"):
            start = at


def _capitalised(words: Sequence[str]) -> bool:
    return words[0].lower() not in _ARTICLES and all(
        word[0].isupper() or (0 < at < len(words) - 1 and word in ("of", "the", "-", "'s", "de", "and"))
        for at, word in enumerate(words)
    )


# --- Technical prose without names ---

_MARKUP = re.compile(r"^\s*(?:\.\.|:|>>>|[=~^\-*#+]{3,})")


def read_prose(folder: Path, has_name: Callable[[str], bool], n_passages: int) -> Iterator[Passage]:
    """Paragraphs of software documentation, spread over all files, that hold nothing that may be a name."""
    found = []
    for path in sorted(folder.rglob("*.rst")):
        for block in blocks(path):
            text = "\n".join(line for line in block if not _MARKUP.match(line)).strip()
            if 40 <= len(text) <= 1_000 and not has_name(text):
                found.append(Passage(text=text, names=()))
    yield from found[:: max(1, len(found) // n_passages)]
