"""Disguises undone without losing the place."""

from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core.redaction.folding import MASK, fold


def test_ascii_text_is_returned_as_it_is():
    text = "plain"
    assert fold(text).text is text


def test_digits_blanks_and_hyphens_are_made_plain_one_for_one():
    assert fold("\uff11\u0662\u00a0\u2011\uff20").text == "12 -@"


def test_offsets_lead_back_over_invisible_characters():
    folded = fold("\ufeffa\u200b\u200bb\u00adc\u200b")
    assert folded.text == "abc"
    assert folded.original_span(0, 3) == (1, 7)
    assert folded.original_span(1, 2) == (4, 5)


def test_the_mask_cannot_be_smuggled_in():
    assert MASK not in fold(f"a{MASK}b").text


@settings(deadline=None, max_examples=80)
@given(st.text(alphabet="ab1\u200b\ufeff\u00ad\u00e9\u00a0\uff11\u0661", max_size=40))
def test_every_folded_character_stands_where_it_came_from(text):
    folded = fold(text)
    for place in range(len(folded.text)):
        start, end = folded.original_span(place, place + 1)
        assert end == start + 1
        assert fold(text[start:end]).text == folded.text[place]
