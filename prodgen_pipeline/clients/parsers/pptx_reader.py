"""PPTX through unstructured: one page per slide, its title as a heading, its notes last."""

import io
from collections import defaultdict

from pptx import Presentation
from unstructured.documents.elements import Title
from unstructured.partition.pptx import partition_pptx

from prodgen_pipeline.clients.parsers.content import Content, limit_pages, paragraph
from prodgen_pipeline.clients.parsers.ooxml import core_metadata, core_title, normalised
from prodgen_pipeline.clients.parsers.unstructured_library import LIBRARY, QUIET, translated
from prodgen_pipeline.core.models import Element, ParsedDocument

__all__ = ["LIBRARY", "read"]


def read(content: Content) -> ParsedDocument:
    """Elements slide by slide, from top to bottom of each."""
    data = normalised(content.data)
    # unstructured puts notes before their slide's title, where they would belong to the slide before.
    notes = _notes(data)
    limit_pages(len(notes), content.config, "slides")
    slides: defaultdict[int, list[Element]] = defaultdict(list)
    for element in partition_pptx(file=io.BytesIO(data), include_page_breaks=False, **QUIET):
        # Below the title shape the library guesses titles from the look of the text.
        is_title = isinstance(element, Title) and not element.metadata.category_depth
        slides[element.metadata.page_number or 1] += translated([element], trust_titles=is_title)
    for number, text in enumerate(notes, start=1):
        slides[number] += [paragraph(text, number)] if text else []
    elements = tuple(element for number in sorted(slides) for element in slides[number])
    return ParsedDocument(
        elements=elements,
        title=core_title(content.data),
        n_pages=len(notes) or None,
        metadata=core_metadata(content.data),
    )


def _notes(data: bytes) -> list[str]:
    """The speaker's notes of every slide, empty where there are none."""
    slides = Presentation(io.BytesIO(data)).slides
    frames = [slide.notes_slide.notes_text_frame if slide.has_notes_slide else None for slide in slides]
    return [frame.text.strip() if frame is not None else "" for frame in frames]
