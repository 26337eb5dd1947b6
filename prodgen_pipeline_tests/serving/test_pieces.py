"""Answers cut into sentences for streaming."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.serving.pieces import sentence_pieces


@pytest.mark.parametrize(
    ("answer", "pieces"),
    [
        ("One thing. [1] Another. [2]", ["One thing. [1] ", "Another. [2]"]),
        ("One thing [1]. Another [2][3].", ["One thing [1]. ", "Another [2][3]."]),
        ("a: 1 [1]\nb: 2 [2]", ["a: 1 [1]\n", "b: 2 [2]"]),
        ("Nothing was found.", ["Nothing was found."]),
        ("", []),
    ],
)
def test_a_piece_is_a_sentence_with_its_citations(answer: str, pieces: list[str]) -> None:
    assert sentence_pieces(answer) == pieces


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet="aB. \n[]12,!?", max_size=60))
def test_the_pieces_joined_are_the_answer(answer: str) -> None:
    assert "".join(sentence_pieces(answer)) == answer
