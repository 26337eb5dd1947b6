"""The lexicon and the stock of names for invented text, from Faker's lists (MIT licence) and from the corpora.

Belongs here: which lists are read, and what counts as a common word. Does not: the sentences names are put into
(`templates`).
"""

import importlib
import re
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from passages import Passage

from prodgen_pipeline.clients.language.lexicon import COMMON_WORD, FIRST_NAME, LAST_NAME, PLACE, Lexicon

#: Languages written in Latin letters.
LOCALES = (
    "en_US en_GB en_IE en_IN en_KE en_NG en_NZ en_PK en_TH cs_CZ da_DK de_AT de_CH de_DE es_AR es_CL es_CO es_ES "
    "es_MX et_EE fi_FI fr_BE fr_CA fr_CH fr_DZ fr_FR ga_IE ha_NG hr_HR hu_HU id_ID ig_NG is_IS it_IT lt_LT lv_LV "
    "nl_BE nl_NL no_NO pl_PL pt_BR pt_PT ro_RO sk_SK sl_SI sv_SE sw tr_TR tw_GH vi_VN yo_NG zu_ZA"
).split()

_WORD = re.compile(r"[^\W\d_][\w'’]*")
#: A word is common when it is written in lower case at least this often, outside names.
COMMON_FROM = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What invented text draws from."""

    first_names: list[str]
    last_names: list[str]
    places: list[str]
    #: Of English-speaking countries, drawn as often as all the others together.
    usual_first_names: list[str]
    usual_last_names: list[str]


def read_stock(faker: Path) -> Stock:
    """Read the lists of the Faker checkout in a folder."""
    sys.path.insert(0, str(faker))
    first: dict[str, list[str]] = {}
    last: dict[str, list[str]] = {}
    for locale in LOCALES:
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        first[locale] = _names(provider, "first_names")
        last[locale] = _names(provider, "last_names")
    english = [locale for locale in LOCALES if locale.startswith("en_")]
    return Stock(
        first_names=sorted({name for names in first.values() for name in names}),
        last_names=sorted({name for names in last.values() for name in names}),
        places=_places(),
        usual_first_names=sorted({name for locale in english for name in first[locale]}),
        usual_last_names=sorted({name for locale in english for name in last[locale]}),
    )


def _names(provider: type, prefix: str) -> list[str]:
    names = {
        str(name)
        for attribute in dir(provider)
        if attribute.startswith(prefix) and isinstance(getattr(provider, attribute), Iterable)
        for name in getattr(provider, attribute)
    }
    return [name for name in names if name.isascii() or name[0].isupper()]


def _places() -> list[str]:
    geo = importlib.import_module("faker.providers.geo").Provider
    english = importlib.import_module("faker.providers.address.en_US").Provider
    german = importlib.import_module("faker.providers.address.de_DE").Provider
    places = {place[2] for place in geo.land_coords} | set(english.states) | set(english.countries)
    places |= {place.split(" (")[0] for place in german.cities if place}
    return sorted(place.split(" (")[0] for place in places)


def make_lexicon(stock: Stock, passages: Iterable[Passage]) -> Lexicon:
    """Single words of names and places, and the common words of the passages."""
    words: dict[str, set[str]] = {}
    kinds = ((FIRST_NAME, stock.first_names), (LAST_NAME, stock.last_names), (PLACE, stock.places))
    for kind, names in kinds:
        for name in names:
            for word in _WORD.findall(name):
                if word[0].isupper() and len(word) > 1:
                    words.setdefault(word.lower(), set()).add(kind)
    counted: Counter[str] = Counter()
    for passage in passages:
        inside = {at for start, end, _ in passage.names for at in range(start, end)}
        for match in _WORD.finditer(passage.text):
            if match.group()[0].islower() and match.start() not in inside:
                counted[match.group()] += 1
    for word, n_times in counted.items():
        if n_times >= COMMON_FROM:
            words.setdefault(word, set()).add(COMMON_WORD)
    return Lexicon({word: "".join(sorted(classes)) for word, classes in words.items()})


_ONSETS = "b br c ch cl d dr f fl g gr h j k kh kr l m n p pr r s sh st t th tr v w y z".split()
_VOWELS = "a e i o u ai ea ee ia ou".split()
_ENDS = ["", "n", "r", "l", "s", "m", "sh", "ck", "ski", "ton", "dez", "man", "ova", "ell", "wood", "sen"]


def invented_word(random: Random) -> str:
    """A capitalised word that is in no list, so that the context has to tell."""
    syllables = "".join(random.choice(_ONSETS) + random.choice(_VOWELS) for _ in range(random.randint(1, 2)))
    return (syllables + random.choice(_ENDS)).capitalize()
