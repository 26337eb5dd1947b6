"""What a document says about itself in fields: which of it is kept for searches to be narrowed to.

Belongs here: bounds, names of keys, and that nothing personal stays. Does not: reading fields out of a format
(clients.parsers), narrowing (`search_filter`).

Names of people cannot be told by a pattern. So fields about people are dropped by their key, and a field with a key
that nobody knows is dropped where its value could be a name.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from prodgen_pipeline.core.configuration import RedactionConfig
from prodgen_pipeline.core.redaction import POLICIES, detect

MAX_PAIRS, MAX_CHARS, MAX_KEY_CHARS = 32, 200, 64
#: At least this strict, whatever the tenant's policy.
LEAST_POLICY = "phi"

#: What a word of a key begins with when the field is about people.
_PERSONS = re.compile(
    r"(?:co)?auth|(?:co)?edit|(?:co)?own|creator|maintain|contact|contribut|review|approv|delegate|sponsor|assign|report"
    r"|request|manager|champion|shepherd|speak|present|attend|particip|member|person|people|user|sender|from|recipient"
    r"|e?mail|phone|mobile|tel|fax|twitter|github|\w*name|sign|credit|copyright|thank|translat|writ|photo|artist|direct"
    r"|interview|guest|host|patient|employ|custom|client|candidate|applicant|student|teach|superv|advis|respons|verantw"
    r"|autor|auteur|redak|bearb|discuss|identit|passport|address|account|parent|birth|gender|salary|\w*by$"
)
#: Whole keys that are about people.
_PERSON_KEYS = frozenset(
    {"to", "cc", "bcc", "by", "history", "lead", "poc", "dri", "who", "team", "family", "witness", "handle"}
)
#: Keys whose values are words of a catalogue, however they are spelled.
_PLAIN_KEYS = frozenset(
    "audience category categories class classification content-type created date department description-language "
    "doctype filetags format id keywords kind lang language layout level license licence module number package pep "
    "platform priority product project published python-version region release replaces requires resolution revision "
    "scope section series severity since slug state status subject superseded-by tag tags topic topics type unit "
    "updated version".split()
)
#: Two to four words in capitals, initials among them: "Jane Roe", "J. R. Miller", "Roe, Jane".
_NAME_LIKE = re.compile(r"(?:[^\W\d_][\w'’.-]*,?\s+){1,3}[^\W\d_][\w'’.-]*")


def admissible(fields: Mapping[str, str], config: RedactionConfig | None = None) -> dict[str, str]:
    """The fields that may be kept, at most 32 of 200 characters each, keys in lower case, in the order given.

    Dropped are fields about people, values in which anything personal is found, and those beyond the bounds.
    """
    named = {_key(key): " ".join(value.split()) for key, value in fields.items()}
    bounded = {
        key: value
        for key, value in named.items()
        if key and len(key) <= MAX_KEY_CHARS and 0 < len(value) <= MAX_CHARS and not is_personal(key, value)
    }
    clean = list(_without_findings(bounded.items(), config or RedactionConfig()))
    return dict(clean[:MAX_PAIRS])


def _key(key: str) -> str:
    return "-".join(key.lower().split()).strip(":")


def is_personal(key: str, value: str) -> bool:
    """Say whether a field is about people by its key, or may be by a value that looks like a name."""
    if key in _PLAIN_KEYS:
        return False
    words = [word for word in re.split(r"[\W_]+", key) if word]
    if _PERSON_KEYS & {key, *words} or any(_PERSONS.match(word) for word in words):
        return True
    return any(_is_name_like(part) for part in re.split(r"[;/&]|,(?=[^,]*,)| and ", value))


def _is_name_like(value: str) -> bool:
    value = value.strip()
    words = re.findall(r"[^\W\d_]+", value)
    return bool(_NAME_LIKE.fullmatch(value)) and all(word[0].isupper() or not word[0].islower() for word in words)


def _without_findings(pairs: Iterable[tuple[str, str]], config: RedactionConfig) -> Iterable[tuple[str, str]]:
    """Those in which no recogniser finds anything, the key being the label before the value."""
    strict = max(config.policy, LEAST_POLICY, key=list(POLICIES).index)
    checked = replace(config, policy=strict)
    return (pair for pair in pairs if not detect(f"{pair[0]}: {pair[1]}", checked))
