"""Source code: one element with its language, as it stands; where it may be cut is `core.chunking.code_structure`'s."""

from prodgen_pipeline.clients.parsers.content import Content
from prodgen_pipeline.core.models import Element, ElementType, ParsedDocument

LIBRARY = "source"


def read(content: Content) -> ParsedDocument:
    """The file's name is the title: it says what the code is about where nothing else does."""
    code = Element(type=ElementType.CODE, text=content.text.strip("\n"), language=content.language)
    return ParsedDocument(elements=(code,), title=content.name)
