"""Subjects, what they are called, and what of a question could be such a name.

Belongs here: pure text. Does not: the keyed hashes under which a tenant keeps names, nor whose they are
(`storage.pseudonyms`). A subject is a person with its spellings and addresses, or any other single value.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from prodgen_pipeline.core.redaction.folding import fold
from prodgen_pipeline.core.redaction.lexicon import is_ordinary, plain
from prodgen_pipeline.core.redaction.person_names import Name, is_full, parse_name, people, short, with_initials
from prodgen_pipeline.core.redaction.pseudonyms import PSEUDONYM, normalise_value

#: (label, normal form), as `normalise_value` has it.
Value = tuple[str, str]
#: `name`: a person's full name as documents have it; `value`: any other value of theirs; `form`: another way to write a
#: full name; `part`: one word of it.
Kind = Literal["name", "value", "form", "part"]

PERSON, ADDRESS = "PERSON", "EMAIL_ADDRESS"
#: Stands for the label where a form is hashed, which may be of any type.
ALIAS = "ALIAS"
MAX_WORDS = 4
#: Words of a question that are looked up; what stands further on is left to the recognisers.
MAX_QUESTION_WORDS = 128
#: A number this short means too many things.
_MIN_NUMBER = 5
_QUESTION_WORD = re.compile(r"\S+")
_OUTER_MARKS = "\"'`()[]{}<>,;:.!?\u2018\u2019\u201c\u201d\u00ab\u00bb*_"
#: Values of these types say nothing about whom they belong to, or are words of every question.
_NOBODYS = frozenset("DATE_TIME AGE TITLE URL ZIP_CODE LOCATION ORGANIZATION GROUP NRP".split())
#: In names of bands and firms that were taken for persons: never anybody, however they are written.
_ALWAYS_WORDS = frozenset("a an and at by for from in is of on or the to with".split())
#: Names that are words, beside the ordinary words of the lexicon: one alone, in small letters or first in its sentence,
#: is taken for the word.
_COMMON_WORDS = frozenset(
    "will may mark grace hope faith joy rose bill frank art rich young long king price rob sue pat jack grant chase "
    "drew gene dale dean earl duke miles max bob nick tony ray jay june april august summer autumn dawn eve ivy lily "
    "daisy violet ruby pearl amber crystal star sky rain river brook glen forest wood woods hill stone field banks "
    "bush rice berry cherry olive basil sage ginger pepper bacon berg black white brown green gray grey gold silver "
    "cook baker smith miller taylor mason carter cooper fisher hunter gardener page reader day week may love power "
    "case chance clay cliff colt guy hank harry jean job jude lane lance major marsh mercy nelson norm patience penny "
    "pierce porter reed rusty sandy skip stew victor wade ward wells west north east south winter church house "
    "bell ball bird fox wolf lamb swan crane bond cash cross park parks street train tucker turner walker weaver "
    "best good little short small strong wise sharp moody noble true newman freeman holiday order".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One person or other value of one document, whose every value has one token."""

    label: str
    #: What its token is made of, if it needs one of its own.
    canonical: Value
    #: All its values in the document.
    values: frozenset[Value]
    #: The person's full names, the most complete first, and the one that its address says; empty where it has none, or
    #: where this is no person.
    names: tuple[Name, ...] = ()
    #: Normal forms of what else is its own wherever it stands: a person's addresses, any other value.
    others: tuple[str, ...] = ()

    def aliases(self) -> dict[str, Kind]:
        """All forms under which a question may mean it."""
        if self.label in _NOBODYS:
            return {}
        found: dict[str, Kind] = {}
        if self.names:
            found |= dict.fromkeys(short(self.names[0]), "part")
            found |= dict.fromkeys((*similar(self.names[0]), *_turned_round(self.names[0])), "form")
        found |= dict.fromkeys(self.others, "value")
        return found | dict.fromkeys(map(written, self.names), "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gram:
    """Words of a question that could name somebody: `[start, end)`, and the forms to look up."""

    start: int
    end: int
    n_words: int
    forms: tuple[str, ...]

    def word(self, text: str) -> str:
        """The first word as the lexicon has it; a form may be spelled otherwise, so that ways to write it meet."""
        return plain(text[self.start : self.end]).partition(" ")[0].removesuffix("'s")


def subjects(values: Collection[Value]) -> list[Subject]:
    """Whose the values of one document are; each value is in exactly one of the subjects.

    An address is in a person's where it fits the full name of one person alone.
    """
    addresses = [value for label, value in values if label == ADDRESS]
    persons = people((name_of(value) for label, value in values if label == PERSON), addresses)
    found = [_person(person.names, person.addresses) for person in persons]
    taken = frozenset[Value]().union(*(subject.values for subject in found))
    return found + [_alone(value) for value in sorted(set(values) - taken)]


def similar(name: Name) -> tuple[str, ...]:
    """Other ways to write a full name that may be the same person's: middle names as initials, or none."""
    forms = (written(with_initials(name)), written(short(name)))
    return tuple(form for form in dict.fromkeys(forms) if form != written(name))


def written(name: Name) -> str:
    """A name as it is hashed."""
    return " ".join(name)


def name_of(value: str) -> Name:
    """A name from its normal form."""
    return tuple(value.split(" "))


def forms_of(label: str, text: str) -> tuple[str, ...]:
    """What to look up for a value that a recogniser found in a question."""
    value = normalise_value(label, text)
    if label != PERSON:
        return (value,)
    name = name_of(value)
    return tuple(dict.fromkeys((value, *(similar(name) if is_full(name) else ()))))


def grams(text: str) -> Iterator[Gram]:
    """One to four neighbouring words at every place of a question, the longest first."""
    words = [_trimmed(match) for match in _first(_QUESTION_WORD.finditer(text), MAX_QUESTION_WORDS)]
    first_words = _sentence_starts(text, words)
    for n_words in range(MAX_WORDS, 0, -1):
        for at in range(len(words) - n_words + 1):
            start, end = words[at][0], words[at + n_words - 1][1]
            forms = _forms(text[start:end]) if start < end else ()
            if n_words == 1 and forms and _is_a_word(text[start:end], is_first=start in first_words):
                continue
            if forms:
                yield Gram(start=start, end=end, n_words=n_words, forms=forms)


def _person(names: list[Name], addresses: Collection[str]) -> Subject:
    full = tuple(name for name in names if is_full(name))
    if full and short(full[0]) not in full and any(_says(address, full[0]) for address in addresses):
        full = (*full, short(full[0]))
    spelled = {(PERSON, written(name)) for name in names} | {(ADDRESS, address) for address in addresses}
    return Subject(
        label=PERSON,
        canonical=(PERSON, written(names[0])),
        values=frozenset(spelled),
        names=full,
        others=tuple(sorted(addresses)) if full else tuple(map(written, names)),
    )


def _says(address: str, name: Name) -> bool:
    """Whether the address is made of the whole given name and surname: `anna.schmidt@`, not `aschmidt@`."""
    local = address.partition("@")[0].partition("+")[0]
    return "".join(parse_name(re.sub(r"[\W\d_]+", " ", local))) in {f"{name[0]}{name[-1]}", f"{name[-1]}{name[0]}"}


def _alone(value: Value) -> Subject:
    return Subject(label=value[0], canonical=value, values=frozenset({value}), others=(value[1],))


def _turned_round(name: Name) -> tuple[str, ...]:
    return tuple(dict.fromkeys((written((name[-1], *name[:-1])), written((name[-1], name[0])))))


def _forms(text: str) -> tuple[str, ...]:
    """Normal forms of whatever these words could be: a name, an address, a number."""
    if PSEUDONYM.search(text):
        return ()
    name = written(parse_name(text))
    compact = re.sub(r"[\s.\-/]", "", fold(text).text)
    forms = [name] if len(name) > 1 else []
    if "@" in compact:
        forms.append(normalise_value(ADDRESS, text))
    if sum(map(str.isdigit, compact)) >= _MIN_NUMBER:
        forms += (compact.upper(), re.sub(r"\D", "", compact), normalise_value("PHONE_NUMBER", text))
    return tuple(dict.fromkeys(forms))


def _is_a_word(text: str, *, is_first: bool) -> bool:
    small = text.lower()
    if small in _ALWAYS_WORDS:
        return True
    return (is_first or not text[0].isupper()) and (small in _COMMON_WORDS or is_ordinary(plain(text)))


def _sentence_starts(text: str, words: list[tuple[int, int]]) -> set[int]:
    ends = ".!?:\n"
    return {start for start, _ in words if not (before := text[:start].rstrip(" \t\"'([")) or before[-1] in ends}


def _trimmed(match: re.Match[str]) -> tuple[int, int]:
    """The word without the marks around it; empty where there is nothing else."""
    word = match.group()
    if PSEUDONYM.search(word):
        return match.span()
    left = len(word) - len(word.lstrip(_OUTER_MARKS))
    return match.start() + left, max(match.start() + left, match.start() + len(word.rstrip(_OUTER_MARKS)))


def _first(matches: Iterable[re.Match[str]], n: int) -> Iterator[re.Match[str]]:
    for _, match in zip(range(n), matches, strict=False):
        yield match
