"""A corpus of any size drawn from a real one: documents of real sentences, and vectors that follow from theirs.

Belongs here: drawing texts and vectors. Does not: searching them (scaling, tenancy). What is drawn goes the whole way
through the pipeline; only the model is spared: a chunk's vector is the mean of those of its sentences, with noise,
which takes microseconds where the model takes milliseconds. So searches and the index meet the sizes, words,
frequencies and neighbourhoods of a real corpus, while nothing is said about embedding (`bench index`, `bench engine`).
"""

import random
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prodgen_pipeline.core.answering import sentences
from prodgen_pipeline.core.configuration import ParsingConfig
from prodgen_pipeline.core.errors import DocumentRejected, NotFound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from prodgen_pipeline.clients.embedding import Embedder

MAX_SENTENCES = 4_000
SENTENCE_WORDS = range(6, 41)
SENTENCES_PER_DOCUMENT = 60
#: Of a document's sentences, those that are about its own topic.
ON_TOPIC = 0.7
#: Length of the noise beside a unit vector.
NOISE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Sentences by the real document that they come from, most sentences first."""

    topics: tuple[tuple[str, ...], ...]

    @property
    def all_sentences(self) -> list[str]:
        """Each once."""
        return list(dict.fromkeys(sentence for topic in self.topics for sentence in topic))


def read_pool(folders: Mapping[str, Path]) -> Pool:
    """Take sentences from the documents of folders, evenly over them; raises NotFound where there are hardly any."""
    texts = [_text(path) for folder in folders.values() for path in sorted(folder.rglob("*")) if path.is_file()]
    found = [[s for s in sentences(text) if _usable(s)] for text in texts]
    found = sorted((each for each in found if len(each) >= 5), key=len, reverse=True)
    if len(found) < 5:
        raise NotFound("a corpus can be drawn from five documents of prose at least; name a larger FOLDER")
    room = max(5, MAX_SENTENCES // len(found))
    return Pool(topics=tuple(tuple(topic[:: max(1, len(topic) // room)][:room]) for topic in found))


def _text(path: Path) -> str:
    from prodgen_pipeline.clients.parsers import parse

    try:
        parsed = parse(path.read_bytes(), uri=path.name, config=ParsingConfig())
    except DocumentRejected:
        return ""
    return "\n\n".join(element.text for element in parsed.elements)


def _usable(sentence: str) -> bool:
    return len(sentence.split()) in SENTENCE_WORDS and sentence[0].isupper() and sentence.endswith(".")


def draw_documents(pool: Pool, n: int, *, n_sentences: int = SENTENCES_PER_DOCUMENT, seed: int = 7) -> Iterator[str]:
    """Yield `n` texts; the same arguments give the same texts, and no two of them are equal."""
    drawn = random.Random(seed)  # noqa: S311 - a corpus, not a secret
    weights = [1 / (rank + 5) for rank in range(len(pool.topics))]
    for number in range(n):
        topic = drawn.choices(pool.topics, weights)[0]
        chosen = [
            drawn.choice(topic if drawn.random() < ON_TOPIC else drawn.choice(pool.topics)) for _ in range(n_sentences)
        ]
        paragraphs = [" ".join(chosen[at : at + 6]) for at in range(0, len(chosen), 6)]
        yield f"Note {number}\n\n" + "\n\n".join(paragraphs) + "\n"


class DrawnVectors:
    """Vectors of drawn texts."""

    def __init__(self, pool: Pool, embedder: "Embedder") -> None:
        """Embed every sentence of the pool once."""
        known = pool.all_sentences
        self._of = dict(zip(known, embedder.embed(known), strict=True))
        self._dimensions = embedder.dimensions

    def __call__(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Return (n, dimensions) unit vectors; the same text has the same vector."""
        import numpy as np

        vectors: NDArray[np.float32] = np.stack([self._mean(text) for text in texts])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def _mean(self, text: str) -> "NDArray[np.float32]":
        import numpy as np

        held = [self._of[sentence] for sentence in sentences(text) if sentence in self._of]
        noise = np.random.default_rng(zlib.crc32(text.encode())).normal(size=self._dimensions).astype(np.float32)
        noise *= NOISE / np.linalg.norm(noise)
        return (np.mean(held, axis=0) if held else np.zeros(self._dimensions, np.float32)) + noise
