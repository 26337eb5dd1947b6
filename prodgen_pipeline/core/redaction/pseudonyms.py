"""Pseudonyms: their form, their type in words, and when two values are the same value.

Belongs here: pure text. Does not: which token a value gets, which is per tenant and kept (governance, storage), nor
putting tokens into text (`anonymization`).
"""

import re

from prodgen_pipeline.core.errors import UsageError
from prodgen_pipeline.core.redaction.folding import fold
from prodgen_pipeline.core.redaction.person_names import parse_name

#: `<TYPE_hexdigits>`, at least four digits; also what a reader may see in an answer.
PSEUDONYM = re.compile(r"<(?P<label>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)_(?P<digest>[0-9a-f]{4,64})>")

_DIGITS_ONLY = frozenset(
    "CREDIT_CARD US_SSN US_ITIN US_BANK_NUMBER ABA_ROUTING_NUMBER UK_NHS CA_SIN AU_ABN AU_TFN AU_MEDICARE IN_AADHAAR "
    "PL_PESEL IT_VAT_CODE DE_TAX_ID KR_RRN TH_TNIN TR_NATIONAL_ID PH_TIN PH_UMID NG_NIN ZA_ID_NUMBER BR_CPF "
    "US_NPI".split()
)
_CASE_MATTERS = frozenset({"API_KEY", "PASSWORD", "PRIVATE_KEY", "CRYPTO", "URL"})
_AT_IN_WORDS = re.compile(r"\s*[(\[{<]at[)\]}>]\s*|\s+at\s+", re.IGNORECASE)


def pseudonym(label: str, digest_hex: str, length: int = 4) -> str:
    """`<LABEL_` and the first `length` (4 to 64) digits of a keyed hash of the value, `>`; longer on a collision.

    Raises:
        UsageError: the hash is shorter than `length`, or the result would not be recognised as a pseudonym.
    """
    token = f"<{label}_{digest_hex[:length].lower()}>"
    if len(digest_hex) < length or not PSEUDONYM.fullmatch(token):
        raise UsageError(
            f"No pseudonym of type {label!r} with {length} digits can be made from a {len(digest_hex)}-digit hash."
        )
    return token


def type_word(token: str) -> str:
    """The type of a pseudonym in words, `email address`; what chunk sizes and vectors see in its place.

    Raises:
        UsageError: `token` is no pseudonym.
    """
    match = PSEUDONYM.fullmatch(token)
    if match is None:
        raise UsageError("Not a pseudonym: expected the form <TYPE_hexdigits>.")
    return match["label"].replace("_", " ").lower()


def normalise_value(label: str, value: str) -> str:
    """The canonical form of a value: equal for spellings of one value, so that they get one pseudonym."""
    if label == "PERSON":
        return " ".join(parse_name(value))
    plain = fold(value).text.strip()
    if label in _CASE_MATTERS:
        return plain
    if label == "EMAIL_ADDRESS":
        return _AT_IN_WORDS.sub("@", plain).lower()
    if label == "PHONE_NUMBER":
        return _normalise_phone(plain)
    if label in _DIGITS_ONLY:
        return re.sub(r"\D", "", plain)
    if label in {"IP_ADDRESS", "DATE_TIME", "DATE_OF_BIRTH", "TITLE"}:
        return " ".join(plain.lower().split())
    if label == "MAC_ADDRESS":
        return re.sub(r"[^0-9a-f]", "", plain.lower())
    return re.sub(r"[\s.\-/]", "", plain).upper()


def _normalise_phone(value: str) -> str:
    """Digits, after `+` where the country is said; `00` and a bracketed trunk zero are ways of writing that."""
    number = re.sub(r"(?i)(?:ext|x|#).*$", "", value).strip()
    international = number.startswith(("+", "(+", "00"))
    digits = re.sub(r"\D", "", number.replace("(0)", "") if international else number)
    return f"+{digits.removeprefix('00')}" if international else digits
