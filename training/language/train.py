"""Trains the English pipeline that the package carries, from folders of open data.

    python training/language/train.py --uner FOLDER --ewt FOLDER --gum FOLDER --btc FOLDER --wnut FOLDER
        --litbank FOLDER --faker FOLDER --prose FOLDER --out prodgen_pipeline/clients/language/model

README.md says which data, under which licences, and what the model scores. One seed gives one model.
"""

import argparse
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from passages import (
    Passage,
    joined,
    read_columns,
    read_gum,
    read_litbank,
    read_prose,
    read_tags,
    read_uner,
)
from templates import invented
from words import Stock, make_lexicon, read_stock

from prodgen_pipeline.clients.language.lexicon import Lexicon, write_lexicon
from prodgen_pipeline.clients.language.pipeline import blank_pipeline, pack

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.training import Example

SEED = 7
EPOCHS = 6
N_INVENTED = 14_000
N_PROSE = 3_000
#: Shares of passages shown in lower and in upper case instead of as they were written.
LOWERED, RAISED = 0.10, 0.05
BATCH_WORDS = 1_200
LEARN_RATE = 0.0015

_CAPITALISED = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpora:
    """Passages to learn from, by how they may be joined: those of a running text, and those that stand alone."""

    running: list[list[Passage]]
    single: list[Passage]


def read_corpora(folders: argparse.Namespace, stock: Stock) -> tuple[Corpora, Lexicon]:
    """Everything but the test sets: UNER's and GUM's test, and section F of the Broad Twitter Corpus."""
    tags = read_tags(sorted(folders.ewt.rglob("*.conllu")))
    uner = [
        list(read_uner(folders.uner / "en_ewt-ud-train.iob2", tags)),
        list(read_uner(folders.uner / "en_ewt-ud-dev.iob2", tags))[::2],
    ]
    gum = list(read_gum(folders.gum / "dep", test_documents(folders.gum / "splits.md")))
    btc = [each for name in "abegh" for each in read_columns(folders.btc / f"{name}.conll")]
    wnut = [each for path in sorted(folders.wnut.glob("*")) for each in read_columns(path)]
    novels = list(read_litbank(folders.litbank))
    lexicon = make_lexicon(stock, [*uner[0], *uner[1], *gum, *btc, *wnut, *novels])
    prose = list(read_prose(folders.prose, lambda text: has_name(text, lexicon), N_PROSE))
    lexicon = make_lexicon(stock, [*uner[0], *uner[1], *gum, *btc, *wnut, *novels, *prose])
    return Corpora(running=[*uner, gum, novels], single=[*btc, *wnut, *prose]), lexicon


def test_documents(splits: Path) -> frozenset[str]:
    """Names of GUM's test documents."""
    section = splits.read_text(encoding="utf-8").split("## test\n", 1)[1].split("\n## ", 1)[0]
    return frozenset(re.findall(r"GUM_\w+", section))


def has_name(text: str, lexicon: Lexicon) -> bool:
    """Whether a capitalised word inside a sentence is in a list of names and is not an English word."""
    return any(lexicon.is_name(word) for word in _CAPITALISED.findall(text))


def epoch_passages(corpora: Corpora, stock: Stock, epoch: int) -> list[Passage]:
    """What one epoch shows: sentences joined anew, text invented anew, cases drawn anew."""
    random = Random(SEED * 1_000 + epoch)  # noqa: S311  # not a secret
    passages = [*corpora.single, *invented(stock, N_INVENTED, SEED * 1_000 + epoch)]
    for running in corpora.running:
        passages += _in_groups(running, random)
    random.shuffle(passages)
    return [_cased(passage, random) for passage in passages]


def _in_groups(running: Sequence[Passage], random: Random) -> Iterator[Passage]:
    at = 0
    while at < len(running):
        size = random.choice((1, 1, 2, 3, 4))
        yield joined(running[at : at + size], random.choice((" ", " ", " ", " ", "\n", "\n\n", "  ")))
        at += size


def _cased(passage: Passage, random: Random) -> Passage:
    drawn = random.random()
    text = passage.text
    if drawn < LOWERED:
        text = text.lower()
    elif drawn < LOWERED + RAISED:
        text = text.upper()
    # Some letters change their number with their case; then nothing would stand where it stood.
    return replace(passage, text=text) if len(text) == len(passage.text) else passage


def example(nlp: "Language", passage: Passage) -> "Example":
    """The passage in the tokens that the pipeline itself makes; what fits no token is not taught."""
    from spacy.tokens import Doc
    from spacy.training import Example

    predicted = nlp.make_doc(passage.text)
    words = [token.text for token in predicted]
    spaces = [bool(token.whitespace_) for token in predicted]
    ends = {token.idx + len(token): token.i for token in predicted}
    starts = {token.idx: token.i for token in predicted}
    reference = Doc(predicted.vocab, words=words, spaces=spaces)
    if passage.sentences is not None:
        boundaries = {starts.get(at, -1) for at in passage.sentences} | {0}
        for token in reference:
            token.is_sent_start = token.i in boundaries
    for start, end, tag in passage.tags or ():
        if starts.get(start, -1) == ends.get(end, -2):
            reference[starts[start]].tag_ = tag
    named = [
        reference.char_span(start, end, label=label, alignment_mode="expand") for start, end, label in passage.names
    ]
    taken: set[int] = set()
    kept = []
    for span in named:
        if span is not None and not taken & set(range(span.start, span.end)):
            taken |= set(range(span.start, span.end))
            kept.append(span)
    reference.set_ents(kept)
    return Example(predicted, reference)


def batches(passages: Iterable[Passage]) -> Iterator[list[Passage]]:
    """Batches of about BATCH_WORDS words."""
    batch: list[Passage] = []
    n_words = 0
    for passage in passages:
        batch.append(passage)
        n_words += passage.text.count(" ") + 1
        if n_words >= BATCH_WORDS:
            yield batch
            batch, n_words = [], 0
    if batch:
        yield batch


def train(corpora: Corpora, stock: Stock, lexicon: Lexicon, n_epochs: int, out: Path) -> None:
    """Train, and write the weights averaged over all steps after each epoch; those of the last one are the model."""
    from spacy.util import fix_random_seed
    from thinc.api import Adam

    fix_random_seed(SEED)
    nlp = blank_pipeline(lexicon)
    first = epoch_passages(corpora, stock, 0)
    nlp.initialize(lambda: [example(nlp, passage) for passage in first[:4_000]])
    optimizer = Adam(LEARN_RATE, L2=0.01, L2_is_weight_decay=True, grad_clip=1.0, use_averages=True)
    n_steps = n_epochs * sum(1 for _ in batches(first))
    step, begun = 0, time.monotonic()
    for epoch in range(n_epochs):
        losses: dict[str, float] = {}
        for batch in batches(epoch_passages(corpora, stock, epoch)):
            optimizer.learn_rate = LEARN_RATE * min((step + 1) / 200, max(0.02, 1 - step / n_steps))
            nlp.update([example(nlp, passage) for passage in batch], drop=0.15, sgd=optimizer, losses=losses)
            step += 1
        told = ", ".join(f"{name} {loss:.0f}" for name, loss in losses.items())
        print(f"epoch {epoch}, step {step} of {n_steps}, {time.monotonic() - begun:.0f} s: {told}", file=sys.stderr)
        with nlp.use_params(optimizer.averages):
            pack(nlp, out / "weights.msgpack")


def main() -> None:
    """Read, train, write the model's files."""
    parser = argparse.ArgumentParser(description="Train the English pipeline.")
    for corpus in ("uner", "ewt", "gum", "btc", "wnut", "litbank", "faker", "prose", "out"):
        parser.add_argument(f"--{corpus}", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    folders = parser.parse_args()
    stock = read_stock(folders.faker)
    corpora, lexicon = read_corpora(folders, stock)
    folders.out.mkdir(parents=True, exist_ok=True)
    write_lexicon(lexicon, folders.out / "lexicon.txt")
    train(corpora, stock, lexicon, folders.epochs, folders.out)


if __name__ == "__main__":
    main()
