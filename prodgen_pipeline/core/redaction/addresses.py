"""Postal addresses: street lines of several countries' forms, post office boxes, and the lines that follow them.

Belongs here: the grammar of an address. Does not: postal codes and towns that stand alone (`catalogue`,
`proper_nouns`).

Nearly every address has a number, and numbers are rare in prose, so each number is looked at with the words on both
sides: `12 Oak Street`, `Rue de Virton 38`, `Hauptstraße 5`, `Kossuth utca 3`. Words and a number that have no word for
a street count only beside an apartment, or after words such as `lives at`. From there the address is read on to its
end, over lines: apartment, town, state, postal code, country.
"""

import re
from collections.abc import Iterator

from prodgen_pipeline.core.models import EntitySpan
from prodgen_pipeline.core.redaction.capitals import PARTICLE, UPPER
from prodgen_pipeline.core.redaction.lexicon import is_given_name, is_ordinary, is_place, plain

RULE = "PostalAddress"
#: An address is not longer; what follows is another one.
_MAX_TAIL = 6
#: Above that of a name, since streets are named after persons.
_SURE = 0.9
_GUESS = 0.35

_TYPES = (
    r"(?:Street|St|Road|Rd|Avenue|Ave|Av|Drive|Dr|Lane|Ln|Court|Ct|Terrace|Tce|Ter|Place|Pl|Way|Square|Sq|"
    r"Boulevard|Blvd|"
    r"Parkway|Pkwy|Close|Crescent|Cres|Gate|Walk|Mews|Gardens|Grove|Highway|Hwy|Circle|Cir|Trail|Trl|"
    r"Alley|Row|Rise|Quay|"
    r"Wharf|Plaza|Esplanade|Parade|Pde|Circuit|Loop|Turnpike|Pike|Bypass|Broadway|Strasse|Straße|Str|Weg|"
    r"Allee|Platz|Ring|"
    r"Damm|Gasse|Ufer|gade|vej|alle|allé|terrasse|vei|veg|plass|gata|gate|väg|gränd|katu|tie|utca|út|útja|"
    r"tér|tere|körút|"
    r"kapu|sor|köz|krt|náměstí|nám|třída|ulice|cesta|trg|ulica|Sokak|Sok|Caddesi|Cad|Streets|Avenues|"
    r"Lanes|Roads|Drives)"
)
_SHOUTED_TYPES = (
    r"(?:STREET|ST|ROAD|RD|AVENUE|AVE|DRIVE|DR|LANE|LN|COURT|CT|PLACE|PL|SQUARE|BOULEVARD|BLVD|TERRACE|WAY)"
)
#: Words that a street's name can end in, as one word.
_FUSED = (
    r"(?:stra(?:ß|ss)e|str\.?|gasse|platz|allee|damm|ufer|weg|straat|laan|plein|kade|gracht|dijk|singel|"
    r"vej|gade|vænget|"
    r"gården|stræde|gata|gatan|vägen|gränd|torget|veien|vegen|vei|katu|kuja|polku|tie|ranta|aukio|götu?|"
    r"vegur|braut|stígur)(?![^\W\d_])"
)
_LEADING_TYPES = (
    r"(?:[Rr]ue|Avenue|Av\.|Avda\.?|Avenida|Boulevard|Bd\.?|Bvd\.?|Chemin|Impasse|Allée|Quai|Cours|Place|"
    r"Route|Via|Viale|Vicolo|"
    r"Piazza|Piazzale|Corso|Strada|Contrada|Largo|Calle|C/|Plaza|Paseo|Camino|Carretera|Ronda|Rúa|R[úu]a|"
    r"Travessa|Praça|Estrada|"
    r"Alameda|Rodovia|[Uu]l\.|[Uu]lica|[Aa]l\.|[Aa]leja|Aleje|[Oo]s\.|[Pp]l\.|Plac|Jalan|Jl\.|Carrer|"
    r"Strada|Str\.|Bulevardul|"
    r"Odos|Οδός|Πλατεία|Λεωφόρος|Leoforos|nám\.|Krakowskie)"
)
_LINK = r"(?:(?:de|du|des|della|dei|degli|delle|del|la|le|les|di|da|do|dos|das|el|los|las|a|al|y|e|of|the) |[dl]['’])"
_NAME = rf"(?:\d{{1,2}}(?:st|nd|rd|th)|[{UPPER}][\w'’-]*\.?)"
_NAMES = rf"{_NAME}(?: (?:{PARTICLE} )?{_NAME}){{0,4}}"
_SMALL_NAMES = r"[^\W\d_][\w'’-]*\.?(?: [^\W\d_][\w'’-]*\.?){0,3}"

_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"(?<![\w.,:/#$€£%@-])\d{1,6}[A-Za-z]?(?:[-/]\d{1,4}[A-Za-z]?)?(?![\w%:]|[.,]\d|-\d)")
_AFTER_NUMBER = tuple(
    re.compile(form)
    for form in (
        # 12 Oak Street, 12 North 5th Ave.
        rf",? (?:\d{{1,5}}[A-Za-z]? )?{_NAMES} {_TYPES}\b\.?(?! [a-z]+(?:ed|ing)\b)",
        rf",? (?:\d{{1,5}} )?(?:[A-Z0-9]+ ){{1,4}}{_SHOUTED_TYPES}\b\.?",
        # 12 rue de la Paix, 12 Via Roma 5
        rf",? (?:\d{{1,5}}[A-Za-z]?,? )?{_LEADING_TYPES} ?(?:{_LINK}){{0,2}}{_NAMES}(?: \d{{1,5}}[A-Za-z]?\b)?",
        # 12 Harjukuja 54: two numbers are a house and a building
        rf" (?:\d{{1,5}} )?{_NAMES}{_FUSED}(?: \d{{1,5}}[A-Za-z]?\b)?",
    )
)
_BEFORE_NUMBER = re.compile(
    rf"(?:(?<![\w.])(?=[\druaopn{UPPER}])(?:\d{{1,6}} )?(?:(?:{_NAMES} )?[{UPPER}][^\W\d_]*{_FUSED},?"
    rf"|{_NAMES} {_TYPES}\.?|"
    rf"{_LEADING_TYPES} ?(?:{_LINK}){{0,2}}{_NAMES}(?: (?:{_LINK}){{1,2}}{_NAMES})?,?(?: n[.ºo°]*)?)) $"
)
_BOX = re.compile(
    r"(?i)(?<!\w)(?:\d{1,6} )?(?:(?:p\.? ?o\.? ?box|post(?:al)? ?(?:office )?box|postfach|"
    r"apartado(?: de correos)?|bo[iî]te postale|"
    r"casella postale|caixa postal|postboks|postbus|gpo box|private bag) (?:no\.? ?|n[º°] ?)?\d{1,6}"
    r"|(?:psc|unit|cmr|uss \w+) (?:\d{1,5},? )?box \d{1,6})\b"
)
_MILITARY = re.compile(
    rf"(?<!\w)(?:US(?:NS|NV|S|CGC) {_NAME}(?: {_NAME})?[\n ,]{{1,3}})?(?:APO|FPO|"
    rf"DPO),? A[AEP](?: \d{{5}}(?:-\d{{4}})?)?\b"
)
_UNIT_WORDS = r"(?:apt|apartment|suite|ste|flat|lägenhet|lgh|appartement|depto|piso)"
_UNIT = re.compile(rf"(?i)(?<!\w){_UNIT_WORDS}(?:\.? ?#?\d{{1,5}}[a-z]?| #?(?-i:[A-Z])\d{{0,3}})\b")
_ROOM = re.compile(r"(?i)(?:unit|room|rm|floor|bldg|building)\.? ?#?\d{1,5}[a-z]?\b|\d{1,2}(?:st|nd|rd|th) floor")
_CONTEXT = re.compile(
    r"(?i)(?:\baddress(?:es)?(?: is| to| of [\w .]{1,30} is|:)?:?(?: it is)?[ \n]*(?:the following\?? )?"
    r"|\b(?:lives?|lived|living|resides?|residing|stay(?:s|ing)?|moved|located|situated|offices?|"
    r"office is|restaurant is|"
    r"shop is|store is|house is|station is|home is|come(?:s)? by|deliver(?:ed|y)?|ship(?:ped|ping)?|sent|mail(?:ed)?|"
    r"return(?:ed)?|taxi|(?:meet|see) (?:me|you|us|them)|arrived|you off|enter|stop)"
    r"(?: it| this| them| back)? (?:at|on|in|to)|\b(?:to|on) the (?:north|south|east|west)(?:ern)? side of"
    r"|\bcorner of|\btitle refers to|it's in|located at:?)[ \n]+$"
)
_GENERIC_BEFORE = re.compile(rf"(?<![\w.])(?:\d{{1,6}} )?{_NAMES} $")
_GENERIC_BEFORE_SMALL = re.compile(rf"(?<![\w.])(?:\d{{1,6}} ){_SMALL_NAMES} $")
_TO_UNIT = re.compile(rf"(?i)[,.]?\s{{1,4}}(?=[\s>|?]{{0,6}}{_UNIT_WORDS}\b)")
_TO_STREET_WORD = re.compile(r"(?i) (?:st|street)\b\.?")
_CORNER = re.compile(
    rf"(?i:\b(?:the )?corner of )(?:\d{{1,5}} )?{_SMALL_NAMES}(?: \d{{1,5}}[a-z]?\.?)?(?: st\b\.?)? "
    rf"(?i:and) (?:\d{{1,5}} )?"
    rf"(?:{_NAMES}(?: \d{{1,5}}[a-z]?\b\.?)?|[^\W\d_]+(?: [^\W\d_]+)?)"
)

#: Forms without a street, each with words of which it holds one.
_FIXED = (
    (_BOX, ("box", "postfach", "apartado", "postale", "postal", "postboks", "postbus", "private bag")),
    (_MILITARY, ("apo", "fpo", "dpo")),
    (_UNIT, ("apt", "apartment", "suite", "ste", "flat", "lägenhet", "lgh", "appartement", "depto", "piso")),
)

_SMALL_START = re.compile(r"(?<![\w'’])[^\W\d_](?!\.? ?\d)")
_STEP = re.compile(r"[ \t]*(?:[,\n][ \t>?|*]{0,8}\n?[ \t>?|*,]{0,8}|\.\n[ \t>?|*]{0,8})|[ ]")
#: Postal codes of many countries, as a pattern.
POSTCODE = (
    r"(?:(?:[A-Z]{1,2}-)?(?:\d{5}-\d{3,4}|\d{4}-\d{3}|\d{2}-\d{3}|\d{3} \d{2}|\d{4} [A-Z]{2}|\d{4,6})(?![\w-]|\.\d)"
    r"|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b|[A-Z]\d[A-Z] ?\d[A-Z]\d\b)"
)
_POSTCODE = re.compile(POSTCODE)
_STATE = re.compile(r"[A-Z]{2,3}\b(?!['’-])")
_TOWN_WORD = rf"[{UPPER}][^\W\d_]*(?:['’-][^\W\d_]+)*\.?(?![\w])"
_TOWN = re.compile(rf"{_TOWN_WORD}(?: (?:{_LINK}|{PARTICLE} )?{_TOWN_WORD}){{0,3}}(?: [A-Z]\b)?")
_BRACKETED = re.compile(r"\([^()\n]{1,24}\)")
_TOWN_ENDS = re.compile(r"[ ]*(?:[,\n;?!)]|\.(?:\s|$)|$|\d|\(|[A-Z]{2}\b|[A-Z]{1,2}\d)")


def find_addresses(work: str, start: int, end: int) -> Iterator[EntitySpan]:
    """The postal addresses in `work[start:end]`, perhaps overlapping; town and country are part of the address."""
    text, offset = work, 0
    if work[start:end].islower():
        text, offset = _SMALL_START.sub(_capital, work[start:end]), start
    for first, last, score in _cores(text, start - offset, end - offset):
        last = _read_on(text, last, end - offset)
        yield EntitySpan(start=offset + first, end=offset + last, label="STREET_ADDRESS", score=score, rule=RULE)


def _capital(letter: re.Match[str]) -> str:
    """The letter as a capital, at equal length: where nothing is capitalised, anything might be."""
    capital = letter.group().upper()
    return capital if len(capital) == 1 else letter.group()


def _cores(work: str, start: int, end: int) -> Iterator[tuple[int, int, float]]:
    has_digit = _DIGIT.search(work, start, end) is not None
    has_corner = work.find("corner of", start, end) >= 0 or work.find("Corner Of", start, end) >= 0
    # Searched only where they could match: most paragraphs have no digit, and fewer the words.
    lowered = work[start:end].lower() if has_digit else ""
    fixed = [form for form, words in _FIXED if has_digit and any(word in lowered for word in words)]
    if has_corner:
        fixed.append(_CORNER)
    for form in fixed:
        for match in form.finditer(work, start, end):
            yield match.start(), match.end(), _SURE
    if not has_digit:
        return
    for number in _NUMBER.finditer(work, start, end):
        if core := _around(work, start, end, number):
            yield core


def _around(work: str, start: int, end: int, number: re.Match[str]) -> tuple[int, int, float] | None:
    """The street line that a number belongs to."""
    for form in _AFTER_NUMBER:
        if match := form.match(work, number.end(), min(end, number.end() + 80)):
            return number.start(), match.end(), _SURE
    left = max(start, number.start() - 64)
    before = work[left : number.start()]
    if before[-1:] != " ":
        return None
    if match := _BEFORE_NUMBER.search(before):
        return left + match.start(), number.end(), _SURE if _is_street(match.group()) else 0.4
    return _generic(work, left, before, number, end)


def _is_street(phrase: str) -> bool:
    """Whether the words are not all ordinary: `Place 3` and `Step Way 2` are no streets."""
    words = re.findall(r"[^\W\d_]+", phrase)
    return not all(is_ordinary(plain(word)) for word in words)


def _generic(work: str, left: int, before: str, number: re.Match[str], end: int) -> tuple[int, int, float] | None:
    """Words before a number that only what stands around them makes a street."""
    capitalised = _GENERIC_BEFORE.search(before)
    if _TO_UNIT.match(work, number.end(), end):
        match = _GENERIC_BEFORE_SMALL.search(before) or capitalised
        return (left + match.start(), number.end(), _SURE) if match else None
    match = capitalised
    if match is None:
        return None
    place = left + match.start()
    is_introduced = _CONTEXT.search(work[max(0, place - 48) : place]) is not None
    if is_introduced or _TO_STREET_WORD.match(work, number.end(), end):
        return place, number.end(), _SURE
    words = [plain(word) for word in re.findall(r"[^\W\d_]{2,}", match.group())]
    unusual = [word for word in words if not is_ordinary(word)]
    # Known only as unusual words before a number: enough for policy `strict`, see `detection`.
    return (place, number.end(), _GUESS) if unusual else None


def _read_on(work: str, position: int, end: int) -> int:
    """Where the address that has been read up to `position` ends."""
    if word := _TO_STREET_WORD.match(work, position, end):
        position = word.end()
    for _ in range(_MAX_TAIL):
        step = _STEP.match(work, position, end)
        if step is None:
            return position
        after = _part(work, step.end(), end, is_new_part=step.group() != " ")
        if after is None:
            return position
        position = after
    return position


def _part(work: str, position: int, end: int, *, is_new_part: bool) -> int | None:
    """The end of the part of an address that begins at `position`; None where none does."""
    for form in (_UNIT, _ROOM, _MILITARY, _POSTCODE, _BOX, _BRACKETED):
        if match := form.match(work, position, end):
            return match.end()
    for form in _AFTER_NUMBER:
        number = _NUMBER.match(work, position, end) if is_new_part else None
        if number and (match := form.match(work, number.end(), end)):
            return match.end()
    if (state := _STATE.match(work, position, end)) and _TOWN_ENDS.match(work, state.end(), end):
        return state.end()
    town = _TOWN.match(work, position, end)
    if town is None or not _TOWN_ENDS.match(work, town.end(), end):
        return None
    words = [plain(word) for word in re.findall(r"[^\W\d_]{2,}", town.group())]
    if len(words) > 1 and is_given_name(words[0]) and not is_place(words[0]):
        return None
    # A town is no ordinary word unless a new line or a comma says so.
    if is_place(plain(town.group())) or any(not is_ordinary(word) for word in words):
        return town.end()
    return town.end() if is_new_part and len(words) > 1 else None
