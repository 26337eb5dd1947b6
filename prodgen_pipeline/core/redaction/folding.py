"""Makes disguised characters plain before recognisers read a text, and finds the way back to the original offsets.

Belongs here: zero-width characters, full-width and other scripts' digits, unusual blanks and hyphens, letters of other
alphabets inside Latin words. Does not: repairs
that the stored text keeps (`core.cleaning`), nor the canonical form of a detected value (`pseudonyms`).
"""

import re
import unicodedata
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

#: Stands for every character that was redacted already; recognisers never see it in folded text otherwise.
MASK = "\ue000"

_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]+")
_BLANKS = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_HYPHENS = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
# Letters of other alphabets that look like Latin ones, in the order of what they look like.
_LOOKALIKES = dict(
    zip(
        "АВЕКМНОРСТХУІЅЈаеорсухіѕјԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧονρ",
        "ABEKMHOPCTXYISJaeopcyxisjdqwABEZHIKMNOPTYXovp",
        strict=True,
    )
)
_LATIN = str.maketrans(_LOOKALIKES)
#: Where letters of those alphabets are; a word that has Latin letters or digits as well is a disguise, others are not.
_FOREIGN = re.compile(r"[\u0370-\u0527]+")
_OWN_LETTER = re.compile(f"(?![{''.join(_LOOKALIKES)}])[\u0370-\u0527]")
_LATIN_LETTER = re.compile(r"[A-Za-z0-9]")
_WORD_BEFORE = re.compile(r"[\w.@-]*\Z")
_WORD_AFTER = re.compile(r"[\w.@-]*")
_LONGEST_WORD = 64


@dataclass(frozen=True, slots=True)
class FoldedText:
    """A text as recognisers read it; `origins[i]` is where character `i` stands in the original, None where equal."""

    text: str
    origins: Sequence[int] | None = None

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """The span `[start, end)`, not empty, in characters of the original text."""
        if self.origins is None:
            return start, end
        return self.origins[start], self.origins[end - 1] + 1


def fold(text: str) -> FoldedText:
    """Replace disguised characters one for one and drop invisible ones; linear, and free for ASCII."""
    if text.isascii():
        return FoldedText(text)
    disguised, table = _disguises()
    plain = disguised.sub(lambda match: table[match.group()], text)
    if _FOREIGN.search(plain):
        # Where every letter of theirs looks like a Latin one, and Latin ones are there, no word is in another alphabet.
        is_disguised = not _OWN_LETTER.search(plain) and _LATIN_LETTER.search(plain)
        plain = plain.translate(_LATIN) if is_disguised else _FOREIGN.sub(_unmixed, plain)
    if not _INVISIBLE.search(plain):
        return FoldedText(plain)
    origins = array("q")
    pieces = []
    position = 0
    for hidden in _INVISIBLE.finditer(plain):
        pieces.append(plain[position : hidden.start()])
        origins.extend(range(position, hidden.start()))
        position = hidden.end()
    pieces.append(plain[position:])
    origins.extend(range(position, len(plain)))
    return FoldedText("".join(pieces), origins)


def _unmixed(letters: re.Match[str]) -> str:
    """The letters as Latin ones where the word around them has Latin ones."""
    text, start, end = letters.string, letters.start(), letters.end()
    before = _WORD_BEFORE.search(text[max(0, start - _LONGEST_WORD) : start])
    after = _WORD_AFTER.match(text, end, end + _LONGEST_WORD)
    around = (before.group() if before else "") + (after.group() if after else "")
    return letters.group().translate(_LATIN) if _LATIN_LETTER.search(around) else letters.group()


@lru_cache(maxsize=1)
def _disguises() -> tuple[re.Pattern[str], dict[str, str]]:
    """One character for one character, so that only invisible ones move an offset."""
    table = dict.fromkeys(_BLANKS, " ") | dict.fromkeys(_HYPHENS, "-") | {MASK: " "}
    # Full-width forms of the printable ASCII characters stand in ASCII's order.
    table |= {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if chr(code) not in table}
    digits = ((chr(code), unicodedata.decimal(chr(code), None)) for code in range(0x80, 0x1FFFF))
    table |= {char: str(digit) for char, digit in digits if digit is not None}
    return re.compile(f"[{re.escape(''.join(table))}]"), table
