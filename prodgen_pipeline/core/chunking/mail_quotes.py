"""Which lines of a mail are quoted from earlier mails.

Belongs here: the marks that mail programs put before quoted text. Does not: reading a message (`clients.parsers`),
cutting it (`cutting`).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest

from prodgen_pipeline.core.models import Element, ElementType

_HEADER = re.compile(r"(?:From|To|Cc|Date|Subject|Newsgroups): ")
_QUOTED = re.compile(r"[ \t]*>")
#: "On Monday, Ann <ann@x> wrote:", possibly over two lines, in the languages that mail programs come in most; or with
#: the address at its end only.
_ATTRIBUTION = re.compile(
    r"(?!\s*>)[^\n]{0,200}(?:\n[^\n]{0,200})?"
    r"(?:\b(?:wrote|writes|schrieb|a écrit|escribió|ha scritto|schreef|escreveu|skrev|napisał|пишет|写道)|<[^<>\n]+>)"
    r"[^\n]{0,80}[:：]\s*$"
)
_MAX_ATTRIBUTION_CHARS = 400
_BEGINS_ATTRIBUTION = re.compile(r"(?:On|Am|Le|El|Il|Op|Em|Den|W dniu|\d{4})\b")
#: From such a line on everything is an earlier mail.
_FORWARDED = re.compile(
    r"-{2,} ?(?:Original Message|Forwarded message|Ursprüngliche Nachricht|Message d'origine|Mensaje original) ?-{2,}"
    r"|_{20,}|Begin forwarded message:"
    r"|(?:From|Von|De|Da): [^\n]{1,200}\s(?:Sent|Gesendet|Envoyé|Enviado|Inviato|Date): ",
    re.IGNORECASE,
)


def quote_borders(
    elements: Sequence[Element],
    spans: Sequence[tuple[int, int]],
    cost: Callable[[int, int], int],
    least: int,
) -> list[int]:
    """Return where new and quoted text meet in a mail, each at a line's start; between two, at least `least` pieces.

    Shorter stretches count as part of what stands before them. Empty for what is no mail.
    """
    if not elements or elements[0].type is not ElementType.MAIL_HEADER or not _HEADER.match(elements[0].text):
        return []
    borders: list[int] = []
    begin, quoted = spans[0][0], False
    stretches = list(_stretches(elements, spans))
    ends = [start for start, _ in stretches[1:]] + [spans[-1][1]]
    for (start, is_quoted), end in zip(stretches, ends, strict=True):
        if is_quoted != quoted and cost(start, end) >= least:
            if cost(begin, start) >= least:
                borders.append(start)
                begin = start
            quoted = is_quoted
    return borders


def _stretches(elements: Sequence[Element], spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, bool]]:
    """Starts of stretches of equal kind, and whether each is quoted."""
    quoted = False
    yield spans[0][0], quoted
    for element, (start, _) in zip(elements, spans, strict=True):
        if element.type is ElementType.MAIL_HEADER:
            continue
        for place, line_is_quoted, is_rest in _lines(element.text):
            if line_is_quoted != quoted:
                quoted = line_is_quoted
                yield start + place, quoted
            if is_rest:
                return


def _lines(text: str) -> Iterator[tuple[int, bool, bool]]:
    """Start of each line, whether it is quoted, and whether all that follows is; a line of attribution is quoted."""
    announces = _announces(text)
    place = 0
    lines = text.split("\n")
    for line, following in zip_longest(lines, lines[1:], fillvalue=""):
        if line.strip():
            is_rest = _FORWARDED.match(text, place) is not None
            begins = _BEGINS_ATTRIBUTION.match(line) is not None and _announces(f"{line}\n{following}")
            is_quoted = announces or is_rest or begins or _QUOTED.match(line) is not None or _announces(line)
            yield place, is_quoted, is_rest
        place += len(line) + 1


def _announces(text: str) -> bool:
    return len(text) < _MAX_ATTRIBUTION_CHARS and text[-1:] in ":：" and _ATTRIBUTION.match(text) is not None
