"""Spellings of one person, and who is meant by part of a name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core.redaction.aliases import grams, subjects
from prodgen_pipeline.core.redaction.person_names import agree, is_full, parse_name, people
from prodgen_pipeline.core.redaction.pseudonyms import normalise_value


def persons(*values: str) -> list[set[str]]:
    """The values of each person of one document; what holds an @ is an address."""
    found = subjects(
        {
            (label, normalise_value(label, value))
            for value in values
            for label in ["EMAIL_ADDRESS" if "@" in value else "PERSON"]
        }
    )
    return sorted(({value for _, value in each.values} for each in found), key=sorted)


@pytest.mark.parametrize(
    "spelling",
    ["Anna Schmidt", "anna schmidt", "ANNA  SCHMIDT", "Schmidt, Anna", "Dr. Anna Schmidt", "Schmidt, Dr. Anna",
     "Anna Schmidt, PhD", "Anna\nSchmidt", "An\u200bna Schmidt", "Anna Schmidt's", "\uff21nna Schmidt"],
)  # fmt: skip
def test_spellings_of_one_name_have_one_form(spelling: str) -> None:
    assert parse_name(spelling) == ("anna", "schmidt")


@pytest.mark.parametrize(
    ("one", "other"),
    [("Jürgen Müller", "Juergen Mueller"), ("José Núñez", "Jose Nunez"), ("Sean O'Brien", "Sean O\u2019Brien"),
     ("Kim Meyer-Landrut", "kim meyer-landrut"), ("Bjørn Weiß", "Bjorn Weiss")],
)  # fmt: skip
def test_accents_and_ways_of_writing_them_make_no_other_name(one: str, other: str) -> None:
    assert parse_name(one) == parse_name(other)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=30))
def test_every_text_has_a_form_that_case_does_not_change(text: str) -> None:
    assert len(parse_name(text)) >= 1
    assert parse_name(text.casefold()) == parse_name(text.casefold().casefold())
    assert is_full(parse_name(f"{text} b")) == is_full(parse_name(f"{text} b "))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.sampled_from(["ann", "a", "bo", "cole", "dr", "van", "x"]), min_size=1, max_size=4)))
def test_every_name_is_exactly_one_person_in_whatever_order(names: list[list[str]]) -> None:
    given_names = [tuple(name) for name in names]
    found = people(given_names)
    assert sorted(name for person in found for name in person.names) == sorted(set(given_names))
    assert [person.names for person in people(reversed(given_names))] == [person.names for person in found]


@settings(deadline=None, max_examples=60)
@given(*[st.lists(st.sampled_from(["ann", "a", "bo", "b", "cole"]), min_size=2, max_size=4).map(tuple)] * 2)
def test_agreeing_is_mutual(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert agree(one, other) == agree(other, one)
    assert agree(one, one)


def test_one_person_is_found_across_spellings_and_address_of_one_document() -> None:
    spellings = ["Dr. Anna Maria Schmidt", "anna schmidt", "Schmidt, Anna", "A. Schmidt", "Schmidt", "Anna",
                 "Anna.Schmidt@acme.org"]  # fmt: skip
    assert len(persons(*spellings)) == 1


@pytest.mark.parametrize(
    "address",
    ["anna.schmidt@x.org", "schmidt_anna@x.org", "aschmidt@x.org", "anna.m.schmidt99@x.org", "annaschmidt+q@x.org"],
)
def test_an_address_made_of_the_name_is_the_persons(address: str) -> None:
    assert len(persons("Anna Maria Schmidt", address)) == 1


@pytest.mark.parametrize("address", ["anna@x.org", "schmidt@x.org", "info@x.org", "anna.schulz@x.org"])
def test_an_address_that_says_less_is_nobodys(address: str) -> None:
    assert len(persons("Anna Schmidt", address)) == 2


def test_namesakes_stay_apart_and_what_could_be_either_is_neither() -> None:
    assert persons("Anna Schmidt", "Bert Schmidt", "Schmidt", "aschmidt@x.org") == [
        {"anna schmidt", "aschmidt@x.org"}, {"bert schmidt"}, {"schmidt"}]  # fmt: skip
    assert persons("Anna Maria Schmidt", "Anna Lena Schmidt", "Anna Schmidt", "anna.schmidt@x.org") == [
        {"anna lena schmidt"}, {"anna maria schmidt"}, {"anna schmidt"}, {"anna.schmidt@x.org"}]  # fmt: skip


def test_part_of_a_name_alone_is_a_value_of_its_own() -> None:
    assert persons("Anna") == [{"anna"}]
    assert persons("Anna", "van der Berg") == [{"anna"}, {"van der berg"}]
    assert persons("Jan van der Berg", "van der Berg") == [{"jan van der berg", "van der berg"}]


def test_the_words_of_a_question_are_bounded_and_the_longest_come_first() -> None:
    found = list(grams("what did anna maria schmidt order? " * 500))
    assert found[0].n_words == 4
    assert len(found) <= 4 * 128
    assert [each.n_words for each in found] == sorted((each.n_words for each in found), reverse=True)


def forms(text: str) -> set[str]:
    return {form for gram in grams(text) for form in gram.forms}


def test_names_addresses_and_numbers_of_a_question_are_looked_up_without_the_marks_around_them() -> None:
    text = 'Is (Anna Schmidt\'s) mail "Anna.Schmidt@Acme.org", or 030 / 1234-567?'
    assert {"anna schmidt", "anna.schmidt@acme.org", "0301234567"} <= forms(text)


def test_a_name_that_is_a_word_counts_only_where_it_can_be_no_other() -> None:
    assert "will" not in forms("Will it rain?") | forms("what will happen") | forms("So? Will it")
    assert "will" in forms("Did Will pay?")
    assert "will smith" in forms("will smith paid")


def test_a_pseudonym_is_not_looked_up() -> None:
    assert forms("<PERSON_7f3a>") == set()
