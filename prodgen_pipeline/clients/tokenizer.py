"""The embedding model's own tokenizer: text to word pieces, with their places in the text.

Chunk sizes are counted here, with the very pieces the embedder sees. How a text is cut into chunks stands in
`core.chunking`, what becomes of the ids in `clients.embedding`.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from prodgen_pipeline.clients.embedding.weights import TOKENIZER_FILE, weights_directory
from prodgen_pipeline.core.errors import ConfigurationError

#: Characters tokenised at once: an encoding takes some 200 bytes a piece, which a text of 50 MB could not afford, and
#: blocks of this size are a fifth faster than ten times larger ones (1.4 against 1.15 MB a CPU-second).
BLOCK_CHARS = 5_000
#: A text without a place to cut is one word to the model, unknown however long; it is cut after so many characters.
MAX_WORD_CHARS = 50_000
# Where a text may be cut without changing a piece: blanks end a word, and each of these marks and every Chinese
# character is a piece of its own. Not at all of `\s`: the tokenizer deletes \x1c to \x1f, which joins the words beside
# them. Not after "[", which may begin a special token.
_CUT = re.compile(r"[ \n\t\xa0\u3000!-/:-@\\-`{-~،؛؟۔।॥、。！？，；：「」…\u3400-\u4dbf\u4e00-\u9fff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class WordPieceTokenizer:
    """Word pieces of a text of any length; never truncates, never adds special tokens, uses one thread."""

    def __init__(self, tokenizer: Tokenizer, block_chars: int = BLOCK_CHARS) -> None:
        self._tokenizer = tokenizer
        self._block_chars = block_chars
        # The file brings truncation and padding to 128 with it; left on, chunks are silently counted wrong.
        tokenizer.no_truncation()
        tokenizer.no_padding()

    @classmethod
    def from_file(cls, path: Path, *, block_chars: int = BLOCK_CHARS) -> Self:
        """Read a `tokenizer.json`.

        Raises:
            ConfigurationError: it cannot be read.
        """
        try:
            return cls(Tokenizer.from_file(str(path)), block_chars)
        except Exception as error:  # the library raises nothing more precise
            raise ConfigurationError(f"{path} is damaged ({error}): install the embedding model again") from error

    @classmethod
    def load(cls) -> "WordPieceTokenizer":
        """Return the tokenizer of the installed embedding model, one per process."""
        return _installed()

    def offsets(self, text: str) -> NDArray[np.int32]:
        """Return the (n, 2) character spans `[start, end)` of the word pieces, starts ascending.

        Pieces of one character share its span ("한" is three). A word of more than 100 characters is one piece (one
        in `MAX_WORD_CHARS`), and characters the model does not see (blanks, control characters, lone combining marks)
        are in no span.
        """
        spans = [_spans(piece) + start for start, piece in self._encode(text)]
        return np.concatenate(spans) if spans else np.empty((0, 2), np.int32)

    def offsets_batch(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Return `offsets` of each text."""
        return [self.offsets(text) for text in texts]

    def count(self, text: str) -> int:
        """Return the number of word pieces."""
        return sum(len(piece) for _, piece in self._encode(text))

    def ids(self, text: str) -> list[int]:
        """Return the vocabulary ids of the word pieces."""
        return [id for _, piece in self._encode(text) for id in piece.ids]

    def _encode(self, text: str) -> Iterator[tuple[int, Encoding]]:
        # encode_batch would be twice as fast on two cores at the same CPU time, but its threads do not survive a fork.
        # A lone surrogate (an undecodable byte of a command line) cannot cross into the library.
        text = _SURROGATE.sub("\ufffd", text)
        start = 0
        while start < len(text):
            end = self._cut_after(text, start + self._block_chars)
            yield start, self._tokenizer.encode(text[start:end], add_special_tokens=False)
            start = end

    def _cut_after(self, text: str, position: int) -> int:
        cut = _CUT.search(text, position, position + MAX_WORD_CHARS)
        return cut.end() if cut else min(len(text), position + MAX_WORD_CHARS)


def _spans(encoding: Encoding) -> NDArray[np.int32]:
    # Three times as fast as making an array of the list of pairs, which was a tenth of the time of `offsets`.
    flat = np.fromiter(chain.from_iterable(encoding.offsets), np.int32, 2 * len(encoding))
    return flat.reshape(-1, 2)


@cache
def _installed() -> WordPieceTokenizer:
    return WordPieceTokenizer.from_file(weights_directory() / TOKENIZER_FILE)
