"""What of a chunk's text can be a sentence of an answer: sentences, table rows, list items, lines, whole listings.

Belongs here: breaking a hit's text into statements and wording a table row. Does not: which statement answers
(`answering`), sentence boundaries in prose (`sentences`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from prodgen_pipeline.core.sentences import sentence_spans

#: A listing is quoted whole up to here; of a longer one, lines.
MAX_LISTING_CHARS = 600
_KEY_LINE = re.compile(r"[A-Za-z][\w .\-/]{0,40}:(?:\s|$)")
_PERIOD = re.compile(r"(?:Q[1-4]|H[12]|FY)?\s?'?\d{2,4}")
_CODE_LINE = re.compile(r"^\s+\S|[;{}()=\[\]>\\|]\s*$|^[$#>]|^\w+[.=(]|[{};]")
MIN_PROSE_WORDS_PER_LINE = 5


class StatementKind(StrEnum):
    """What a statement was in its document."""

    SENTENCE = "sentence"
    ROW = "row"
    LINE = "line"
    LISTING = "listing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One quotable piece `[start, end)` of a text; `wording` is how an answer says it."""

    start: int
    end: int
    wording: str
    kind: StatementKind


def statements(text: str) -> list[Statement]:
    """Break a chunk's text into statements in reading order; none is empty, and they do not overlap."""
    found: list[Statement] = []
    for start, end in _blocks(text):
        block = text[start:end]
        if "\t" in block:
            found.extend(_rows(block, start))
        elif "\n" not in block or _is_wrapped_prose(block):
            found.extend(_sentences(block, start))
        elif len(block) <= MAX_LISTING_CHARS and not all(_KEY_LINE.match(line) for line in block.split("\n")):
            found.append(Statement(start=start, end=end, wording=block, kind=StatementKind.LISTING))
        else:
            found.extend(
                Statement(start=first, end=last, wording=text[first:last], kind=StatementKind.LINE)
                for first, last in _lines(block, start)
            )
    return found


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Yield the stretches between blank lines, without line ends around them."""
    bounds = [0]
    for match in re.finditer(r"\n[ \t]*\n", text):
        bounds.append(match.end())
    for start, end in pairwise([*bounds, len(text)]):
        block = text[start:end]
        if block.strip():
            first = start + len(block) - len(block.lstrip("\n"))
            yield first, start + len(block.rstrip())


def _lines(block: str, offset: int) -> Iterator[tuple[int, int]]:
    position = 0
    for line in block.split("\n"):
        if stripped := line.strip():
            first = offset + position + line.index(stripped)
            yield first, first + len(stripped)
        position += len(line) + 1


def _is_wrapped_prose(block: str) -> bool:
    """Whether the lines of a block are broken prose rather than code, verse or fields."""
    lines = block.split("\n")
    if any(_CODE_LINE.search(line) for line in lines) or all(_KEY_LINE.match(line) for line in lines):
        return False
    return len(block.split()) >= MIN_PROSE_WORDS_PER_LINE * len(lines)


def _sentences(block: str, offset: int) -> Iterator[Statement]:
    for start, end in sentence_spans(block):
        yield Statement(
            start=offset + start,
            end=offset + end,
            wording=" ".join(block[start:end].split()),
            kind=StatementKind.SENTENCE,
        )


def _rows(block: str, offset: int) -> Iterator[Statement]:
    """Word each row with its column names where the first row names columns."""
    spans = list(_lines_with_tabs(block, offset))
    rows = [[cell.strip() for cell in line.split("\t")] for _, _, line in spans]
    header = rows[0] if len(rows) > 1 and _names_columns(rows[0]) else None
    for (start, end, _), cells in list(zip(spans, rows, strict=True))[1 if header else 0 :]:
        wording = _worded(cells, header)
        if wording:
            yield Statement(start=start, end=end, wording=wording, kind=StatementKind.ROW)


def _lines_with_tabs(block: str, offset: int) -> Iterator[tuple[int, int, str]]:
    position = offset
    for line in block.split("\n"):
        if line.strip():
            yield position, position + len(line), line
        position += len(line) + 1


def _names_columns(cells: Sequence[str]) -> bool:
    """Whether a row looks like column names: no figures but years and quarters, and hardly anything left empty."""
    named = [cell for cell in cells if cell]
    has_figures = any(re.search(r"\d", cell) and not _PERIOD.fullmatch(cell) for cell in named)
    return not has_figures and len(named) >= max(1, len(cells) - 1)


def _worded(cells: Sequence[str], header: Sequence[str] | None) -> str:
    if header is None:
        filled = [cell for cell in cells if cell]
        return f"{filled[0]}: {filled[1]}" if len(filled) == 2 else "; ".join(filled)  # noqa: PLR2004
    names = [*header, *([""] * (len(cells) - len(header)))]
    pairs = [(name, cell) for name, cell in zip(names, cells, strict=False) if cell]
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in pairs)
