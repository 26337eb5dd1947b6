"""Values that a line end cuts in two: found wherever the cut is, and not made out of what only stands side by side."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core.configuration import RedactionConfig
from prodgen_pipeline.core.redaction import detect

STRICT = RedactionConfig(policy="strict")
VALUES = {
    "CREDIT_CARD": "4111111111111111",
    "IBAN_CODE": "DE89370400440532013000",
    "EMAIL_ADDRESS": "k.oyelaran@northwind-mail.example.org",
}
#: A line end plain, with indentation, in quoted mail and in a comment.
BREAKS = ("\n", "\n    ", "\n> ", "\n# ")


@settings(max_examples=60, deadline=None)
@given(label=st.sampled_from(sorted(VALUES)), share=st.floats(0.25, 0.75), between=st.sampled_from(BREAKS))
def test_a_value_is_found_wherever_a_line_end_cuts_it(label, share, between):
    value = VALUES[label]
    cut = round(len(value) * share)
    text = f"Please note {value[:cut]}{between}{value[cut:]} for this order."
    covered = {
        position for span in detect(text, STRICT) if span.label == label for position in range(span.start, span.end)
    }
    first, last = text.index(value[:cut]), text.index(value[cut:] + " for")
    assert set(range(first, first + cut)) <= covered
    assert set(range(last, last + len(value) - cut)) <= covered


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.integers(10_000_000, 99_999_999), min_size=2, max_size=12))
def test_a_column_of_numbers_is_no_card(rows):
    text = "\n".join(str(row) for row in rows)
    assert not [span for span in detect(text, STRICT) if span.label == "CREDIT_CARD"]


@pytest.mark.parametrize(
    "text",
    [
        "Write to the team at support@\nthe office is closed.",
        "There were 12\n345 of them in stock.",
        "It grew by 4.5\nper cent a year since 1998.",
    ],
)
def test_words_and_numbers_on_both_sides_of_a_line_end_are_not_joined(text):
    found = [span for span in detect(text, STRICT) if "\n" in text[span.start : span.end]]
    assert found == []
