"""Word pieces and their places, on the real tokenizer of the installed model."""

import json
import unicodedata
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.clients.embedding.weights import TOKENIZER_FILE, weights_directory
from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer
from prodgen_pipeline.core.errors import ConfigurationError

TOKENIZER = WordPieceTokenizer.load()
TOKENS = {
    id: token
    for token, id in json.loads((weights_directory() / TOKENIZER_FILE).read_text("utf-8"))["model"]["vocab"].items()
}
# Cut at every second blank or so, where the product cuts every 50,000 characters.
IN_BLOCKS = WordPieceTokenizer.from_file(weights_directory() / TOKENIZER_FILE, block_chars=5)
ANY_TEXT = st.text(max_size=200)
LATIN_TEXT = st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHÄÖÜÉéèñç 0123456789.,;-'\n\t", max_size=200)


def test_loading_twice_gives_the_same_tokenizer():
    assert WordPieceTokenizer.load() is TOKENIZER


def test_a_long_text_is_not_truncated():
    assert TOKENIZER.count("word " * 5_000) == 5_000
    assert len(TOKENIZER.offsets("word " * 5_000)) == 5_000


def test_no_text_has_no_pieces():
    offsets = TOKENIZER.offsets("")
    assert offsets.shape == (0, 2)
    assert offsets.dtype == np.int32
    assert TOKENIZER.count("") == 0


@pytest.mark.parametrize(
    ("text", "slices"),
    [
        ("Hello, world", ["Hello", ",", "world"]),
        ("tokenizers", ["token", "izer", "s"]),
        ("un Café déjà", ["un", "Café", "dé", "jà"]),
        ("ﬁne 🙂 x\u200by", ["ﬁ", "ne", "🙂", "x", "y"]),
        ("한", ["한", "한", "한"]),
        ("a\x00b", ["a\x00b"]),
        ("[SEP]", ["[SEP]"]),
        ("é and e\u0301", ["é", "and", "e"]),
    ],
)
def test_offsets_are_characters_of_the_original_text(text, slices):
    assert [text[start:end] for start, end in TOKENIZER.offsets(text)] == slices


@settings(deadline=None, max_examples=100)
@given(ANY_TEXT)
def test_spans_are_ascending_and_inside_the_text(text):
    spans = TOKENIZER.offsets(text).tolist()
    assert len(spans) == TOKENIZER.count(text) == len(TOKENIZER.ids(text))
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(before[0] <= after[0] for before, after in pairwise(spans))


@settings(deadline=None, max_examples=100)
@given(LATIN_TEXT)
def test_each_span_holds_its_piece(text):
    for id, (start, end) in zip(TOKENIZER.ids(text), TOKENIZER.offsets(text), strict=True):
        plain = unicodedata.normalize("NFD", text[start:end].lower())
        assert "".join(c for c in plain if not unicodedata.combining(c)) == TOKENS[id].removeprefix("##")


@settings(deadline=None, max_examples=100)
@given(
    ANY_TEXT
    | LATIN_TEXT
    | st.text(alphabet="a한é\u0301\u200b\x1c ,;、。\n漢字、！\u3000\xa0।؟'#@/~", max_size=100)
    | st.lists(st.sampled_from(["[SEP]", "[UNK]", "[", "]", "a", "漢", "-", "\u0301"]), max_size=30).map("".join)
)
def test_cutting_a_text_into_blocks_changes_no_piece(text):
    assert IN_BLOCKS.ids(text) == TOKENIZER.ids(text)
    assert np.array_equal(IN_BLOCKS.offsets(text), TOKENIZER.offsets(text))


def test_a_text_beyond_one_block_keeps_its_offsets():
    text = "alpha beta\n" * 10_000
    assert {text[start:end] for start, end in TOKENIZER.offsets(text)} == {"alpha", "beta"}


@pytest.mark.parametrize("word", ["x", "ひ", "👩", "é"])
def test_a_word_of_any_length_is_a_few_unknown_pieces(word: str):
    assert 1 <= TOKENIZER.count(word * 200_000) <= 4


def test_a_lone_surrogate_does_not_shift_what_follows():
    assert TOKENIZER.offsets("a \udcff b").tolist() == [[0, 1], [4, 5]]


def test_a_batch_is_its_texts_one_by_one():
    texts = ["one", "", "two three"]
    assert [spans.tolist() for spans in TOKENIZER.offsets_batch(texts)] == [[[0, 3]], [], [[0, 3], [4, 9]]]


def test_a_damaged_tokenizer_file_is_a_configuration_error(tmp_path: Path):
    (tmp_path / TOKENIZER_FILE).write_text("{")
    with pytest.raises(ConfigurationError, match=r"tokenizer\.json is damaged"):
        WordPieceTokenizer.from_file(tmp_path / TOKENIZER_FILE)
