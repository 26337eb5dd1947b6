"""DOCX through unstructured: headings by style, lists with their numbers, tables, running headers and footers, pages.

Footnotes and endnotes, which unstructured does not read, follow at the end. Comments are no part of the document.
"""

import io

from unstructured.partition.docx import partition_docx

from prodgen_pipeline.clients.parsers.content import Content, limit_pages, paragraph
from prodgen_pipeline.clients.parsers.ooxml import core_metadata, core_title, normalised, note_texts
from prodgen_pipeline.clients.parsers.unstructured_library import LIBRARY, QUIET, translated
from prodgen_pipeline.core.models import ParsedDocument

__all__ = ["LIBRARY", "read"]


def read(content: Content) -> ParsedDocument:
    """Elements in order. Pages are known only where Word has saved where it broke them."""
    found = partition_docx(file=io.BytesIO(normalised(content.data)), include_page_breaks=False, **QUIET)
    elements = tuple(translated(found))
    n_pages = max((element.page or 0 for element in elements), default=0)
    limit_pages(n_pages, content.config)
    elements += tuple(paragraph(text) for text in note_texts(content.data))
    return ParsedDocument(
        elements=elements, title=core_title(content.data), n_pages=n_pages or None, metadata=core_metadata(content.data)
    )
