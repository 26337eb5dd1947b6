"""Read the small Markdown subset in which the sample corpus' binary documents are written.

Belongs here: from text to blocks. Does not: what a block looks like in a format (office.py, pdf.py).

A source file starts with front matter between `---` lines (title, author, date, kind) and goes on with headings,
paragraphs, `-` and `1.` items, tables, and `---` for a page break. Every paragraph and item is one line.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Literal

Kind = Literal["heading", "paragraph", "item", "step", "table", "page_break"]
_ITEM = re.compile(r"(?:-|(?P<number>\d+)\.) (?P<text>.+)")
_RULE_ROW = re.compile(r"[|\- ]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One piece of a document; `rows` only for tables (the first is the header), `level` only for headings."""

    kind: Kind
    text: str = ""
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A parsed source file."""

    title: str
    author: str
    created_at: datetime
    is_scan: bool
    blocks: tuple[Block, ...]


def parse(text: str) -> Source:
    """Parse one source file; raises ValueError without front matter."""
    opening, front, body = text.split("---\n", 2)
    if opening:
        raise ValueError("a source file starts with its front matter, between two lines of ---")
    fields = dict(line.split(": ", 1) for line in front.splitlines())
    return Source(
        title=fields["title"],
        author=fields.get("author", "unknown"),
        created_at=datetime.fromisoformat(fields.get("date", "2026-01-05") + "T08:00:00"),
        is_scan=fields.get("kind") == "scan",
        blocks=tuple(_blocks(body)),
    )


def _blocks(body: str) -> list[Block]:
    blocks: list[Block] = []
    lines = [line for line in body.splitlines() if line]
    for is_table, group in groupby(lines, key=lambda line: line.startswith("|")):
        if is_table:
            rows = [_cells(line) for line in group if not _RULE_ROW.fullmatch(line)]
            blocks.append(Block(kind="table", rows=tuple(rows)))
        else:
            blocks.extend(_block(line) for line in group)
    return blocks


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip("|").split("|"))


def _block(line: str) -> Block:
    if line == "---":
        return Block(kind="page_break")
    if line.startswith("#"):
        marks, text = line.split(" ", 1)
        return Block(kind="heading", text=text, level=len(marks))
    if item := _ITEM.fullmatch(line):
        return Block(kind="step" if item["number"] else "item", text=item["text"])
    return Block(kind="paragraph", text=line)
