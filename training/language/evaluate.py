"""Scores the packed pipeline on text that it was not trained with.

    python training/language/evaluate.py --uner FOLDER --ewt FOLDER --btc FOLDER --prose FOLDER

A name counts as found only if its label and both its ends are right. Sets: UNER English EWT test; section F of the
Broad Twitter Corpus, names of accounts left out; and prose in which persons are listed for a person to judge.
"""

import argparse
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from passages import Passage, joined, read_columns, read_tags, read_uner

from prodgen_pipeline.clients.language import find_names, language_pipeline

LABELS = ("PERSON", "LOCATION", "ORGANIZATION")


def score_names(name: str, passages: Sequence[Passage]) -> None:
    """Print precision, recall and F1 by label, and how often findings of each score touch a name of their label."""
    right: Counter[str] = Counter()
    found: Counter[str] = Counter()
    there: Counter[str] = Counter()
    by_score: dict[tuple[str, float], list[bool]] = {}
    for passage, spans in zip(passages, find_names([each.text for each in passages], own=True), strict=True):
        names = {(start, end, label) for start, end, label in passage.names}
        there.update(label for _, _, label in names)
        for span in spans:
            if passage.text[max(0, span.start - 1)] == "@":
                continue
            hit = (span.start, span.end, span.label) in names
            found[span.label] += 1
            right[span.label] += hit
            touches = any(start < span.end and span.start < end for start, end, label in names if label == span.label)
            by_score.setdefault((span.label, span.score), []).append(touches)
    for label in LABELS:
        precision, recall = right[label] / max(1, found[label]), right[label] / max(1, there[label])
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        print(f"{name} {label}: precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f} of {there[label]}")
    for (label, score), hits in sorted(by_score.items()):
        print(f"  {label} with score {score}: {sum(hits) / len(hits):.2f} of {len(hits)} touch a name")


def score_covered(name: str, passages: Sequence[Passage]) -> None:
    """Print the share of the characters of persons' names that any finding covers: what redaction asks."""
    covered = n_chars = 0
    for passage, spans in zip(passages, find_names([each.text for each in passages], own=True), strict=True):
        inside = {at for span in spans for at in range(span.start, span.end)}
        for start, end, label in passage.names:
            if label == "PERSON":
                n_chars += end - start
                covered += len(inside & set(range(start, end)))
    print(f"{name}: {covered / max(1, n_chars):.3f} of the characters of persons' names are covered")


def score_grammar(sentences: Sequence[Passage]) -> None:
    """Print the accuracy of tags, and precision and recall of sentence starts, in texts of five sentences."""
    nlp = language_pipeline(own=True)
    right = n_tags = hit = marked = there = 0
    texts = [joined(sentences[at : at + 5], " ") for at in range(0, len(sentences), 5)]
    for text, doc in zip(texts, nlp.pipe(each.text for each in texts), strict=True):
        tags = {(start, end): tag for start, end, tag in text.tags or ()}
        for token in doc:
            if tag := tags.get((token.idx, token.idx + len(token))):
                n_tags += 1
                right += tag == token.tag_
        starts = {sentence.start_char for sentence in doc.sents}
        hit += len(starts & set(text.sentences or ()))
        marked, there = marked + len(starts), there + len(text.sentences or ())
    print(f"tags: {right / max(1, n_tags):.3f} right of {n_tags}")
    print(f"sentence starts: precision {hit / marked:.3f}, recall {hit / there:.3f}")


def count_persons(folder: Path, is_true: Callable[[str], bool]) -> None:
    """Print how many persons are found outside lines that name them, per 1,000 words, and the commonest."""
    lines = [line for path in sorted(folder.rglob("*.rst")) for line in path.read_text(encoding="utf-8").split("\n")]
    text = "\n".join(line for line in lines if not is_true(line))
    n_words = len(text.split())
    texts = text.split("\n\n")
    before = time.process_time()
    spans = find_names(texts, own=True)
    seconds = time.process_time() - before
    persons = [
        (each.score, text[each.start : each.end])
        for text, found in zip(texts, spans, strict=True)
        for each in found
        if each.label == "PERSON"
    ]
    print(f"prose: {len(persons)} persons in {n_words} words, {1_000 * len(persons) / n_words:.2f} per 1,000")
    print(f"prose: {n_words / seconds:,.0f} words per CPU-second, {1_000 * seconds / n_words * 1_000:.0f} ms per 1,000")
    for (score, name), times in Counter(persons).most_common(60):
        print(f"  {times} x {name} ({score})")


_AUTHOR_LINE = re.compile(
    r"^\s*(?:author|bdfl-delegate|pep-delegate|delegate|sponsor|discussions-to)s?:"
    r"|<?[\w.]+(?:@| at )[\w.]+>?|copyright",
    re.IGNORECASE,
)


def main() -> None:
    """Score everything that was given."""
    parser = argparse.ArgumentParser(description="Score the English pipeline.")
    for corpus in ("uner", "ewt", "btc", "prose"):
        parser.add_argument(f"--{corpus}", type=Path)
    parser.add_argument("--part", choices=("dev", "test"), default="test")
    folders = parser.parse_args()
    if folders.uner:
        tags = read_tags(sorted(folders.ewt.rglob("*.conllu"))) if folders.ewt else {}
        sentences = list(read_uner(folders.uner / f"en_ewt-ud-{folders.part}.iob2", tags))
        score_names("UNER", sentences[1::2] if folders.part == "dev" else sentences)
        score_covered("UNER", sentences)
        score_grammar(sentences)
    if folders.btc:
        tweets = list(read_columns(folders.btc / "f.conll"))
        score_names("BTC", tweets)
        score_covered("BTC", tweets)
    if folders.prose:
        count_persons(folders.prose, lambda line: bool(_AUTHOR_LINE.search(line)))


if __name__ == "__main__":
    main()
