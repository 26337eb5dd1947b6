"""What a reader gets and the few ways it makes elements; shared by every reader of this room.

Belongs here: the format names, `Content`, and constructors of `Element` that keep their rules (tables as
tab-separated rows). Deciding the format is `detection`'s; reading one is its own `*_reader` module's.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from prodgen_pipeline.core.configuration import ParsingConfig
from prodgen_pipeline.core.errors import DocumentRejected
from prodgen_pipeline.core.models import Element, ElementType, QuarantineReason


class Format(StrEnum):
    """A format with a reader; the value is the name people know it by."""

    CSV = "CSV"
    DOCX = "DOCX"
    EML = "e-mail"
    HTML = "HTML"
    JSON = "JSON"
    MARKDOWN = "Markdown"
    ORG = "Org"
    PDF = "PDF"
    PPTX = "PPTX"
    RST = "reStructuredText"
    SOURCE = "source code"
    TEXT = "text"
    TSV = "TSV"
    XLSX = "XLSX"

    @property
    def media_type(self) -> str:
        """The registered ISO media type."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    Format.CSV: "text/csv",
    Format.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    Format.EML: "message/rfc822",
    Format.HTML: "text/html",
    Format.JSON: "application/json",
    Format.MARKDOWN: "text/markdown",
    Format.ORG: "text/x-org",
    Format.PDF: "application/pdf",
    Format.PPTX: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    Format.RST: "text/x-rst",
    # Nothing is registered for most languages.
    Format.SOURCE: "text/x-source",
    Format.TEXT: "text/plain",
    Format.TSV: "text/tab-separated-values",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One document as its reader gets it: the format decided, text formats decoded."""

    format: Format
    data: bytes
    #: Decoded with line ends as "\n"; empty for binary formats.
    text: str
    config: ParsingConfig
    #: Source code: its file's name and its language, by the extension.
    name: str = ""
    language: str | None = None


def reject(reason: QuarantineReason, message: str) -> NoReturn:
    """Raise `DocumentRejected`; the message must hold no document text."""
    raise DocumentRejected(reason, message) from None


def limit_pages(n_pages: int, config: ParsingConfig, unit: str = "pages") -> None:
    """Raise `too_large` when a document has more pages, slides or sheets than the configuration allows."""
    if n_pages > config.max_pages:
        message = f"The document has {n_pages:,} {unit}, more than the {config.max_pages:,} of parsing.max_pages."
        reject(QuarantineReason.TOO_LARGE, message)


def title(text: str, level: int, page: int | None = None) -> Element:
    """A heading; levels beyond 6 are 6."""
    return Element(type=ElementType.TITLE, text=text, level=min(max(level, 1), 6), page=page)


def paragraph(text: str, page: int | None = None) -> Element:
    """Running text."""
    return Element(type=ElementType.PARAGRAPH, text=text, page=page)


def list_item(text: str, page: int | None = None) -> Element:
    """One item of a list, its bullet removed, its number kept."""
    return Element(type=ElementType.LIST_ITEM, text=text, page=page)


def code(lines: Sequence[str], language: str | None = None) -> Element:
    """Verbatim lines without their common indentation and without blank lines around them."""
    language = (language or "").strip().lower() or None
    return Element(type=ElementType.CODE, text="\n".join(dedented(lines)).strip("\n"), language=language)


def table(rows: Iterable[Sequence[str]], *, has_header: bool, page: int | None = None) -> Element:
    """Rows of cells as tab-separated lines; white space within a cell, tabs and line ends too, becomes one space."""
    lines = ("\t".join(" ".join(cell.split()) for cell in row) for row in rows)
    text = "\n".join(line for line in lines if line.strip())
    return Element(type=ElementType.TABLE, text=text, has_header=has_header, page=page)


_NUMBER = re.compile(r"[\s$€£%+-]*\d[\d.,:/ %-]*$")


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """True when a first row without numbers or gaps stands above at least one more: how people name columns."""
    if len(rows) < 2:
        return False
    first = [cell.strip() for cell in rows[0]]
    return all(first) and not any(_NUMBER.match(cell) for cell in first)


def dedented(lines: Sequence[str]) -> list[str]:
    """The lines without the white space that all non-blank ones start with."""
    depth = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return [line[depth:] for line in lines] if depth else list(lines)


def first_title(elements: Iterable[Element]) -> str | None:
    """The text of the first heading on one line."""
    return next((" ".join(element.text.split()) for element in elements if element.type is ElementType.TITLE), None)


#: What PostgreSQL refuses in text: NUL, and surrogates without their partner.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """The text with NUL and lone surrogates replaced by U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)
