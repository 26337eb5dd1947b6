"""Plain text: paragraphs between blank lines, headings only where they are unmistakable.

A light reader. Measured with unstructured 0.27: 3.7 CPU-seconds per MB against 0.05 here, short lines of prose called
titles and prose called UncategorizedText, because its classes come from a tagger that is not installed.
"""

import re
from collections.abc import Iterator

from prodgen_pipeline.clients.parsers.content import Content, list_item, paragraph, title
from prodgen_pipeline.core.models import Element, ParsedDocument

LIBRARY = "text"

_BLOCKS = re.compile(r"\n[ \t\f\v]*\n")
_ITEM = re.compile(r"[ \t]*(?:[-*+•‣◦▪·–]|\(?\d{1,3}[.)])[ \t]+(?=\S)")
_BULLET = re.compile(r"[ \t]*[-*+•‣◦▪·–][ \t]+")
_RULED = re.compile(r"([=\-~*#_])\1{2,}\s*$")


def read(content: Content) -> ParsedDocument:
    """Paragraphs keep their line ends: in plain text a line may be a row, a verse or an address."""
    return ParsedDocument(elements=tuple(paragraphs(content.text.replace("\f", "\n\n"))))


def paragraphs(text: str) -> Iterator[Element]:
    """Elements of plain text in order; also used for the bodies of messages."""
    for block in _BLOCKS.split(text):
        lines = [line.strip() for line in block.split("\n") if line.strip()]
        if not lines:
            continue
        if len(lines) > 1 and _RULED.match(lines[1]) and len(lines[0]) < 120:
            yield title(lines[0], 1 if lines[1][0] == "=" else 2)
            lines = lines[2:]
        if (
            len(lines) > 0
            and _ITEM.match(lines[0])
            and sum(bool(_ITEM.match(line)) for line in lines) > len(lines) // 3
        ):
            yield from _items(lines)
        elif lines and not all(_RULED.match(line) for line in lines):
            yield paragraph("\n".join(lines))


def _items(lines: list[str]) -> Iterator[Element]:
    """Items of a list whose lines may go on without a bullet."""
    item: list[str] = []
    for line in lines:
        if _ITEM.match(line) and item:
            yield list_item(_BULLET.sub("", " ".join(item), count=1))
            item = []
        item.append(line)
    yield list_item(_BULLET.sub("", " ".join(item), count=1))
