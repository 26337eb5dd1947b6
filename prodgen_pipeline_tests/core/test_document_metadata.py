"""What of a document's fields is kept: bounded, and with nothing personal in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core.configuration import RedactionConfig
from prodgen_pipeline.core.document_metadata import admissible


def test_fields_of_a_catalogue_are_kept_in_lower_case_keys() -> None:
    fields = {"Status": "Final", "Type": "Standards Track", "Created": "14-Jan-2003", "Keywords": "leave,  holidays"}
    assert admissible(fields) == {
        "status": "Final", "type": "Standards Track", "created": "14-Jan-2003", "keywords": "leave, holidays"
    }  # fmt: skip


@pytest.mark.parametrize(
    "key",
    [
        "Author", "authors", "co-author", "From", "to", "Cc", "by", "Owner", "Last Modified By", "createdBy",
        "reviewed_by",
        "PEP-Delegate", "BDFL-Delegate", "Sponsor", "Discussions-To", "maintainer", "contact", "approver", "assignee",
        "Redakteur", "signed-off-by", "manager", "person", "user name", "attendees", "editor", "e-mail", "photographer",
    ],
)  # fmt: skip
def test_fields_about_people_are_dropped_by_their_key(key: str) -> None:
    assert admissible({key: "whatever it says"}) == {}


@pytest.mark.parametrize(
    "value",
    ["write to jane.roe@example.org", "call +44 20 7946 0958", "4111 1111 1111 1111", "key AKIAIOSFODNN7EXAMPLE"],
)
def test_a_value_with_something_personal_in_it_is_dropped(value: str) -> None:
    assert admissible({"status": value, "lang": "en"}) == {"lang": "en"}


@pytest.mark.parametrize(
    "value", ["Jane Roe", "J. R. Miller", "Roe, Jane", "Jane Roe and John Doe", "Jane Roe; B. Poe"]
)
def test_an_unknown_field_that_could_hold_a_name_is_dropped(value: str) -> None:
    assert admissible({"squad": value}) == {}


def test_an_unknown_field_with_a_plain_value_is_kept() -> None:
    assert admissible({"phase": "planning", "cost-centre": "4711", "flavour": "dark roast"}) == {
        "phase": "planning", "cost-centre": "4711", "flavour": "dark roast"
    }  # fmt: skip


def test_a_stricter_policy_keeps_less() -> None:
    fields = {"date": "2026-03-31", "status": "final"}
    assert admissible(fields) == fields
    assert admissible(fields, RedactionConfig(policy="strict")) == {"status": "final"}
    # A laxer one does not loosen what metadata may hold.
    assert admissible({"status": "jane@example.org"}, RedactionConfig(policy="secrets")) == {}


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(max_size=80), st.text(max_size=250), max_size=60))
def test_whatever_comes_the_bounds_hold(fields: dict[str, str]) -> None:
    kept = admissible(fields)
    assert len(kept) <= 32
    assert all(0 < len(key) <= 64 and key == key.lower() and 0 < len(value) <= 200 for key, value in kept.items())
