"""Pseudonyms in place of values, compared with presidio-anonymizer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import OperatorConfig, RecognizerResult

from prodgen_pipeline.core.errors import IntegrityError
from prodgen_pipeline.core.models import EntitySpan
from prodgen_pipeline.core.redaction import anonymize, normalise_value, pseudonym

ENGINE = AnonymizerEngine()
LABELS = ("EMAIL_ADDRESS", "PHONE_NUMBER", "US_SSN")


def span(start: int, end: int, label: str = "EMAIL_ADDRESS") -> EntitySpan:
    return EntitySpan(start=start, end=end, label=label, score=1.0)


@st.composite
def texts_with_spans(draw):
    """Values of one digit each between words, so that no two values touch: the engine joins those of one type."""
    words = draw(st.lists(st.text(alphabet="xyz \u00e9", min_size=1, max_size=5), min_size=1, max_size=6))
    text, spans = words[0], []
    for word in words[1:]:
        value = draw(st.text(alphabet="123", min_size=1, max_size=4))
        spans.append(span(len(text), len(text) + len(value), draw(st.sampled_from(LABELS))))
        text += value + "w" + word
    return text, spans


def tokens_for(text: str, spans: list[EntitySpan]) -> dict[tuple[str, str], str]:
    keys = sorted({(one.label, normalise_value(one.label, text[one.start : one.end])) for one in spans})
    return {key: pseudonym(key[0], f"{number:08x}", 8) for number, key in enumerate(keys)}


@settings(deadline=None, max_examples=60)
@given(texts_with_spans())
def test_the_result_is_that_of_presidio_anonymizer(text_with_spans):
    text, spans = text_with_spans
    tokens = tokens_for(text, spans)

    def put(label: str) -> OperatorConfig:
        # The engine tries an operator on the word PII before it starts.
        return OperatorConfig(
            "custom", {"lambda": lambda value: tokens.get((label, normalise_value(label, value)), "")}
        )

    operators = {label: put(label) for label in LABELS}
    results = [RecognizerResult(one.label, one.start, one.end, one.score) for one in spans]
    theirs = ENGINE.anonymize(text, results, operators)
    ours, placed = anonymize(text, spans, tokens)
    assert ours == theirs.text
    assert [(one.start, one.end) for one in placed] == sorted((item.start, item.end) for item in theirs.items)


@settings(deadline=None, max_examples=40)
@given(texts_with_spans())
def test_the_returned_spans_hold_the_tokens(text_with_spans):
    text, spans = text_with_spans
    tokens = tokens_for(text, spans)
    redacted, placed = anonymize(text, spans, tokens)
    assert [redacted[one.start : one.end] for one in placed] == [
        tokens[one.label, normalise_value(one.label, text[one.start : one.end])] for one in spans
    ]
    assert [one.label for one in placed] == [one.label for one in spans]


def test_values_side_by_side_keep_tokens_of_their_own():
    tokens = {
        ("EMAIL_ADDRESS", "a@x.org"): "<EMAIL_ADDRESS_0001>",
        ("EMAIL_ADDRESS", "b@x.org"): "<EMAIL_ADDRESS_0002>",
    }
    redacted, _ = anonymize("a@x.org b@x.org", [span(0, 7), span(8, 15)], tokens)
    assert redacted == "<EMAIL_ADDRESS_0001> <EMAIL_ADDRESS_0002>"


def test_a_value_without_a_token_stops_the_work_and_is_not_named():
    with pytest.raises(IntegrityError, match="EMAIL_ADDRESS at 0-7") as error:
        anonymize("a@x.org", [span(0, 7)], {})
    assert "a@x.org" not in str(error.value)


@pytest.mark.parametrize("spans", [[span(0, 3), span(2, 4)], [span(3, 4), span(0, 1)], [span(5, 9)], [span(2, 2)]])
def test_spans_out_of_order_or_outside_the_text_are_refused(spans):
    with pytest.raises(IntegrityError):
        anonymize("12345678", spans, tokens_for("123456789", spans))


@settings(deadline=None, max_examples=40)
@given(texts_with_spans(), st.permutations(["mask", "drop", "keep"]))
def test_masking_dropping_and_keeping_are_presidios_operators(text_with_spans, actions):
    text, spans = text_with_spans
    theirs = {
        "mask": OperatorConfig("mask", {"masking_char": "*", "chars_to_mask": 1000, "from_end": False}),
        "drop": OperatorConfig("redact"),
        "keep": OperatorConfig("keep"),
    }
    of_label = dict(zip(LABELS, actions, strict=True))
    results = [RecognizerResult(one.label, one.start, one.end, one.score) for one in spans]
    operators = {label: theirs[action] for label, action in of_label.items()}
    ours, placed = anonymize(text, spans, {}, of_label)
    assert ours == ENGINE.anonymize(text, results, operators).text
    assert len(placed) == len(spans)


def test_hashing_puts_what_was_made_for_the_value():
    made = {("EMAIL_ADDRESS", "a@x.org"): "5f3a"}
    assert anonymize("a@x.org!", [span(0, 7)], made, {"EMAIL_ADDRESS": "hash"})[0] == "5f3a!"


def test_an_unknown_action_leaves_nothing_in_clear():
    with pytest.raises(IntegrityError, match="no action 'hide' for the type EMAIL_ADDRESS"):
        anonymize("a@x.org", [span(0, 7)], {}, {"EMAIL_ADDRESS": "hide"})
