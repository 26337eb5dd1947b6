"""The form of pseudonyms, and which spellings are one value."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core.errors import UsageError
from prodgen_pipeline.core.redaction import PSEUDONYM, normalise_value, pseudonym, type_word

LABELS = st.from_regex(r"[A-Z][A-Z0-9]{0,8}(_[A-Z0-9]{1,8}){0,3}", fullmatch=True)


def test_a_pseudonym_shows_its_type_and_the_start_of_the_hash():
    assert pseudonym("EMAIL_ADDRESS", "7F3A99") == "<EMAIL_ADDRESS_7f3a>"
    assert pseudonym("EMAIL_ADDRESS", "7f3a99", length=6) == "<EMAIL_ADDRESS_7f3a99>"


@pytest.mark.parametrize(
    ("label", "digest", "length"), [("PERSON", "7f3", 4), ("person", "7f3a", 4), ("X", "7f3a", 3), ("X", "zzzz", 4)]
)
def test_what_would_not_be_recognised_as_a_pseudonym_is_refused(label, digest, length):
    with pytest.raises(UsageError):
        pseudonym(label, digest, length)


@settings(deadline=None, max_examples=50)
@given(
    st.from_regex(r"[A-Z][A-Z0-9]{0,8}(_[A-Z0-9]{1,8}){0,3}", fullmatch=True),
    st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    st.integers(4, 64),
)
def test_every_pseudonym_is_recognised_and_gives_its_type_back(label, digest, length):
    token = pseudonym(label, digest, length)
    assert PSEUDONYM.fullmatch(token)["digest"] == digest[:length]
    assert type_word(token) == label.replace("_", " ").lower()


def test_other_text_in_angle_brackets_is_no_pseudonym():
    assert not any(
        PSEUDONYM.search(text) for text in ("<b>", "<PERSON>", "<PERSON_7f3>", "<ERASED>", "<PERSON_7F3A>", "<_7f3a>")
    )
    with pytest.raises(UsageError):
        type_word("<b>")


@pytest.mark.parametrize(
    ("label", "spellings"),
    [
        (
            "EMAIL_ADDRESS",
            ["Ann@Acme.org", "ann@acme.org", "ann (at) acme.org", "ann@ac\u200bme.org"],
        ),
        ("PHONE_NUMBER", ["+46 (0)8 928 571 38", "+46 8 928 57138", "0046 8 92857138", "+46-8-928-571-38 ext. 4"]),
        ("PHONE_NUMBER", ["618-226-1460", "(618) 226 1460", "618.226.1460"]),
        ("CREDIT_CARD", ["4111 1111 1111 1111", "4111-1111-1111-1111", "4111111111111111"]),
        ("IBAN_CODE", ["gb42 nawi 0445 4264 7886 19", "GB42NAWI04454264788619"]),
        ("US_SSN", ["791-10-5487", "791 10 5487", "\uff17\uff19\uff11-10-5487"]),
        ("MAC_ADDRESS", ["00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5e", "001a.2b3c.4d5e"]),
        ("UK_NINO", ["AB 12 34 56 C", "ab123456c"]),
    ],
)
def test_spellings_of_one_value_have_one_form(label, spellings):
    assert len({normalise_value(label, spelling) for spelling in spellings}) == 1


def test_letter_case_of_secrets_is_kept():
    assert normalise_value("PASSWORD", "Ab1-x") == "Ab1-x"


def test_different_values_stay_different():
    assert normalise_value("PHONE_NUMBER", "618-226-1460") != normalise_value("PHONE_NUMBER", "618-226-1461")
