"""XLSX through openpyxl: one page per sheet, its blocks of cells as tables, values as they were stored.

Not through unstructured 0.27, which renders sheets with pandas. Measured: `123456789.123` became `1.234568e+08`, `7`
above an empty cell `7.0`, a line end in a cell a backslash and an n, and 7.7 CPU-seconds per MB against 1.3 here.
"""

import datetime as dt
import io
import re
from collections.abc import Iterable, Iterator

from openpyxl import load_workbook

from prodgen_pipeline.clients.parsers.content import Content, has_header, limit_pages, paragraph, table, title
from prodgen_pipeline.clients.parsers.ooxml import core_metadata, core_title, normalised
from prodgen_pipeline.core.models import Element, ParsedDocument

LIBRARY = "openpyxl"

#: Names that spreadsheet programs give to sheets: no headings.
_DEFAULT_NAME = re.compile(r"(?:Sheet|Table|Tabelle|Feuil|Hoja|Foglio|Blad|Лист)\s*\d*$", re.IGNORECASE)


def read(content: Content) -> ParsedDocument:
    """Elements sheet by sheet; a formula is the value that was last calculated for it."""
    workbook = load_workbook(io.BytesIO(normalised(content.data)), read_only=True, data_only=True)
    sheets = workbook.worksheets
    limit_pages(len(sheets), content.config, "sheets")
    elements: list[Element] = []
    for page, sheet in enumerate(sheets, start=1):
        sheet.reset_dimensions()
        found = list(_sheet_elements(sheet.iter_rows(values_only=True), page))
        if found and not _DEFAULT_NAME.match(sheet.title):
            elements.append(title(sheet.title, 1, page))
        elements += found
    return ParsedDocument(
        elements=tuple(elements),
        title=core_title(content.data),
        n_pages=len(sheets),
        metadata=core_metadata(content.data),
    )


def _sheet_elements(rows: Iterable[tuple[object, ...]], page: int) -> Iterator[Element]:
    """A table per block of rows between empty rows; a row of one cell above or alone is a paragraph."""
    block: list[list[str]] = []
    for values in rows:
        cells = [_text(value) for value in values]
        if any(cells):
            block.append(cells)
        elif block:
            yield from _block_elements(block, page)
            block = []
    yield from _block_elements(block, page)


def _block_elements(block: list[list[str]], page: int) -> Iterator[Element]:
    start = 0
    while start < len(block) and sum(map(bool, block[start])) == 1 and not _is_column(block):
        yield paragraph(next(filter(None, block[start])), page)
        start += 1
    rows = _trimmed(block[start:])
    if rows:
        yield table(rows, has_header=has_header(rows), page=page)


def _is_column(block: list[list[str]]) -> bool:
    """True for several rows of one cell each in the same column: a list, kept together."""
    places = {tuple(bool(cell) for cell in row).index(True) for row in block}
    return len(block) > 3 and len(places) == 1 and all(sum(map(bool, row)) == 1 for row in block)


def _trimmed(rows: list[list[str]]) -> list[list[str]]:
    """Rows without the columns that are empty on the left and on the right, all of one width."""
    used = [number for row in rows for number, cell in enumerate(row) if cell]
    if not used:
        return []
    first, last = min(used), max(used) + 1
    return [(row + [""] * (last - len(row)))[first:last] for row in rows]


def _text(value: object) -> str:
    """A cell as people read it: 15 significant digits as spreadsheets keep them, dates in ISO form."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time.min else value.isoformat(sep=" ", timespec="seconds")
    return str(value).strip()
