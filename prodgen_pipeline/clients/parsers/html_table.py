"""One HTML table to a table element. Pages are `html_reader`'s; unstructured and Markdown hand over single tables."""

from lxml import etree, html

from prodgen_pipeline.clients.parsers.content import has_header, paragraph, table
from prodgen_pipeline.core.models import Element

#: Beyond these a span is an error of the page, or an attack.
_MAX_SPAN = 100
_MAX_COLUMNS = 2_000


def table_of_markup(markup: str | None, text: str = "", page: int | None = None) -> Element:
    """A table element of an HTML table. `text` is the last resort where there is no mark-up."""
    root = html.fromstring(markup) if markup else None
    if root is None:
        return paragraph(text, page)
    for element in root.iter("table"):
        expand_spans(element)
    rows: list[list[str]] = []
    is_marked = False
    for row in root.iter("tr"):
        cells = _cells(row)
        texts = ["".join(cell.itertext()) for cell in cells]
        if any(text.strip() for text in texts):
            is_marked = is_marked or (not rows and all(cell.tag == "th" for cell in cells))
            rows.append(texts)
    return table(rows, has_header=is_marked or has_header(rows), page=page)


def own_parts(element: etree._Element, *tags: str) -> list[etree._Element]:
    """The parts of this table, without those of tables inside its cells."""
    return [part for part in element.iter(*tags) if next(part.iterancestors("table"), None) is element]


def expand_spans(element: etree._Element) -> None:
    """Give every row a cell per column: empty after a cell that spans columns, repeated below one that spans rows.

    A row keeps its name so when the table is cut into chunks. unstructured drops both attributes.
    """
    below: dict[int, tuple[int, etree._Element]] = {}
    for row in own_parts(element, "tr"):
        column = 0
        for cell in _cells(row):
            column = _fill(row, cell, column, below)
            n_columns, n_rows = _span(cell, "colspan"), _span(cell, "rowspan")
            if n_rows > 1:
                below[column] = (n_rows - 1, cell)
            for _ in range(n_columns - 1):
                cell.addnext(etree.Element(cell.tag))
            column += n_columns
        _fill(row, None, column, below)


def _fill(
    row: etree._Element, cell: etree._Element | None, column: int, below: dict[int, tuple[int, etree._Element]]
) -> int:
    """Insert copies of the cells that reach down into the row from `column` on; the next free column."""
    while column in below and column < _MAX_COLUMNS:
        n_left, above = below.pop(column)
        copy = etree.Element(above.tag)
        copy.text = "".join(above.itertext())
        if cell is None:
            row.append(copy)
        else:
            cell.addprevious(copy)
        if n_left > 1:
            below[column] = (n_left - 1, above)
        column += 1
    return column


def _cells(row: etree._Element) -> list[etree._Element]:
    return [cell for cell in row if cell.tag in ("td", "th")]


def _span(cell: etree._Element, name: str) -> int:
    """The value of `colspan` or `rowspan`; the attribute is taken off, so that expanding twice changes nothing."""
    value = cell.attrib.pop(name, "1")
    return min(int(value), _MAX_SPAN) if value.isdecimal() and int(value) > 0 else 1
