"""One HTML table to a table element. Pages are `html_reader`'s; unstructured and Markdown hand over single tables."""

from lxml import etree, html

from prodgen_pipeline.clients.parsers.content import has_header, paragraph, table
from prodgen_pipeline.core.models import Element


def table_of_markup(markup: str | None, text: str = "", page: int | None = None) -> Element:
    """A table element of an HTML table; cells that span columns leave empty ones. `text` is the last resort."""
    root = html.fromstring(markup) if markup else None
    if root is None:
        return paragraph(text, page)
    rows: list[list[str]] = []
    is_marked = False
    for row in root.iter("tr"):
        cells = [cell for cell in row if cell.tag in ("td", "th")]
        texts: list[str] = []
        for cell in cells:
            texts.append("".join(cell.itertext()))
            texts.extend([""] * (_span(cell) - 1))
        if any(text.strip() for text in texts):
            is_marked = is_marked or (not rows and all(cell.tag == "th" for cell in cells))
            rows.append(texts)
    return table(rows, has_header=is_marked or has_header(rows), page=page)


_MAX_SPAN = 100


def _span(cell: etree._Element) -> int:
    value = cell.get("colspan") or "1"
    return min(int(value), _MAX_SPAN) if value.isdigit() and int(value) > 0 else 1
