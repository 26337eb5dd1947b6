"""What single words can be: given and family names, places, ordinary English words, nationalities, occupations.

Belongs here: the word lists, which are data of this package as its patterns are, and looking words up in them. Does
not: what a word is in its sentence (`persons`, `proper_nouns`). Names, places and ordinary words are built by
`training/names/build.py`, which names their sources and licences; groups and occupations are written by hand.
"""

import unicodedata
from functools import lru_cache
from importlib.resources import files

#: Letters that have no accent to lose, and the ligatures that PDFs are full of.
_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ß": "ss", "ı": "i"}
    | {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
)

#: Names of products and languages that are names of persons too; only clear context makes them persons.
_PRODUCTS = frozenset(
    "ada alexa apollo aurora avro brython bison cassandra celery claude cython dagster dask dewey django dylan eiffel "
    "elm erlang eve flask flink gradle haskell hudson jade java jenkins julia jython kafka kotlin lisp lua maven "
    "mercury meson mojo nginx nim numba oracle pandas pascal perl phoenix pylons pyramid python ruby rust scala siri "
    "solaris sphinx spark swift titan travis unicode unix vagrant windows zephyr zope".split()
)
# Months and days are given names too; a date is met more often.
_CALENDAR = frozenset(
    "jan feb mar apr may jun jul aug sep sept oct nov dec january february march april june july august "
    "september october "
    "november december mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday".split()
)
_STEMS = (
    ("ies", "y"),
    ("es", ""),
    ("s", ""),
    ("ed", ""),
    ("ed", "e"),
    ("ing", ""),
    ("ing", "e"),
    ("ly", ""),
)


def plain(word: str) -> str:
    """The word in small letters without accents, as the lists have it: `Szöllősy` is `szollosy`."""
    small = word.lower().replace("’", "'")
    if small.isascii():
        return small
    return "".join(
        char for char in unicodedata.normalize("NFD", small.translate(_LETTERS)) if not unicodedata.combining(char)
    )


def is_given_name(word: str) -> bool:
    """Whether some people are called so by their friends; `word` plain, as in all questions here."""
    return "f" in names().get(word, "")


def is_family_name(word: str) -> bool:
    """Whether it is a family's name."""
    return "l" in names().get(word, "")


def is_name(word: str) -> bool:
    """Whether it is a listed name, and no ordinary word, place or the like as well."""
    is_other = is_ordinary(word) or is_place(word) or is_product(word) or is_group(word)
    return (is_given_name(word) or is_family_name(word)) and not is_other


@lru_cache(maxsize=50_000)
def is_ordinary(word: str) -> bool:
    """Whether English prose writes the word small, in this or another of its forms."""
    known = _words("ordinary")
    if "'" in word:
        word, _, ending = word.partition("'")
        if ending == "t":
            return True
    if word in known or word in _CALENDAR:
        return True
    return any(
        word.endswith(ending) and len(word) > len(ending) + 2 and word[: -len(ending)] + stem in known
        for ending, stem in _STEMS
    )


def is_product(word: str) -> bool:
    """Whether it is also the name of a program or language."""
    return word in _PRODUCTS


def is_place(phrase: str) -> bool:
    """Whether it is a country, state, province or city, of one word or more."""
    return phrase in _words("places")


def begins_place(word: str) -> bool:
    """Whether a place of several words begins with it."""
    return word in _place_beginnings()


@lru_cache(maxsize=1)
def _place_beginnings() -> frozenset[str]:
    return frozenset(phrase.partition(" ")[0] for phrase in _words("places") if " " in phrase)


@lru_cache(maxsize=50_000)
def is_group(word: str) -> bool:
    """Whether it is a nationality, a religion or the like, also in the plural."""
    return word in _words("groups") or (
        word[-1:] == "s" and (word[:-1] in _words("groups") or word[:-2] in _words("groups"))
    )


def is_occupation(word: str) -> bool:
    """Whether a job title can end in it."""
    return word in _words("occupations")


@lru_cache(maxsize=1)
def names() -> dict[str, str]:
    """Plain name to `f` for given, `l` for family names, or both."""
    return _flagged("names")


@lru_cache(maxsize=1)
def names_in_other_scripts() -> dict[str, str]:
    """The same in Greek, Cyrillic, Hebrew, Arabic, Han, Katakana and Hangul; plain, Arabic with one ى and one ة."""
    return {
        name.replace("ى", "ي").replace("ة", "ه"): flags for name, flags in _flagged("names_in_other_scripts").items()
    }


def _flagged(file: str) -> dict[str, str]:
    lines = _text(file).splitlines()
    return {name: flags for name, _, flags in (line.partition(" ") for line in lines)}


@lru_cache(maxsize=8)
def _words(name: str) -> frozenset[str]:
    return frozenset(_text(name).split("\n")) - {""}


def _text(name: str) -> str:
    return files(__package__).joinpath("words", f"{name}.txt").read_text(encoding="utf-8")
