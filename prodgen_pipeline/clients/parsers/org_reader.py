"""Org: headings, paragraphs on one line, lists, blocks, tables, keywords.

A light reader: unstructured converts through a pandoc process per document (0.5 s each). Drawers, comments, planning
lines and tags leave no trace. Inline mark-up is `inline`'s.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from prodgen_pipeline.clients.parsers.content import Content, code, list_item, paragraph, table, title
from prodgen_pipeline.clients.parsers.inline import plain_org
from prodgen_pipeline.core.models import Element, ParsedDocument

LIBRARY = "The Org reader"

_HEADING = re.compile(
    r"(\*+)\s+(?:(?:TODO|DONE|NEXT|WAITING|CANCELLED)\s+)?(?:\[#\w\]\s+)?(.*?)(?:\s+:[\w@#%:]+:)?\s*$"
)
_BLOCK = re.compile(r"\s*#\+begin_(\w+)(?:\s+(\S+))?", re.IGNORECASE)
_KEYWORD = re.compile(r"\s*#\+([\w-]+):\s*(.*)$")
_ITEM = re.compile(r"(\s*)(?:[-+]|(?<=\s)\*|(\d+[.)]))\s+(?:\[[ X-]\]\s+)?(?=\S)")
_DRAWER = re.compile(r"\s*:[A-Z_-]+:\s*$", re.IGNORECASE)
_PLANNING = re.compile(r"\s*(?:SCHEDULED|DEADLINE|CLOSED|CLOCK):")
#: Keywords that say what the document is.
_SAYING = frozenset("category filetags keywords language date status type version topic".split())
_CODE_BLOCKS = frozenset(("src", "example", "export", "verbatim"))


def read(content: Content) -> ParsedDocument:
    """Elements in order; the title is `#+TITLE:`, else the first heading."""
    reader = _Reader()
    reader.blocks(content.text.expandtabs(8).split("\n"))
    return ParsedDocument(elements=tuple(reader.elements), title=reader.title, metadata=reader.keywords)


@dataclass(slots=True)
class _Reader:
    """Goes through lines and collects elements."""

    elements: list[Element] = field(default_factory=list)
    title: str | None = None
    #: Of the whole document, each but its first occurrence ignored; those that say how to print or run it left out.
    keywords: dict[str, str] = field(default_factory=dict)

    def blocks(self, lines: Sequence[str]) -> None:
        """Read every block of lines."""
        at = 0
        while at < len(lines):
            at = self._block(lines, at) if lines[at].strip() else at + 1

    def _block(self, lines: Sequence[str], at: int) -> int:
        line = lines[at]
        if line[0] == "*" and (match := _HEADING.match(line)):
            self.elements.append(title(plain_org(match[2]), len(match[1]) + (self.title is not None)))
            return at + 1
        start = line.lstrip()
        if start[0] == "#":
            return self._hash(lines, at)
        if start[0] == "|":
            return self._table(lines, at)
        if start[0] == ":":
            return self._colon(lines, at)
        if match := _ITEM.match(line):
            return self._item(lines, at, match)
        if _PLANNING.match(line) or (len(start) >= 5 and not start.strip("-")):
            return at + 1
        end = _text_end(lines, at)
        self.elements.append(paragraph(plain_org(" ".join(part.strip() for part in lines[at:end]))))
        return end

    def _hash(self, lines: Sequence[str], at: int) -> int:
        """Blocks, keywords and comments."""
        if match := _BLOCK.match(lines[at]):
            closing = f"#+end_{match[1].lower()}"
            end = next((n for n in range(at + 1, len(lines)) if lines[n].strip().lower() == closing), len(lines))
            if match[1].lower() in _CODE_BLOCKS:
                self.elements.append(code(lines[at + 1 : end], match[2] if match[1].lower() == "src" else None))
            elif match[1].lower() != "comment":
                self.blocks(lines[at + 1 : end])
            return end + 1
        match = _KEYWORD.match(lines[at])
        if match and match[1].lower() in _SAYING:
            self.keywords.setdefault(match[1].lower(), match[2].strip(" :").replace(":", ", "))
        if match and match[1].lower() == "title" and self.title is None:
            self.title = match[2].strip() or None
            self.elements.append(title(match[2], 1))
        elif match and match[1].lower() in ("subtitle", "author", "date", "description", "caption"):
            self.elements.append(paragraph(plain_org(f"{match[1].capitalize()}: {match[2]}")))
        return at + 1

    def _colon(self, lines: Sequence[str], at: int) -> int:
        """Drawers, which are skipped, and fixed-width lines, which are code."""
        if _DRAWER.match(lines[at]):
            end = next((n for n in range(at + 1, len(lines)) if lines[n].strip().upper() == ":END:"), at)
            return end + 1
        end = at
        while end < len(lines) and re.match(r"\s*:(?: |$)", lines[end]):
            end += 1
        if end == at:
            self.elements.append(paragraph(plain_org(lines[at].strip())))
            return at + 1
        self.elements.append(code([line.lstrip()[2:] for line in lines[at:end]]))
        return end

    def _table(self, lines: Sequence[str], at: int) -> int:
        end = at
        while end < len(lines) and lines[end].lstrip().startswith("|"):
            end += 1
        rows = [line.strip().strip("|") for line in lines[at:end]]
        is_rule = [row.startswith("-") and not row.strip("-+ ") for row in rows]
        has_header = any(is_rule[1:-1]) and not is_rule[0]
        cells = [
            [plain_org(cell) for cell in row.split("|")] for row, rule in zip(rows, is_rule, strict=True) if not rule
        ]
        self.elements.append(table(cells, has_header=has_header))
        return end

    def _item(self, lines: Sequence[str], at: int, match: re.Match[str]) -> int:
        """One item with the lines that go on with it; nested items follow as items of their own."""
        end = at + 1
        while end < len(lines) and lines[end].startswith(" " * (len(match[1]) + 1)) and not _starts_block(lines[end]):
            end += 1
        text = " ".join((lines[at][match.end() :].strip(), *(line.strip() for line in lines[at + 1 : end])))
        label = f"{match[2]} " if match[2] else ""
        self.elements.append(list_item(label + plain_org(text.replace(" :: ", ": ", 1))))
        return end


def _starts_block(line: str) -> bool:
    start = line.lstrip()
    return not start or line[0] == "*" or start[0] in "#|" or bool(_ITEM.match(line) or _DRAWER.match(line))


def _text_end(lines: Sequence[str], at: int) -> int:
    end = at + 1
    while end < len(lines) and not _starts_block(lines[end]):
        end += 1
    return end
