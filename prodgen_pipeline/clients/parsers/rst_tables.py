"""The four table forms of reStructuredText, as table elements. Everything else of the format is in `rst_reader`."""

import csv
import re
from collections.abc import Mapping, Sequence

from prodgen_pipeline.clients.parsers.content import dedented, table
from prodgen_pipeline.clients.parsers.inline import plain_rst
from prodgen_pipeline.core.models import Element


def simple_table(lines: Sequence[str]) -> Element:
    """A table between `=== ===` borders. A row with nothing in its first column goes on with the row above."""
    columns = [match.span() for match in re.finditer("=+", lines[0])]
    starts = [start for start, _end in columns]
    rows: list[list[str]] = []
    n_borders, header_rows = 1, 0
    for line in lines[1:]:
        if line.startswith("==") and not line.strip("= "):
            n_borders += 1
            header_rows = len(rows) if n_borders == 2 else header_rows
        elif line.strip() and not (line.strip("- ") == "" and "--" in line):
            cells = _cut(line, starts)
            if cells[0] or not rows:
                rows.append(cells)
            else:
                rows[-1] = _joined(rows[-1], cells)
    return _table(rows, has_header=n_borders > 2 and header_rows > 0)


def grid_table(lines: Sequence[str]) -> Element:
    """A table drawn with `+---+` and `|`. A cell that spans columns is split where the lines below it are."""
    starts = [match.end() for match in re.finditer(r"\+", lines[0])][:-1]
    rows: list[list[str]] = []
    is_new, has_header = True, False
    for line in lines[1:]:
        if line.startswith("+"):
            has_header = has_header or line.startswith("+=")
            is_new = True
            continue
        cells = [cell.strip().strip("|").strip() for cell in _cut(line.rstrip("|"), starts)]
        if is_new:
            rows.append(cells)
        else:
            rows[-1] = _joined(rows[-1], cells)
        is_new = False
    return _table(rows, has_header=has_header)


def list_table(lines: Sequence[str], settings: Mapping[str, str]) -> Element:
    """The `list-table` directive: a bullet list of bullet lists."""
    rows: list[list[str]] = []
    for line in dedented(lines):
        text = line.strip()
        if line.startswith("* "):
            rows.append([])
            text = text[1:].strip()
        if rows and text.startswith(("- ", "* ")) or text in ("-", "*"):
            rows[-1].append(text[1:].strip())
        elif rows and rows[-1] and text:
            rows[-1][-1] = f"{rows[-1][-1]} {text}".strip()
    return _table(rows, has_header=settings.get("header-rows", "0").strip() not in ("", "0"))


def csv_table(lines: Sequence[str], settings: Mapping[str, str]) -> Element:
    """The `csv-table` directive, with its body in the document."""
    header = [settings["header"]] if settings.get("header") else []
    rows = [row for row in csv.reader([*header, *lines], skipinitialspace=True) if row]
    return _table(rows, has_header=bool(header) or settings.get("header-rows", "0").strip() not in ("", "0"))


def _cut(line: str, starts: Sequence[int]) -> list[str]:
    ends = [*starts[1:], len(line) + 1]
    return [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]


def _joined(above: Sequence[str], below: Sequence[str]) -> list[str]:
    return [f"{first} {second}".strip() for first, second in zip(above, below, strict=True)]


def _table(rows: Sequence[Sequence[str]], *, has_header: bool) -> Element:
    return table([[plain_rst(cell) for cell in row] for row in rows], has_header=has_header)
