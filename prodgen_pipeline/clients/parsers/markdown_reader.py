"""Markdown (CommonMark and GitHub's tables): headings, paragraphs on one line, lists, code, tables, front matter.

A light reader. Measured with unstructured 0.27 (which goes through HTML): 9.7 CPU-seconds per MB against about 0.2
here, and code loses its language. Inline mark-up is `inline`'s; HTML blocks keep their text and lose their tags.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from prodgen_pipeline.clients.parsers.content import Content, code, list_item, paragraph, table, title
from prodgen_pipeline.clients.parsers.html_table import table_of_markup
from prodgen_pipeline.clients.parsers.inline import plain_markdown
from prodgen_pipeline.core.models import Element, ElementType, ParsedDocument

LIBRARY = "The Markdown reader"

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))??(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*(?:\{?\.?([^\s`{}]*))?[^`]*$")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_ITEM = re.compile(r"( {0,3})(?:[-*+]|(\d{1,9}[.)]))(?:[ \t]+|$)")
_TASK = re.compile(r"\[([ xX])\] ")
_QUOTE = re.compile(r" {0,3}> ?")
_TABLE_RULE = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_CELL_END = re.compile(r"(?<!\\)\|")
_REFERENCE = re.compile(r" {0,3}\[(?!\^)[^\]]+\]:[ \t]*\S+.*$")
_FOOTNOTE = re.compile(r" {0,3}\[\^([^\]]+)\]:[ \t]*")
_FRONT_FIELD = re.compile(r"([A-Za-z][\w-]*):[ \t]*(.*)$")
_FRONT_ITEM = re.compile(r"[ \t]*-[ \t]+([^:{\[]+)$")
_HTML_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_HTML_BLOCK = re.compile(r" {0,3}<(script|style|pre|table)\b", re.IGNORECASE)
_SCRIPT = re.compile(r"<(script|style)\b.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
#: Quotes and lists nested deeper than this are read as text.
_MAX_DEPTH = 30


def read(content: Content) -> ParsedDocument:
    """Elements in order; the title is the front matter's, else the first heading."""
    lines = [line.rstrip("\n") for line in content.text.split("\n")]
    start, fields = _front_matter(lines)
    reader = _Reader()
    reader.blocks(lines[start:])
    return ParsedDocument(elements=tuple(reader.elements), title=fields.pop("title", None), metadata=fields)


def _front_matter(lines: Sequence[str]) -> tuple[int, dict[str, str]]:
    """The number of lines of YAML or TOML front matter, and its fields that hold a text or a list of texts."""
    fence = lines[0].strip()
    if fence not in ("---", "+++"):
        return 0, {}
    end = next((number for number in range(1, min(len(lines), 200)) if lines[number].strip() in (fence, "...")), 0)
    pattern = _FRONT_FIELD if fence == "---" else re.compile(r"([A-Za-z][\w-]*)[ \t]*=[ \t]*(.*)$")
    fields = _front_fields(lines[1:end], pattern)
    named = {key: ", ".join(found) for key, found in fields.items() if found and all(found)}
    return (end + 1, named) if fields else (0, {})


def _front_fields(lines: Sequence[str], pattern: re.Pattern[str]) -> dict[str, list[str]]:
    """The texts of each field; an empty one among them says that it holds something else too."""
    fields: dict[str, list[str]] = {}
    values: list[str] = []
    for line in lines:
        if match := pattern.match(line):
            values = fields.setdefault(match[1].lower(), [])
            values += _front_values(match[2])
        elif match := _FRONT_ITEM.match(line):
            values += _front_values(match[1])
        elif line.startswith("["):
            values = []
        elif line.strip() and not line.startswith("#"):
            # A map within the field, or a text of several lines: neither is a value to narrow by.
            values.append("")
    return fields


def _front_values(text: str) -> list[str]:
    """The texts of a value: one, or those of a list in square brackets."""
    text = text.strip()
    inner = text[1:-1].split(",") if text.startswith("[") and text.endswith("]") else [text]
    return [value for each in inner if (value := each.strip().strip("\"'"))]


@dataclass(slots=True)
class _Reader:
    """Goes through blocks of lines and collects elements; quotes and list items are read by the same rules."""

    elements: list[Element] = field(default_factory=list)
    depth: int = 0

    def blocks(self, lines: Sequence[str]) -> None:
        """Read every block of lines."""
        at, end = 0, len(lines)
        while at < end:
            line = lines[at]
            if not line or line.isspace():
                at += 1
            elif line[0].isalpha():
                at = self._paragraph(lines, at)
            else:
                at = self._special_block(lines, at) or self._paragraph(lines, at)

    def _special_block(self, lines: Sequence[str], at: int) -> int | None:
        """The block that punctuation or white space starts; None when it is a paragraph."""
        line = lines[at]
        if match := _HEADING.match(line):
            self.elements.append(title(plain_markdown(match[2] or ""), len(match[1])))
            return at + 1
        if match := _FENCE.match(line):
            return self._fenced(lines, at, match)
        if line.startswith(("    ", "\t")):
            return self._indented(lines, at)
        if _RULE.match(line):
            return at + 1
        if match := _ITEM.match(line):
            return self._item(lines, at, match)
        if _QUOTE.match(line):
            return self._quote(lines, at)
        return self._marginal(lines, at)

    def _marginal(self, lines: Sequence[str], at: int) -> int | None:
        """Blocks whose first character is `[`, `<` or `|`."""
        line = lines[at]
        if _REFERENCE.match(line):
            return at + 1
        if match := _FOOTNOTE.match(line):
            end = _paragraph_end(lines, at)
            text = " ".join((line[match.end() :], *(part.strip() for part in lines[at + 1 : end])))
            self.elements.append(paragraph(f"[{match[1]}] {plain_markdown(text)}"))
            return end
        if _is_table(lines, at):
            return self._table(lines, at)
        if line.lstrip().startswith("<!--"):
            end = next((number + 1 for number in range(at, len(lines)) if "-->" in lines[number]), len(lines))
            return self._html(lines[at:end], end)
        if match := _HTML_BLOCK.match(line):
            return self._html_block(lines, at, match[1].lower())
        return None

    def _html_block(self, lines: Sequence[str], at: int, name: str) -> int:
        """An HTML element whose content is not Markdown, up to its end tag."""
        end = next((number + 1 for number in range(at, len(lines)) if f"</{name}" in lines[number].lower()), len(lines))
        if name == "pre":
            bare = (re.sub(r"</?(?:pre|code)[^>]*>", "", text) for text in lines[at:end])
            self.elements.append(code([html.unescape(text) for text in bare]))
        elif name == "table":
            self.elements.append(table_of_markup("\n".join(lines[at:end])))
        else:
            return self._html(lines[at:end], end)
        return end

    def _html(self, lines: Sequence[str], end: int) -> int:
        text = _SCRIPT.sub("", _HTML_COMMENT.sub("", "\n".join(lines)))
        self.elements.append(paragraph(plain_markdown(text).strip()))
        return end

    def _fenced(self, lines: Sequence[str], at: int, fence: re.Match[str]) -> int:
        mark = fence[1]
        end = at + 1
        while end < len(lines) and not (lines[end].lstrip().startswith(mark) and not lines[end].strip().strip(mark[0])):
            end += 1
        self.elements.append(code(lines[at + 1 : end], fence[2]))
        return end + 1

    def _indented(self, lines: Sequence[str], at: int) -> int:
        end = last = at
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith(("    ", "\t"))):
            end += 1
            if lines[end - 1].strip():
                last = end
        self.elements.append(code(lines[at:last]))
        return last

    def _quote(self, lines: Sequence[str], at: int) -> int:
        end = at
        while end < len(lines) and lines[end].strip() and (_QUOTE.match(lines[end]) or not _starts_block(lines[end])):
            end += 1
        self._deeper([_QUOTE.sub("", line, count=1) for line in lines[at:end]])
        return end

    def _deeper(self, lines: Sequence[str]) -> None:
        if self.depth >= _MAX_DEPTH:
            self.elements.append(paragraph(" ".join(line.strip() for line in lines)))
            return
        self.depth += 1
        self.blocks(lines)
        self.depth -= 1

    def _item(self, lines: Sequence[str], at: int, match: re.Match[str]) -> int:
        """One list item: its first paragraph as the item, what else it holds as blocks of their own."""
        first = lines[at][match.end() :]
        depth = match.end() if match.end() - match.start() < 6 and first else len(match[1]) + 2
        end = _item_end(lines, at, depth)
        start = len(self.elements)
        self._deeper(
            [
                _TASK.sub(lambda task: "" if task[1] == " " else "[x] ", first, count=1),
                *_outdented(lines[at + 1 : end], depth),
            ]
        )
        label = f"{match[2]} " if match[2] else ""
        if len(self.elements) > start and self.elements[start].type is ElementType.PARAGRAPH:
            self.elements[start] = list_item(label + self.elements[start].text)
        return end

    def _table(self, lines: Sequence[str], at: int) -> int:
        end = at + 2
        while end < len(lines) and lines[end].strip() and not _starts_block(lines[end]):
            end += 1
        rows = [_cells(line) for line in (lines[at], *lines[at + 2 : end])]
        self.elements.append(table(rows, has_header=any(rows[0])))
        return end

    def _paragraph(self, lines: Sequence[str], at: int) -> int:
        """A paragraph, a heading with a line under it, or a table without outer bars."""
        if _is_table(lines, at):
            return self._table(lines, at)
        end = _paragraph_end(lines, at)
        text = plain_markdown(_unwrapped(lines[at:end]))
        underline = _UNDERLINE.match(lines[end]) if end < len(lines) else None
        if underline:
            self.elements.append(title(text, 1 if underline[1][0] == "=" else 2))
            return end + 1
        self.elements.append(paragraph(text.strip()))
        return end


def _paragraph_end(lines: Sequence[str], at: int) -> int:
    end = at + 1
    while end < len(lines) and not _UNDERLINE.match(lines[end]) and not _starts_block(lines[end]):
        end += 1
    return end


_BLOCK_STARTS = frozenset("#`~>-*+_<|0123456789")


def _starts_block(line: str) -> bool:
    """True for a line that ends the paragraph above it."""
    text = line.lstrip()
    if not text:
        return True
    if text[0] not in _BLOCK_STARTS or len(line) - len(text) > 3:
        return False
    if (match := _ITEM.match(line)) and match.end() < len(line):
        return not match[2] or match[2][:-1] == "1"
    return bool(
        _HEADING.match(line) or _FENCE.match(line) or _QUOTE.match(line) or _RULE.match(line) or line.startswith("<!--")
    )


def _item_end(lines: Sequence[str], at: int, depth: int) -> int:
    """The end of an item: indented lines, and lines that lazily go on with its paragraph."""
    end = last = at + 1
    blank = False
    while end < len(lines):
        line = lines[end]
        if not line.strip():
            blank = True
        elif len(line) - len(line.lstrip()) >= min(depth, 4) or line[0] == "\t":
            blank, last = False, end + 1
        elif blank or _starts_block(line) or _ITEM.match(line):
            break
        else:
            last = end + 1
        end += 1
    return last


def _outdented(lines: Sequence[str], depth: int) -> list[str]:
    """Lines without up to `depth` columns of leading white space; four-space indentation under `- ` is common."""
    expanded = [line.expandtabs(4) for line in lines]
    return [line[min(depth, len(line) - len(line.lstrip())) :] for line in expanded]


def _unwrapped(lines: Sequence[str]) -> str:
    """Lines as one, except where a backslash or two spaces ask for a line break."""
    parts = [
        f"{line.strip()[:-1]}\n" if line.endswith("\\") else line.strip() + ("\n" if line.endswith("  ") else " ")
        for line in lines
    ]
    return "".join(parts).strip()


def _is_table(lines: Sequence[str], at: int) -> bool:
    below = lines[at + 1] if at + 1 < len(lines) else ""
    if "|" not in lines[at] or "-" not in below or not _TABLE_RULE.match(below):
        return False
    return len(_CELL_END.split(lines[at].strip().strip("|"))) == len(_CELL_END.split(below.strip().strip("|")))


def _cells(line: str) -> list[str]:
    text = line.strip()
    text = text.removeprefix("|")
    text = text[:-1] if text.endswith("|") and not text.endswith("\\|") else text
    return [plain_markdown(cell.strip().replace("\\|", "|")) for cell in _CELL_END.split(text)]
