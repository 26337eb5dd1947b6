"""Who is named where, and what falls with them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core import erasing
from prodgen_pipeline.core.errors import UsageError
from prodgen_pipeline.core.models import Element, ElementType

WORDS = st.lists(st.text(alphabet="abcdefgh", min_size=3, max_size=8), min_size=1, max_size=3)


@pytest.mark.parametrize(
    ("identifier", "text"),
    [
        ("Anna Schmidt", "by ANNA\n   schmidt, at noon"),
        ("Anna Schmidt", "Schmidt, Anna (b. 1980)"),
        ("anna.schmidt@example.org", "write to Anna.Schmidt@example.org."),
        ("+44 20 7946 0958", "call 44(20)7946-0958 now"),
        ("Anna Schmidt", "An\u200bna\u00a0Schmidt"),
    ],
)
def test_an_identifier_is_found_however_it_is_written(identifier: str, text: str) -> None:
    who = erasing.subject([identifier])
    assert who.named_in(text)
    assert erasing.ERASED in erasing.erase_text(text, who)
    wanted = erasing.forms(identifier)
    assert set(erasing.forms_in(text, set(wanted.values()))) & set(wanted)


@pytest.mark.parametrize("text", ["Hanna Schmidtke", "Anna and Schmidt's neighbour", "Anna", "Schmidt"])
def test_somebody_else_is_not_taken_for_the_subject(text: str) -> None:
    assert not erasing.subject(["Anna Schmidt"]).named_in(text)
    assert not set(erasing.forms_in(text, {2})) & set(erasing.forms("Anna Schmidt"))


def test_a_subject_of_two_letters_is_refused() -> None:
    with pytest.raises(UsageError):
        erasing.forms("a-b")


def test_other_values_fall_with_the_subject_unless_another_person_stands_there() -> None:
    elements = [
        Element(type=ElementType.PARAGRAPH, text="<PERSON_aaaa> called from <PHONE_NUMBER_bbbb>."),
        Element(type=ElementType.PARAGRAPH, text="<PERSON_aaaa> met <PERSON_cccc> at <PHONE_NUMBER_dddd>."),
        Element(type=ElementType.TABLE, text="<PERSON_aaaa>\t<PHONE_NUMBER_bbbb>\n<PERSON_cccc>\t<PHONE_NUMBER_dddd>"),
    ]
    entities = [
        {
            "element": n,
            "start": element.text.index(token),
            "end": element.text.index(token) + len(token),
            "token": token,
        }
        for n, element in enumerate(elements)
        for token in sorted(erasing.tokens_in(element.text))
    ]
    who = erasing.subject([], ["<PERSON_aaaa>"])
    title, changed, kept = erasing.erase_elements("Of <PERSON_aaaa>", elements, entities, who)
    assert title == "Of <ERASED>"
    assert [each.text for each in changed] == [
        "<ERASED> called from <ERASED>.",
        "<ERASED> met <PERSON_cccc> at <PHONE_NUMBER_dddd>.",
        "<ERASED>\t<ERASED>\n<PERSON_cccc>\t<PHONE_NUMBER_dddd>",
    ]
    for entity in kept:
        assert changed[entity["element"]].text[entity["start"] : entity["end"]] == entity["token"]
    assert len(kept) == 4


@settings(deadline=None, max_examples=60)
@given(before=st.text(max_size=20), words=WORDS, after=st.text(max_size=20))
def test_what_was_erased_is_named_no_more_and_erasing_again_changes_nothing(
    before: str, words: list[str], after: str
) -> None:
    identifier = " ".join(words)
    who = erasing.subject([identifier])
    text = f"{before} {identifier} {after}"
    assert who.named_in(text)
    erased = erasing.erase_text(text, who)
    assert not who.named_in(erased)
    assert erasing.erase_text(erased, who) == erased
    wanted = erasing.forms(identifier)
    assert set(erasing.forms_in(text, set(wanted.values()))) & set(wanted)
