"""Characters that are not what their author meant: repairs from one text to another.

Belongs here: character rules, which know nothing of elements. Does not: rules about lines and pages (`layout`), which
rule applies where and in what order (`cleaning`).

Each function returns the very text it was given when there is nothing to do, and finds that out cheaply: most prose is
ASCII.
"""

import re
import unicodedata

#: Byte 0x80 to 0xFF as Windows-1252 shows it; where it shows nothing, as Latin-1 does.
_AS_BYTE = {ord(bytes([byte]).decode("cp1252", "ignore") or chr(byte)): byte for byte in range(0x80, 0x100)}
_TRAIL = "[" + "".join(re.escape(chr(char)) for char, byte in _AS_BYTE.items() if byte < 0xC0) + "]"
_LEAD_2, _LEAD_3, _LEAD_4 = "[Â-ß]", "[à-ï]", "[ð-ô]"
_MOJIBAKE = re.compile(f"{_LEAD_4}{_TRAIL}{{3}}|{_LEAD_3}{_TRAIL}{{2}}|{_LEAD_2}{_TRAIL}")
#: After a capital these marks may stand by themselves ("MAÇÃ»"): not enough evidence.
_QUOTES = frozenset("«»‹›“”„‘’‚–—…")
_MAX_ROUNDS = 3


def repair_encoding(text: str) -> str:
    """Undo UTF-8 that was read as Windows-1252 (`Ã©` for `é`), also twice over, where nothing else explains it."""
    if text.isascii():
        return text
    for _ in range(_MAX_ROUNDS):
        # Text that went wrong twice is repaired twice.
        repaired = _MOJIBAKE.sub(_decoded, text)
        if repaired == text:
            break
        text = repaired
    return text


def _decoded(match: re.Match[str]) -> str:
    found = match.group()
    if len(found) == 2 and not _is_evident(match):  # noqa: PLR2004
        return found
    try:
        return found.translate(_AS_BYTE).encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return found


def _is_evident(match: re.Match[str]) -> bool:
    """Say whether a two-character sequence is surely mojibake rather than two letters that do occur."""
    lead, trail = tuple(match.group())
    before = match.string[match.start() - 1 : match.start()]
    if trail in _QUOTES and before.isupper():
        return False
    # Leads other than Â and Ã begin Latin Extended, Greek, Cyrillic ...: only where they come in numbers.
    return lead in "ÂÃ" or len(_MOJIBAKE.findall(match.string, max(0, match.start() - 40), match.end() + 40)) > 1


def normalise_unicode(text: str) -> str:
    """Compose letters and their accents (NFC), so that equal words are equal texts."""
    return text if text.isascii() or unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_SOFT_HYPHEN_BREAK = re.compile("\xad[ \t]*\n[ \t]*")
#: A joiner between letters of scripts that need it (Persian, Indic) and in emoji stays; next to Latin it is noise.
_JOINER = re.compile("(?:^|(?<=[\0-\u024f]))[\u200c\u200d]+|[\u200c\u200d]+(?=[\0-\u024f]|$)")
_ASCII_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f]")
_INVISIBLE = re.compile(
    "[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)


def drop_control_characters(text: str) -> str:
    """Drop what is invisible (controls, zero-width or direction marks, soft hyphens, tags); line ends become LF."""
    if text.isascii() and not _ASCII_CONTROL.search(text):
        return text
    text = _LINE_ENDS.sub("\n", text)
    if text.isascii():
        return _INVISIBLE.sub("", text)
    return _JOINER.sub("", _INVISIBLE.sub("", _SOFT_HYPHEN_BREAK.sub("", text)))


_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
_LIGATURE = re.compile("[\ufb00-\ufb06]")


def expand_ligatures(text: str) -> str:
    """Spell out the Latin typographic ligatures (`ﬁ`)."""
    return text if text.isascii() or not _LIGATURE.search(text) else text.translate(_LIGATURES)
