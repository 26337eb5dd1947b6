"""Bytes of one document to typed elements, in any supported format.

Belongs here: `parse`, its limits and what holds for every format. One `*_reader` module per format reads it and is
imported when the first document of that format comes. Deciding which bytes to read is a document store's business;
normalising what was read is `core.cleaning`'s.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Protocol, cast

from prodgen_pipeline.clients.parsers.content import Content, Format, first_title, reject, storable
from prodgen_pipeline.clients.parsers.detection import detect
from prodgen_pipeline.clients.parsers.limits import limited
from prodgen_pipeline.core.configuration import ParsingConfig
from prodgen_pipeline.core.document_metadata import admissible
from prodgen_pipeline.core.errors import DocumentRejected
from prodgen_pipeline.core.models import Element, ParsedDocument, QuarantineReason

# Set, never read: the documented opt-outs of unstructured, which otherwise reports over the network when it is imported
# and on every document, and prints an advertisement. They count only when set before its first import: so here.
os.environ.update(DO_NOT_TRACK="1", UNSTRUCTURED_DISABLE_NOTICE="1")

#: Part of the stage's fingerprint: raise it when the output of any reader changes.
PARSERS_VERSION = "2"

_READERS = {
    Format.CSV: "delimited_reader",
    Format.DOCX: "docx_reader",
    Format.EML: "mail_reader",
    Format.HTML: "html_reader",
    Format.JSON: "json_reader",
    Format.MARKDOWN: "markdown_reader",
    Format.ORG: "org_reader",
    Format.PDF: "pdf_reader",
    Format.PPTX: "pptx_reader",
    Format.RST: "rst_reader",
    Format.SOURCE: "source_reader",
    Format.TEXT: "text_reader",
    Format.TSV: "delimited_reader",
    Format.XLSX: "xlsx_reader",
}
_MAX_TITLE_CHARS = 300
#: Text formats read by our own code, up to this size.
_LIGHT_FORMATS = {
    Format.CSV, Format.JSON, Format.MARKDOWN, Format.ORG, Format.RST, Format.SOURCE, Format.TEXT, Format.TSV
}  # fmt: skip
_LIGHT_BYTES = 250_000
#: ZIP and OLE: to tell what they hold they must be opened.
_CONTAINERS = (b"PK", b"\xd0\xcf\x11\xe0")


class _Reader(Protocol):
    #: Which library a failure is blamed on.
    LIBRARY: str

    def read(self, content: Content) -> ParsedDocument: ...


def parse(data: bytes, *, uri: str, config: ParsingConfig) -> ParsedDocument:
    """Read one document.

    The format is decided by content; `uri` only helps to tell text formats apart. Limits of time and memory hold when
    called in a process's main thread (see `limits.limited`). The time that a format's library takes to be imported, up
    to some seconds for a worker's first document of that format, is not counted.

    Raises:
        DocumentRejected: with a code of `QuarantineReason`, for whatever one document can do wrong.
    """
    if len(data) > config.max_document_bytes:
        limit = config.max_document_bytes
        message = f"The file has {len(data):,} bytes, more than the {limit:,} of parsing.max_document_bytes."
        reject(QuarantineReason.TOO_LARGE, message)
    with limited(config.timeout_seconds, config.max_memory_bytes), _blaming("The format detection", "file"):
        content = detect(data, uri, config)
    reader = _reader(content)  # imported outside the limits
    with limited(config.timeout_seconds, config.max_memory_bytes):
        return _read(reader, content)


def parse_light(data: bytes, *, uri: str, config: ParsingConfig) -> ParsedDocument | None:
    """Read a small document whose reader is our own code; None for every other, which needs a process of its own.

    No limits are set: our readers are linear in their input, allocate no more than a few times it, and load no library
    that could crash. Starting a worker would cost a hundred times the reading.

    Raises:
        DocumentRejected: as `parse` does.
    """
    if len(data) > _LIGHT_BYTES or data.startswith(_CONTAINERS):
        return None
    with _blaming("The format detection", "file"):
        content = detect(data, uri, config)
    return _read(_reader(content), content) if content.format in _LIGHT_FORMATS else None


def _reader(content: Content) -> _Reader:
    return cast(_Reader, import_module(f"{__name__}.{_READERS[content.format]}"))


def _read(reader: _Reader, content: Content) -> ParsedDocument:
    with _blaming(reader.LIBRARY, f"{content.format} document"):
        return _finished(reader.read(content), content)


@contextmanager
def _blaming(library: str, what: str) -> Iterator[None]:
    """Turn whatever a library raises over a damaged document into `corrupt`, without the library's own message."""
    try:
        yield
    except (DocumentRejected, MemoryError):
        raise
    except Exception as error:
        message = f"{library} could not read this {what}: {type(error).__name__}; supply an intact copy."
        reject(QuarantineReason.CORRUPT, message)


def _finished(document: ParsedDocument, content: Content) -> ParsedDocument:
    """Apply what holds for every format.

    Storable text, no empty element, the text limit, a media type, a title, and metadata with nothing personal in it.
    """
    elements = tuple(kept for element in document.elements if (kept := _storable(element)).text.strip())
    if not elements:
        reject(QuarantineReason.NO_TEXT, f"This {content.format} document holds no text.")
    n_chars = sum(len(element.text) for element in elements)
    limit = content.config.max_text_chars
    if n_chars > limit:
        message = f"The text has {n_chars:,} characters, more than the {limit:,} of parsing.max_text_chars."
        reject(QuarantineReason.TOO_LARGE, message)
    title = " ".join(storable(document.title or "").split()) or first_title(elements)
    return replace(
        document,
        elements=elements,
        title=title[:_MAX_TITLE_CHARS] if title else None,
        media_type=content.format.media_type,
        metadata=admissible({storable(key): storable(value) for key, value in document.metadata.items()}),
    )


def _storable(element: Element) -> Element:
    text = storable(element.text)
    return element if text == element.text else replace(element, text=text)
