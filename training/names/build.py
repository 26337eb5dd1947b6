"""Builds the word lists of `prodgen_pipeline/core/redaction/words/`: names, names in other scripts, places, words.

Belongs here: which open data become which list. Does not: what a list means for a text (`core.redaction.lexicon`).

    python training/names/build.py --faker FOLDER --squad FILE... --output FOLDER

`--faker` is the folder that holds the unpacked package `faker` (MIT); `--squad` are files in the form of SQuAD, here
those of SQuADShifts (CC BY 4.0). Only single words and how often they are written small are taken from the latter, no
sentence. Everything is sorted, so the same data build the same files.
"""

import argparse
import importlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from prodgen_pipeline.core.redaction.lexicon import plain

#: Written small in this share of its uses inside sentences, a word is ordinary.
_SMALL_SHARE = 0.3
_MIN_USES = 2
#: Longer lists name every village of a country.
_MAX_PLACES_OF_A_LIST = 1_500
_PLACE_LISTS = ("cities", "city_names", "real_city_names", "states", "provinces", "counties", "regions", "cantons")
_ENGLISH = ("en", "en_US", "en_GB", "en_AU", "en_CA", "en_NZ", "en_IE", "en_IN")
# Cities that everybody knows and Faker's lists for their countries lack.
_CITIES = (
    "Accra,Addis Ababa,Adelaide,Algiers,Amman,Amsterdam,Ankara,Antwerp,Athens,Atlanta,Auckland,Austin,"
    "Baghdad,Baltimore,Bangkok,Barcelona,Beijing,Beirut,Belfast,Belgrade,Berlin,Bogota,Boston,"
    "Bratislava,Brisbane,Bristol,Brussels,Bucharest,Budapest,Buenos Aires,Cairo,Calgary,Canberra,"
    "Cape Town,Caracas,Cardiff,Casablanca,Charlotte,Chicago,Cleveland,Cologne,Copenhagen,Dakar,Dallas,"
    "Damascus,Delhi,Denver,Detroit,Dhaka,Doha,Dubai,Dublin,Durban,Edinburgh,Florence,Frankfurt,"
    "Geneva,Glasgow,Hamburg,Hanoi,Harare,Havana,Helsinki,Houston,Islamabad,Istanbul,Jakarta,Jerusalem,"
    "Johannesburg,Kabul,Karachi,Kiev,Kyiv,Kyoto,Lagos,Lahore,Las Vegas,Leeds,Lima,Lisbon,Liverpool,"
    "Ljubljana,London,Los Angeles,Lyon,Madrid,Manchester,Manila,Marseille,Melbourne,Memphis,"
    "Mexico City,Miami,Milan,Milwaukee,Minneapolis,Minsk,Montevideo,Montreal,Moscow,Mumbai,Munich,"
    "Nairobi,Naples,Nashville,New Delhi,New Orleans,New York,Nicosia,Osaka,Oslo,Ottawa,Oxford,"
    "Panama City,Paris,Perth,Philadelphia,Phoenix,Pittsburgh,Porto,Portland,Prague,Pretoria,Quebec,"
    "Quito,Reykjavik,Riga,Rio de Janeiro,Riyadh,Rome,Rotterdam,Sacramento,Salt Lake City,San Diego,"
    "San Francisco,San Jose,Santiago,Sao Paulo,Sarajevo,Seattle,Seoul,Seville,Shanghai,Singapore,"
    "Skopje,Sofia,St. Louis,Stockholm,Sydney,Tallinn,Tampa,Tehran,Tel Aviv,The Hague,Tokyo,Toronto,"
    "Tripoli,Tunis,Turin,Vancouver,Venice,Vienna,Vilnius,Warsaw,Wellington,Winnipeg,Yerevan,Zagreb,"
    "Zurich,UK,USA,United States,England,Scotland,Wales,Russia,Vietnam,South Korea,North Korea,Iran,"
    "Syria,Ivory Coast,York,Monte Carlo,Viet Nam,"
    "Africa,America,Americas,Antarctica,Asia,Europe,Eurasia,Oceania,North America,South America,Central America,"
    "Latin America,East Asia,West Africa,East Africa,South Africa,North Africa,Nile,West Nile,Amazon,Danube,Euphrates,"
    "Ganges,Indus,Mekong,Mississippi River,Niger,Rhine,Thames,Tigris,Volga,Yangtze,Zambezi"
).split(",")
# Greek, Cyrillic, Hebrew and Arabic of two letters or more; Han, Katakana and Hangul also of one.
_CARRIES_NO_ACCENTS = re.compile("[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]")
_OTHER_SCRIPTS = re.compile(
    "[\u0370-\u03ff]{2,}|[\u0400-\u052f]{2,}|[\u05d0-\u05ea]{2,}|[\u0621-\u06d3]{2,}"
    "|[\u30a1-\u30fc]{2,}|[\u4e00-\u9fff]{1,4}|[\uac00-\ud7a3]{1,3}"
)
# What Faker calls a name and nobody is called.
_NO_NAMES = frozenset(
    "van von der den de di da del la le el al bin ibn abu dos das san dr mr mrs ms prof ii iii".split()
)


def main() -> None:
    """Write `names.txt`, `names_in_other_scripts.txt`, `places.txt` and `ordinary.txt`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faker", type=Path, required=True)
    parser.add_argument("--squad", type=Path, nargs="+", help="without them `ordinary.txt` is left as it is")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    sys.path.insert(0, str(arguments.faker))
    if arguments.squad:
        _write(arguments.output / "ordinary.txt", _ordinary(_uses(arguments.squad)))
    _write(arguments.output / "places.txt", _places(arguments.faker))
    for file, names in (
        ("names", _names(arguments.faker)),
        ("names_in_other_scripts", _names_in_other_scripts(arguments.faker)),
    ):
        _write(arguments.output / f"{file}.txt", (f"{name} {flags}" for name, flags in names.items()))


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in sorted(lines)), encoding="utf-8")


def _providers(faker: Path, kind: str) -> Iterator[tuple[str, Any]]:
    for folder in sorted((faker / "faker" / "providers" / kind).iterdir()):
        if folder.is_dir() and not folder.name.startswith("__"):
            yield folder.name, importlib.import_module(f"faker.providers.{kind}.{folder.name}").Provider


def _names(faker: Path) -> dict[str, str]:
    """Plain name to `f` (given), `l` (family), or both."""
    flags: dict[str, set[str]] = {}
    for _, provider in _providers(faker, "person"):
        for attribute in dir(provider):
            flag = "f" if "first_name" in attribute else "l" if "last_name" in attribute else ""
            for name in _strings(getattr(provider, attribute)) if flag else ():
                for part in re.split(r"[ \-]", name):
                    if (word := plain(part)) and len(word) > 1 and word.isalpha() and word not in _NO_NAMES:
                        flags.setdefault(word, set()).add(flag)
    return {name: "".join(sorted(found)) for name, found in flags.items()}


def _names_in_other_scripts(faker: Path) -> dict[str, str]:
    """The same of the scripts that `core.redaction` has rules for, plain where they have accents."""
    flags: dict[str, set[str]] = {}
    for _, provider in _providers(faker, "person"):
        for attribute in dir(provider):
            flag = "f" if "first_name" in attribute else "l" if "last_name" in attribute else ""
            for name in _words_of(getattr(provider, attribute)) if flag and "roman" not in attribute else ():
                for part in re.split(r"[ \u200c-]", name):
                    word = part if _CARRIES_NO_ACCENTS.match(part) else plain(part)
                    if _OTHER_SCRIPTS.fullmatch(word):
                        flags.setdefault(word, set()).add(flag)
    return {name: "".join(sorted(found)) for name, found in flags.items()}


def _words_of(values: object) -> Iterator[str]:
    if not isinstance(values, str) and hasattr(values, "__iter__"):
        for value in values:
            yield from (part for part in (value if isinstance(value, tuple) else (value,)) if isinstance(part, str))


def _places(faker: Path) -> set[str]:
    found = {plain(city) for city in _CITIES}
    for locale, provider in _providers(faker, "address"):
        lists = [*_PLACE_LISTS, *(["countries"] if locale in _ENGLISH else [])]
        for attribute in lists:
            places = list(_strings(provider.__dict__.get(attribute, ())))
            if len(places) <= _MAX_PLACES_OF_A_LIST:
                found.update(plain(re.sub(r"\s*\(.*", "", place)) for place in places)
    return {place for place in found if len(place) > 2 and re.fullmatch(r"[a-z]+(?:[ '-][a-z]+){0,3}", place)}


def _strings(values: object) -> Iterator[str]:
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        return
    for value in values:
        parts = value if isinstance(value, tuple) else (value,)
        for part in parts:
            if isinstance(part, str) and part[:1].isupper() and plain(part).isascii():
                yield part


def _uses(paths: Iterable[Path]) -> Counter[str]:
    """How often each word stands inside a sentence, as written."""
    uses: Counter[str] = Counter()
    for path in paths:
        for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
            for paragraph in article["paragraphs"]:
                # A word after a blank that does not follow the end of a sentence.
                uses.update(re.findall(r"(?<=[\w,;] )[^\W\d_]+", paragraph["context"]))
    return uses


def _ordinary(uses: Counter[str]) -> set[str]:
    """Plain words that are written small often enough."""
    small: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for word, count in uses.items():
        if word.isupper() and len(word) > 1:
            continue
        every[plain(word)] += count
        small[plain(word)] += count * word.islower()
    return {
        word
        for word, count in small.items()
        if word.isascii() and count >= _MIN_USES and count >= _SMALL_SHARE * every[word]
    }


if __name__ == "__main__":
    main()
