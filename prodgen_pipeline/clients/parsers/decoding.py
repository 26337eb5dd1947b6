"""Bytes to text in any encoding.

Order: byte order mark, the pattern of NUL bytes (UTF-16 and UTF-32 without a mark), strict UTF-8, the encoding that
the document itself declares, a statistical guess, Windows-1252. Which format the text is in is `detection`'s to say.
"""

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE_BYTES = 32_768
#: With fewer bytes above 127 than this, statistics guess worse than "it is Windows-1252".
_MIN_HIGH_BYTES = 48
_LATIN_CODE_PAGES = {"cp1250", "cp1252", "cp1254", "cp1257", "iso8859_2", "iso8859_9", "latin_1", "cp850", "cp852"}
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)


def decode(data: bytes) -> str | None:
    """The text with line feeds as line ends and no byte order mark; None for bytes that are no text in any encoding."""
    text = _decode(data)
    return None if text is None else text.replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    if b"\0" in data[:_SAMPLE_BYTES]:
        wide = _wide_encoding(data[:4096])
        return data.decode(wide, "replace") if wide else None
    try:
        return _unless_binary(data.decode("utf-8"))
    except UnicodeDecodeError:
        return _decode_legacy(data)


def _wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32 by where the NUL bytes of mostly Latin text stand."""
    head = head[: len(head) // 4 * 4]
    if not head:
        return None
    nul_shares = [head[offset::4].count(0) / (len(head) / 4) for offset in range(4)]
    zeros = tuple(share > 0.5 for share in nul_shares)
    patterns: dict[tuple[bool, ...], str] = {
        (False, True, True, True): "utf-32-le",
        (True, True, True, False): "utf-32-be",
        (False, True, False, True): "utf-16-le",
        (True, False, True, False): "utf-16-be",
    }
    encoding = patterns.get(zeros)
    # Binary formats are full of NULs too, but not only in these places.
    clean = all(zero or share < 0.02 for zero, share in zip(zeros, nul_shares, strict=True))
    return encoding if clean else None


def _decode_legacy(data: bytes) -> str | None:
    """Text in a one-byte or East Asian encoding."""
    declared = _DECLARED.search(data[:4096])
    if declared and (text := _try(data, declared[1].decode("ascii"))) is not None:
        return text
    windows = _unless_binary(data.decode("cp1252", "replace"))
    n_high = sum(byte > 127 for byte in data[:_SAMPLE_BYTES])
    if windows is not None and n_high < _MIN_HIGH_BYTES and "\ufffd" not in windows:
        return windows
    guess = _guess(data[:_SAMPLE_BYTES])
    return _unless_binary(data.decode(guess, "replace")) if guess else windows


def _try(data: bytes, encoding: str) -> str | None:
    """The text if the encoding exists, is one for text, and fits nearly all bytes."""
    try:
        text = data.decode(encoding, "replace")
    except (LookupError, UnicodeError):
        return None
    return text if text.count("\ufffd") * 100 <= len(text) else None


def _guess(sample: bytes) -> str | None:
    from charset_normalizer import from_bytes

    matches = from_bytes(sample, steps=8, chunk_size=1024)
    best = matches.best()
    if best is None:
        return None
    # Code pages of one script family differ in a few letters, and a tie says nothing: Western is by far the commonest.
    equal = {match.encoding for match in matches if match.chaos <= best.chaos}
    return "cp1252" if "cp1252" in equal and best.encoding in _LATIN_CODE_PAGES else best.encoding


_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def _unless_binary(text: str) -> str | None:
    """None when more than one character in fifty of the start is a control character."""
    head = text[:_SAMPLE_BYTES]
    return None if len(_CONTROLS.findall(head)) * 50 > len(head) else text
