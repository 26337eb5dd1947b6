"""unstructured, made to work offline, and its elements translated into ours.

Belongs here: what every partitioner needs. Which partitioner reads what, and what is repaired before and after, is
the format's reader module's business.

It reports to its maker and advertises unless told not to: the package's `__init__`, which is imported before this,
does so. It tells prose from titles with spaCy's `en_core_web_sm` and downloads that where it is missing. A blank
English pipeline takes its place, always, so that one file gives the same elements on every machine: only its sentence
boundaries matter here, because a heading is taken from the format's own mark-up and never from such a guess. With the
tags and sentences of `clients.language` in its place, 84 DOCX, HTML, PPTX and mail files gave the same elements, each
process 0.7 s later; whoever calls the library's own guesses gets that pipeline from there.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import spacy
from unstructured.documents import elements as library
from unstructured.nlp import tokenize

from prodgen_pipeline.clients.parsers.content import code, list_item, paragraph, title
from prodgen_pipeline.clients.parsers.html_table import table_of_markup
from prodgen_pipeline.core.models import Element, ElementType

LIBRARY = "unstructured"

#: Keeps every partitioner from detecting languages, which nothing here uses and which costs most of its time.
QUIET: Mapping[str, Any] = {"languages": [""]}


def _blank_english() -> spacy.language.Language:
    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    return pipeline


_PIPELINE = _blank_english()
tokenize._get_nlp = lambda: _PIPELINE  # type: ignore[assignment]  # the one place that loads a model by name


def translated(elements: Iterable[library.Element], *, trust_titles: bool = True) -> Iterator[Element]:
    """Our elements for the library's, in the same order; page breaks and images without text leave none.

    `trust_titles` says that titles come from mark-up, not from the look of the text.
    """
    for element in elements:
        text = (element.text or "").strip("\n")
        page = element.metadata.page_number
        if isinstance(element, library.Table):
            yield table_of_markup(element.metadata.text_as_html, text, page)
        elif isinstance(element, library.CodeSnippet):
            yield code(text.split("\n"))
        elif isinstance(element, library.Title) and trust_titles:
            yield title(" ".join(text.split()), (element.metadata.category_depth or 0) + 1, page)
        elif isinstance(element, library.ListItem):
            yield list_item(text.strip(), page)
        elif isinstance(element, library.Header | library.Footer):
            kind = ElementType.PAGE_HEADER if isinstance(element, library.Header) else ElementType.PAGE_FOOTER
            yield Element(type=kind, text=text, page=page)
        elif not isinstance(element, library.PageBreak | library.Image):
            yield paragraph(text.strip(), page)
