"""Names, addresses and lists: what is a person and what only looks like one, what an address takes in."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core.configuration import RedactionConfig, TenantRedaction
from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.core.models import Element, ElementType, EntitySpan
from prodgen_pipeline.core.redaction import detect, detect_elements
from prodgen_pipeline.core.redaction.lexicon import is_given_name, is_ordinary, plain

PII = RedactionConfig(policy="pii")
STRICT = RedactionConfig(policy="strict")

PERSONS = [
    ("Guido van Rossum wrote it", "Guido van Rossum"),
    ("said Anna Schmidt.", "Anna Schmidt"),
    ("Please ask Mr. Brzęczyszczykiewicz", "Brzęczyszczykiewicz"),
    ("My name is Xqwzert", "Xqwzert"),
    ("my name is maria lopez", "maria lopez"),
    ("follow up with patricia desrosiers soon", "patricia desrosiers"),
    ("Dear Mark,", "Mark"),
    ("Author: Rose Young", "Rose Young"),
    ("From: Tal Zyxwv <tal@example.org>", "Tal Zyxwv"),
    ("Schmidt, Anna joined", "Schmidt, Anna"),
    ("we saw J. R. Miller there", "J. R. Miller"),
    ("It is Erzsébet Szöllősy's own", "Erzsébet Szöllősy"),
    ("Jo\u200bhn Smi\u200bth called", "Jo\u200bhn Smi\u200bth"),
]
NO_PERSONS = [
    "Python and Ruby, Julia or Java: Django wins. May it rain in April, Mark the page.",
    "The ThreadPool class calls Barry_method() and module.Anna and Guido.run().",
    "The Abstract Syntax Tree of Section 4 is in Table 5; see Rationale and Open Issues.",
    "Will the Page Grant be clear about the Case? Art is long.",
    "TypeError, ValueError and a KeyError in CPython; see PEP 484.",
    "Centres in New York, North Carolina and San Diego joined those in Viet Nam, Africa and the West Nile region.",
    "Cells were plated at OD 0.5 of a 1 in 20 dilution, up to 200 per plate.",
]
ADDRESSES = [
    ("We met at 12 Oak Street, Springfield, IL 62704.", "12 Oak Street, Springfield, IL 62704"),
    ("Send it to P.O. Box 123, Wellington 6011", "P.O. Box 123, Wellington 6011"),
    ("Office: Hauptstraße 5, 10115 Berlin, Germany", "Hauptstraße 5, 10115 Berlin, Germany"),
    ("at 36 rue de la Paix, 75002 Paris", "36 rue de la Paix, 75002 Paris"),
    ("Via Roma 12\n00184 Roma\nItaly", "Via Roma 12\n00184 Roma\nItaly"),
    ("she lives at Harjukuja 54, Tampere", "Harjukuja 54, Tampere"),
    ("Unit 7349 Box 6067\nDPO AE 99081", "Unit 7349 Box 6067\nDPO AE 99081"),
    ("Budapest, Király utca 15", "Király utca 15"),
    ("221b Baker Street\nApt. 4\nLondon NW1 6XE", "221b Baker Street\nApt. 4\nLondon NW1 6XE"),
]
NO_ADDRESSES = [
    "Step 3 of Section 4, PEP 8, Python 3, Level 2, Chapter 12 and Figure 7.",
    "In 5 Easy Ways: the Suite of tests has 300 cases in Unit 3.",
    "Release 3.12 of 2023 fixed 4 bugs on Windows 11.",
]


def values(text: str, spans: Sequence[EntitySpan], label: str) -> list[str]:
    return [text[span.start : span.end] for span in spans if span.label == label]


@pytest.mark.parametrize(("text", "name"), PERSONS)
def test_a_person_is_found_by_the_lists_or_by_what_stands_around_the_name(text, name):
    assert values(text, detect(text, PII), "PERSON") == [name]


def test_a_word_of_a_name_is_nobody_within_a_place():
    text = "Diego Rivera painted in San Diego. Later Diego moved to New York, where Mr. York met Mary Jane York."
    assert values(text, detect(text, PII), "PERSON") == ["Diego Rivera", "Diego", "York", "Mary Jane York"]


@pytest.mark.parametrize("word", ["Influenza", "In\ufb02uenza"])
def test_a_word_that_the_text_also_writes_small_is_nobodys_name(word):
    text = f"{word} Maria Santos wrote. {word} strains vary. Most {word.lower()} is seasonal."
    assert f"{word} strains" not in " ".join(values(text, detect(text, PII), "PERSON"))
    assert [span.start for span in detect(text, PII)] == [0]


@pytest.mark.parametrize("text", NO_PERSONS)
def test_what_only_looks_like_a_name_is_left_alone(text):
    assert detect(text, PII) == []


@pytest.mark.parametrize(("text", "address"), ADDRESSES)
def test_an_address_is_found_whole_over_its_lines(text, address):
    assert values(text, detect(text, PII), "STREET_ADDRESS") == [address]


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_words_and_numbers_are_no_address(text):
    assert values(text, detect(text, PII), "STREET_ADDRESS") == []


def test_strict_takes_places_organisations_groups_and_titles_and_pii_leaves_them():
    text = "The French office of Zyxware Inc. in Lisbon hired a mechanical engineer."
    assert {span.label for span in detect(text, STRICT)} >= {"GROUP", "ORGANIZATION", "LOCATION"}
    assert detect(text, PII) == []


def test_a_type_of_a_stricter_policy_can_be_wanted_alone():
    text = "We moved to Lisbon on Monday, 2001-07-03."
    assert {span.label for span in detect(text, RedactionConfig(also=("LOCATION",)))} == {"LOCATION"}
    assert {span.label for span in detect(text, RedactionConfig(also=("DATE_TIME",)))} == {"DATE_TIME"}


def test_a_family_name_is_known_in_the_whole_document_once_its_full_name_was_read():
    texts = ("Wolfgang Zyxwvut wrote this.", "The report by Zyxwvut is new.", "class Zyxwvut(Base): pass")
    elements = [Element(type=ElementType.PARAGRAPH, text=text) for text in texts]
    found = detect_elements(elements, PII)
    assert [values(text, spans, "PERSON") for text, spans in zip(texts, found, strict=True)] == [
        ["Wolfgang Zyxwvut"],
        ["Zyxwvut"],
        [],
    ]


def test_a_column_of_names_holds_persons_and_its_neighbour_does_not():
    table = Element(
        type=ElementType.TABLE, text="Employee\tSystem\nZyx Wvut\tZyx Core\nQwe Rtyu\tQwe Core", has_header=True
    )
    [found] = detect_elements([table], PII)
    assert values(table.text, found, "PERSON") == ["Zyx Wvut", "Qwe Rtyu"]


class Reader:
    """A language pipeline that knows one name."""

    def __init__(self, name: str, label: str = "PERSON", score: float = 0.9) -> None:
        self.name, self.label, self.score = name, label, score
        self.read: list[str] = []

    def __call__(self, texts: Sequence[str]) -> list[list[EntitySpan]]:
        self.read += texts
        places = [[at for at in range(len(text)) if text.startswith(self.name, at)] for text in texts]
        return [
            [
                EntitySpan(start=at, end=at + len(self.name), label=self.label, score=self.score, rule="reader")
                for at in each
            ]
            for each in places
        ]


def test_the_pipeline_is_shown_what_the_rules_leave_open_and_its_names_count():
    reader = Reader("Zyxw Vutsr")
    text = "An ordinary sentence.\n\nOne fine day Zyxw Vutsr came along."
    assert values(text, detect(text, PII, reader), "PERSON") == ["Zyxw Vutsr"]
    assert len(reader.read) == 1
    assert "ordinary" not in reader.read[0]


def test_the_pipeline_is_not_asked_where_nothing_is_open():
    reader = Reader("x")
    detect("An ordinary sentence about ann@example.org and Guido van Rossum.", PII, reader)
    assert reader.read == []


def test_the_same_words_are_read_a_few_times_however_long_the_text_is():
    reader = Reader("nothing")
    detect("\n\n".join(["Then Zyxw Vutsr came along again."] * 500), PII, reader)
    assert len(reader.read) <= 4


@pytest.mark.parametrize("name", ["Zyxw", "ZyxwPool", "Dictionary", "JSON"])
def test_the_pipeline_is_not_believed_against_the_form_of_a_word(name):
    text = f"Then Zyxw Vutsr {name} came along."
    assert detect(text, PII, Reader(name)) == []


def test_places_of_the_pipeline_count_where_they_are_wanted():
    text = "They walked to Zyxw Vutsr in the evening."
    reader = Reader("Zyxw Vutsr", "LOCATION")
    assert detect(text, PII, reader) == []
    assert values(text, detect(text, RedactionConfig(also=("LOCATION",)), reader), "LOCATION") == ["Zyxw Vutsr"]


def test_allowed_values_are_never_personal_and_denied_ones_always_are():
    config = RedactionConfig(
        policy="secrets",
        allow=("guido VAN rossum", "/.*@python\\.org/"),
        deny={"PROJECT": ("Blue Bird", "/BB-\\d+/")},
    )
    text = "Guido van Rossum, dev@python.org, ann@acme.org: blue\nbird is BB-12, not bluebirds"
    pii = RedactionConfig(policy="pii", allow=config.allow, deny=config.deny)
    labels = [(span.label, text[span.start : span.end]) for span in detect(text, pii)]
    assert labels == [("EMAIL_ADDRESS", "ann@acme.org"), ("PROJECT", "blue\nbird"), ("PROJECT", "BB-12")]
    assert [span.label for span in detect(text, config)] == ["PROJECT", "PROJECT"]


def test_the_lists_of_one_tenant_are_not_those_of_another():
    config = RedactionConfig(
        allow=("a",),
        tenants={"acme": TenantRedaction(allow=("b",), deny={"CODE": ("c",)}), "other": TenantRedaction(allow=("d",))},
    )
    assert config.for_tenant("acme") == RedactionConfig(allow=("a", "b"), deny={"CODE": ("c",)})
    assert config.for_tenant("nobody") == RedactionConfig(allow=("a",))


def test_a_threshold_can_be_set_for_one_type():
    text = "Anna Schmidt, ann@acme.org"
    config = RedactionConfig(thresholds={"PERSON": 0.9})
    assert {span.label for span in detect(text, config)} == {"EMAIL_ADDRESS"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"thresholds": {"PERSON": -0.1}}, "thresholds.PERSON is -0.1"),
        ({"actions": {"PERSON": "burn"}}, "token, mask, drop, hash, keep"),
        ({"also": ("organization",)}, "no type of entity"),
        ({"allow": ("x", "/(/")}, "entry 2 of allow is no regular expression"),
        ({"deny": {"A": ("/x*/",)}}, "entry 1 of deny.A"),
        ({"deny": {"a b": ("x",)}}, "deny.a b is no type"),
        ({"allow": (" ",)}, "entry 1 of allow"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused_with_its_place(wrong, said):
    with pytest.raises(ConfigurationError, match=said):
        RedactionConfig(**wrong)


def test_letters_of_another_alphabet_do_not_hide_a_value():
    text = "write to \u0430nn.l\u0435e@acme.org"
    assert values(text, detect(text, PII), "EMAIL_ADDRESS") == ["\u0430nn.l\u0435e@acme.org"]


@pytest.mark.parametrize("gap", ["\n", "\t"])
def test_a_checked_number_is_found_across_a_line_or_a_cell(gap):
    text = f"card 4111 1111{gap}1111 1111 and GB56HXDO{gap}88167774656119"
    found = [(span.label, text[span.start : span.end]) for span in detect(text, PII)]
    assert found == [("CREDIT_CARD", f"4111 1111{gap}1111 1111"), ("IBAN_CODE", f"GB56HXDO{gap}88167774656119")]


def test_rows_of_numbers_are_no_card():
    assert detect("4000\t2001\t2002\t2008\n4000\t2001\t2002\t2006", PII) == []


def test_numbers_of_documents_of_any_country_are_found_beside_their_word():
    text = "Passport no. is K 8123 4567; national id: 85-010-12345; driving licence number 12AB34567"
    assert [text[span.start : span.end] for span in detect(text, PII)] == ["K 8123 4567", "85-010-12345", "12AB34567"]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([text for text, _ in PERSONS + ADDRESSES] + NO_PERSONS + ["\n\n", "\t"]), max_size=5))
def test_names_and_addresses_are_disjoint_and_inside_the_text(parts):
    text = " ".join(parts)
    for config in (PII, STRICT):
        spans = detect(text, config, Reader("Vutsr"))
        borders = [0, *(border for span in spans for border in (span.start, span.end)), len(text)]
        assert borders == sorted(borders)
        assert all(span.start < span.end for span in spans)


def test_the_lists_know_names_without_their_accents():
    assert plain("Szöllősy") == "szollosy"
    assert is_given_name(plain("Zoë"))
    assert is_ordinary("functions")
    assert not is_ordinary("guido")
