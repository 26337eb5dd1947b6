"""Names of people: their normal form, and which spellings in one document mean one person.

Belongs here: pure text. Does not: finding names (`detection`), what is known of a tenant's other documents
(`lifecycle.pseudonymization`), forms to look up (`aliases`).

A name is a tuple of normal words, given name first: `Schmidt, Dr. Anna` is `("anna", "schmidt")`.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from prodgen_pipeline.core.redaction.folding import fold

Name = tuple[str, ...]

_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_POSSESSIVE = re.compile(r"['\u2019]s?$", re.IGNORECASE)
_TITLES = frozenset(
    "dr prof professor mr mrs ms miss mx sir madam dame lady lord rev fr hon capt lt col gen sgt herr frau fraulein "
    "monsieur madame mme mlle senor senora sr sra don dona signor signora dipl ing mag med".split()
)
_SUFFIXES = frozenset("jr sr ii iii iv phd md msc bsc mba ma ba esq cpa rn dds".split())
#: What a surname may begin with: `van der Berg` alone is no full name.
_PARTICLES = frozenset("van von der den de la le di da del della dos das du al el bin ibn mac st ter ten zu".split())
#: Letters that decomposing leaves as they are.
_LETTERS = str.maketrans({"\u00df": "ss", "\u00f8": "o", "\u0142": "l", "\u00e6": "a", "\u0153": "o", "\u0111": "d"})
#: `Müller`, `Mueller` and `Muller` are one spelling.
_UMLAUT = re.compile(r"(?<=[aou])e")
#: A shorter part of an address says too little.
_MIN_LOCAL_PART = 4


@dataclass(slots=True)
class Person:
    """One person as one document names it."""

    #: Its spellings, the most complete first.
    names: list[Name]
    #: Normal e-mail addresses that fit the name.
    addresses: set[str] = field(default_factory=set)

    @property
    def name(self) -> Name:
        """The most complete spelling."""
        return self.names[0]


def parse_name(text: str) -> Name:
    """The normal form of a name: no titles, accents or case; `Last, First` turned round. At least one word."""
    plain = _POSSESSIVE.sub("", fold(text).text.strip())
    before, comma, after = plain.partition(",")
    words = _without_titles(_words(before))
    behind = _without_titles(_words(after)) if comma else []
    if words and behind:
        words = [*behind, *words]
    return tuple(words) or tuple(_words(plain)) or (plain.casefold(),)


def is_full(name: Name) -> bool:
    """Whether it has a given name, written out, and a surname."""
    return len(name) > 1 and len(name[0]) > 1 and len(name[-1]) > 1 and name[0] not in _PARTICLES


def agree(one: Name, other: Name) -> bool:
    """Whether two names of more than one word may be one person's: an initial fits its name, a middle name may lack."""
    middles = zip(one[1:-1], other[1:-1], strict=False)
    return one[-1] == other[-1] and all(_fits(*pair) for pair in ((one[0], other[0]), *middles))


def short(name: Name) -> Name:
    """Given name and surname."""
    return (name[0], name[-1])


def with_initials(name: Name) -> Name:
    """The same with its middle names as initials."""
    return (name[0], *(word[0] for word in name[1:-1]), name[-1])


def people(names: Iterable[Name], addresses: Iterable[str] = ()) -> list[Person]:
    """Who is named in one document; every name and no address but those that fit one person alone.

    A surname or given name alone, or an initial, stands for somebody named in full where there is only one such; else
    it is somebody of its own. So is a full name that fits two who differ.
    """
    ordered = sorted(set(names), key=lambda name: (not is_full(name), -len(name), -sum(map(len, name)), name))
    found: list[Person] = []
    by_key: dict[Name, list[Person]] = {}
    for name in ordered:
        fitting = [person for person in by_key.get(_key(name), ()) if _means(name, person.name)]
        if len(fitting) == 1:
            fitting[0].names.append(name)
            continue
        person = Person([name])
        found.append(person)
        if is_full(name):
            for key in {(name[0],), (name[-1],), short(name), (name[0][0], name[-1])}:
                by_key.setdefault(key, []).append(person)
    _join_addresses([person for person in found if is_full(person.name)], addresses)
    return found


def _key(name: Name) -> Name:
    """What whoever is meant shares with the name, so that a directory of namesakes is not compared in pairs."""
    return (name[-1],) if len(name) == 1 or name[0] in _PARTICLES else short(name)


def _means(name: Name, full: Name) -> bool:
    """Whether `name`, in full or in part, may stand for the full name."""
    if len(name) == 1:
        return name[0] in (full[0], full[-1])
    return agree(full, name) or (name[0] in _PARTICLES and full[-len(name) :] == name)


def _join_addresses(found: Collection[Person], addresses: Iterable[str]) -> None:
    by_local_part: dict[str, list[Person]] = {}
    for person in found:
        for part in _local_parts(person.name):
            by_local_part.setdefault(part, []).append(person)
    for address in sorted(set(addresses)):
        local = address.partition("@")[0].partition("+")[0]
        fitting = by_local_part.get(_plain("".join(filter(str.isalpha, local))), ())
        if len(fitting) == 1:
            fitting[0].addresses.add(address)


def _local_parts(name: Name) -> set[str]:
    """How addresses are made of a name: both names, in either order, or an initial and the surname."""
    first, last = short(name)
    spelled = {f"{first}{last}", f"{last}{first}", f"{first[0]}{last}", f"{last}{first[0]}"}
    spelled |= {"".join(name), "".join(with_initials(name))}
    return {_plain(part) for part in spelled if len(part) >= _MIN_LOCAL_PART}


def _words(text: str) -> list[str]:
    return [_plain(re.sub(r"['\u2019-]", "", word)) for word in _WORD.findall(text)]


def _plain(word: str) -> str:
    """Without case, accents and ways of writing them."""
    decomposed = unicodedata.normalize("NFKD", word.casefold().translate(_LETTERS))
    return _UMLAUT.sub("", "".join(char for char in decomposed if not unicodedata.combining(char)))


def _without_titles(words: list[str]) -> list[str]:
    start, end = 0, len(words)
    while start < end and words[start] in _TITLES:
        start += 1
    while end > start and words[end - 1] in _SUFFIXES:
        end -= 1
    return words[start:end]


def _fits(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) == 1 and one[0] == other[0])
