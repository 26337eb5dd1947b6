"""Cleaning rules, by tables of cases, and the limits of cleaning."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core.cleaning import RULES, clean
from prodgen_pipeline.core.configuration import CleaningConfig
from prodgen_pipeline.core.errors import ConfigurationError, DocumentRejected
from prodgen_pipeline.core.models import Element, ElementType

CONFIG = CleaningConfig()


def paragraph(text: str, page: int | None = None) -> Element:
    return Element(type=ElementType.PARAGRAPH, text=text, page=page)


def cleaned(text: str, type: ElementType = ElementType.PARAGRAPH, rules: tuple[str, ...] = CONFIG.rules) -> str:
    kept, _ = clean([Element(type=type, text=text)], CleaningConfig(rules=rules))
    return kept[0].text if kept else ""


def test_the_default_configuration_names_every_rule():
    assert set(CONFIG.rules) == set(RULES)


@pytest.mark.parametrize(
    ("broken", "repaired"),
    [
        ("cafÃ© and naÃ¯ve", "café and naïve"),
        ("itâ€™s â€œquotedâ€\x9d â€“ 5 â‚¬", "it’s “quoted” – 5 €"),
        ("20 Â°C at Â§ 5", "20 °C at § 5"),
        ("ÃƒÂ© twice", "é twice"),
        ("Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "привет"),
        ("Å‚Ã³dÅº", "łódź"),
    ],
)
def test_mojibake_is_repaired(broken: str, repaired: str):
    assert cleaned(broken, rules=("encoding",)) == repaired


@pytest.mark.parametrize(
    "text",
    [
        "café naïve Über Ñandú",
        "«MAÇÃ»",
        "SÃO PAULO",
        "ESPAÑ”A",
        "日本語 — “quoted” … €5",
        "Привет, мир",
        "Å is a unit, Ä a letter",
    ],
)
def test_right_text_is_not_repaired(text: str):
    assert cleaned(text, rules=("encoding",)) == text


def test_a_listing_that_shows_mojibake_keeps_it():
    assert cleaned('assert fix("cafÃ©") == "café"', ElementType.CODE) == 'assert fix("cafÃ©") == "café"'


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("e\u0301", "é"),
        ("a\u200bb\ufeffc\u2060", "abc"),
        ("a\x00b\x07c\x1bd", "abcd"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("exam\xadple and exam\xad\n  ple", "example and example"),
        ("\u202eevil\u202c text", "evil text"),
        ("hidden\U000e0041\U000e0042 tags", "hidden tags"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("zero\u200cwidth", "zerowidth"),
        ("a lone \ud800 surrogate", "a lone  surrogate"),
        ("ﬁve oﬃces ﬂy", "five offices fly"),
    ],
)
def test_characters_that_do_not_show_are_dropped_and_the_others_composed(raw: str, expected: str):
    assert cleaned(raw, rules=("unicode", "control_characters", "ligatures")) == expected


@pytest.mark.parametrize(
    ("broken", "joined"),
    [
        ("an exam-\nple", "an example"),
        ("a long sen\u2010\n  tence", "a long sentence"),
        ("a well-\nknown fact", "a well-known fact"),
        ("state-of-the-\nart", "state-of-the-art"),
        ("pre- and post-processing", "pre- and post-processing"),
        ("long-\nand short-term", "long- and short-term"),
        ("COVID-\n19", "COVID-19"),
        ("Rolls-\nRoyce", "Rolls-Royce"),
        ("XML-\nlike", "XML-like"),
        ("risk-\nbased", "risk-based"),
        ("on-\nline, and on-line again", "on-line, and on-line again"),
        ("self-\nish is selfish", "selfish is selfish"),
        ("a dash -\nand more", "a dash - and more"),
    ],
)
def test_words_broken_at_line_ends_are_joined_and_compounds_keep_their_hyphen(broken: str, joined: str):
    assert cleaned(broken) == joined


@pytest.mark.parametrize("type", [ElementType.CODE, ElementType.TABLE, ElementType.MAIL_HEADER])
def test_only_prose_is_joined(type: ElementType):
    assert "exam-\nple" in cleaned("exam-\nple", type)


def test_white_space_collapses_in_prose_and_keeps_the_form_of_the_rest():
    assert cleaned("  two \n words\xa0 here ") == "two words here"
    assert cleaned("def f():\n    return  1", ElementType.CODE) == "def f():\n    return  1"
    assert cleaned("a  b\t c \n\nd\te", ElementType.TABLE) == "a b\tc\nd\te"
    assert cleaned("From: a\nTo:  b", ElementType.MAIL_HEADER) == "From: a\nTo: b"


def pages(n: int, header: str = "ACME manual", footer: str = "Page {n} of 9") -> list[Element]:
    return [
        element
        for page in range(1, n + 1)
        for element in (
            paragraph(header, page),
            *(paragraph(f"Body {page}.{line} says something of its own.", page) for line in range(5)),
            paragraph(footer.format(n=page), page),
        )
    ]


def test_lines_that_run_over_the_pages_are_dropped_and_counted():
    kept, report = clean(pages(4), CONFIG)
    assert report.counts["running_lines"] == 8
    assert len(kept) == 20
    assert all(element.text.startswith("Body") for element in kept)


def test_two_pages_are_too_few_to_tell():
    assert len(clean(pages(2), CONFIG)[0]) == 14


def test_lines_that_differ_in_more_than_a_page_number_stay():
    kept, _ = clean(pages(4, footer="Invoice {n}"), CONFIG)
    assert [element.text for element in kept if element.text.startswith("Invoice")] == [
        f"Invoice {n}" for n in range(1, 5)
    ]


def test_a_repeated_title_stays_once_and_a_repeated_table_always():
    title = Element(type=ElementType.TITLE, text="Safety", level=1)
    table = Element(type=ElementType.TABLE, text="a\tb")
    elements = [
        element
        for page in range(1, 5)
        for element in (replace(title, page=page), replace(table, page=page), paragraph(f"Text {page}.", page))
    ]
    kept, _ = clean(elements, CONFIG)
    assert [element.type for element in kept].count(ElementType.TITLE) == 1
    assert [element.type for element in kept].count(ElementType.TABLE) == 4


def test_what_repeats_in_the_middle_of_pages_stays():
    elements = [
        paragraph(text, page)
        for page in range(1, 5)
        for text in (f"a{page}", f"b{page}", "Note:", f"c{page}", f"d{page}")
    ]
    assert len(clean(elements, CONFIG)[0]) == 20


def test_empty_elements_are_dropped_and_counted_and_every_rule_reports():
    kept, report = clean([paragraph(" \u200b "), paragraph("text")], CONFIG)
    assert [element.text for element in kept] == ["text"]
    assert report.counts["empty"] == 1
    assert report.counts.keys() == {*CONFIG.rules, "empty"}
    assert (report.n_chars_before, report.n_chars_after) == (7, 4)


def test_a_document_that_loses_too_much_is_rejected_without_its_text():
    elements = [paragraph("\u200b" * 300 + "secret words")]
    with pytest.raises(DocumentRejected, match="control_characters") as raised:
        clean(elements, CONFIG)
    assert raised.value.reason == "cleaned_too_much"
    assert "secret" not in str(raised.value)


def test_white_space_and_small_documents_may_go():
    assert clean([paragraph("word" + " " * 5000 + "word")], CONFIG)[0][0].text == "word word"
    assert clean([paragraph("\u200b" * 100 + "x")], CONFIG)[0][0].text == "x"


def test_an_unknown_rule_is_named():
    with pytest.raises(ConfigurationError, match="'speling'"):
        clean([paragraph("x")], CleaningConfig(rules=("speling",)))


TEXTS = st.text(st.sampled_from("abÃ©â€™ﬁe\u0301-\n \t\u200b\xad“Ñ0.") | st.characters(), max_size=60)


ELEMENTS = st.builds(Element, type=st.sampled_from(ElementType), text=TEXTS, page=st.none() | st.integers(1, 4))


@settings(deadline=None, max_examples=150)
@given(st.lists(ELEMENTS, max_size=6), st.sampled_from([rule for rule in CONFIG.rules if rule != "running_lines"]))
def test_a_rule_leaves_alone_what_it_has_cleaned(elements: list[Element], rule: str):
    once, _ = RULES[rule](list(elements))
    assert RULES[rule](list(once)) == (once, 0)


@settings(deadline=None, max_examples=60)
@given(st.lists(ELEMENTS, max_size=6))
def test_what_is_left_is_visible_and_storable(elements: list[Element]):
    kept, report = clean(elements, CleaningConfig(max_lost_share=1.0))
    assert all(element.text.strip() for element in kept)
    assert not any("\x00" in element.text for element in kept)
    assert len(kept) + report.counts["empty"] + report.counts["running_lines"] == len(elements)
    "".join(element.text for element in kept).encode("utf-8")  # raises on a lone surrogate
