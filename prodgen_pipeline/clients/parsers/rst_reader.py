"""reStructuredText: sections, paragraphs on one line, lists, literal blocks, directives, tables, field lists.

A light reader: unstructured converts through a pandoc process per document (0.5 s each). Roles, substitutions and
includes are not resolved: their visible text stays. Tables are `rst_tables`'; inline mark-up is `inline`'s.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from prodgen_pipeline.clients.parsers.content import Content, code, dedented, list_item, paragraph, title
from prodgen_pipeline.clients.parsers.inline import plain_rst
from prodgen_pipeline.clients.parsers.rst_tables import csv_table, grid_table, list_table, simple_table
from prodgen_pipeline.core.models import Element, ElementType, ParsedDocument

LIBRARY = "The reStructuredText reader"

_FIELD = re.compile(r":([^:\s][^:]*):(?:\s+(.*))?$")
_HEADER_FIELD = re.compile(r"([A-Z][A-Za-z0-9-]*):(?: +(.*))?$")
_BULLET = re.compile(r"[*+\-•]\s+")
_NUMBERED = re.compile(r"(\(?(?:\d{1,4}|[A-Za-z]|#|[ivxlcdm]+|[IVXLCDM]+)[.)])\s+(?=\S)")
_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1*$")
_SIMPLE_BORDER = re.compile(r"=+(?: +=+)+$")
_GRID_BORDER = re.compile(r"\+(?:-+\+)+$")
_DIRECTIVE = re.compile(r"\.\. +(?:\|[^|]+\| +)?([A-Za-z][\w:+.-]*?) ?::(?:\s+(.*))?$")
_NOTE = re.compile(r"\.\. +(\[[^\]]+\])(?:\s+(.*))?$")
#: Lines that may stand before a document's field list, its title with blank lines, and lines that are looked at.
_TITLE_LINES, _HEAD_LINES = 6, 64
_OPTION = re.compile(r":[\w-]+:(?:\s|$)")

_CODE_DIRECTIVES = frozenset(
    ("code-block", "code", "sourcecode", "highlight-block", "parsed-literal", "literal", "doctest")
)
_CODE_DIRECTIVES |= frozenset(("testcode", "testoutput", "math", "productionlist", "prompt", "console"))
#: Directives whose body or argument is no text for a reader of the document.
_SILENT = frozenset(
    "image raw include contents toctree highlight default-role role index only-meta meta sectnum class target-notes "
    "currentmodule module unicode replace literalinclude graphviz digraph tabs-meta header footer".split()
)


def read(content: Content) -> ParsedDocument:
    """Elements in order. `Name: value` lines at the top, as a PEP has, become one header element and the title."""
    reader = _Reader()
    lines = [line.rstrip() for line in content.text.expandtabs(8).split("\n")]
    start, fields = _header_block(lines)
    heading = None
    if fields:
        heading = fields.get("Title")
        if heading and "PEP" in fields:
            heading = f"PEP {fields['PEP']}: {heading}"
        text = "\n".join(f"{name}: {plain_rst(value)}" for name, value in fields.items() if value)
        reader.elements.append(Element(type=ElementType.MAIL_HEADER, text=text))
    if heading:
        reader.elements.append(title(heading, 1))
        reader.outer_level = 1
    reader.blocks(lines[start:])
    metadata = {name: plain_rst(value) for name, value in (fields or _field_list(lines)).items() if name != "Title"}
    return ParsedDocument(elements=tuple(reader.elements), title=heading, metadata=metadata)


def _field_list(lines: Sequence[str]) -> dict[str, str]:
    """The first field list (`:name: value`) near the top of a document that begins with its title."""
    head = lines[:_HEAD_LINES]
    start = next((number for number, line in enumerate(head) if _FIELD.match(line)), len(head))
    fields: dict[str, str] = {}
    for line in head[start:]:
        match = _FIELD.match(line)
        if match is None:
            break
        fields[match[1]] = match[2] or ""
    return fields if start <= _TITLE_LINES else {}


def _header_block(lines: Sequence[str]) -> tuple[int, dict[str, str]]:
    """RFC 822 style fields on the first lines, at least two of them, and the number of lines they take."""
    fields: dict[str, str] = {}
    name = ""
    for number, line in enumerate(lines):
        if not line:
            return (number, fields) if len(fields) >= 2 else (0, {})
        if match := _HEADER_FIELD.match(line):
            name = match[1]
            fields[name] = match[2] or ""
        elif line[0] == " " and name:
            fields[name] = f"{fields[name]} {line.strip()}".strip()
        else:
            break
    return 0, {}


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _indented_end(lines: Sequence[str], start: int) -> int:
    """The end of the block of indented or blank lines from `start`, blank lines at its end left out."""
    last = end = start
    while end < len(lines) and (not lines[end] or lines[end][0] == " "):
        end += 1
        if lines[end - 1]:
            last = end
    return last


@dataclass(slots=True)
class _Reader:
    """Goes through blocks of lines and collects elements; nested blocks are read by the same rules."""

    elements: list[Element] = field(default_factory=list)
    #: Section styles (character, overlined) in order of appearance: their position is the level.
    styles: list[tuple[str, bool]] = field(default_factory=list)
    outer_level: int = 0

    def blocks(self, lines: Sequence[str]) -> None:
        """Read every block of lines whose indentation is already taken off."""
        at, end = 0, len(lines)
        while at < end:
            at = self._block(lines, at) if lines[at] else at + 1

    def _block(self, lines: Sequence[str], at: int) -> int:
        """Read the block that starts at a non-blank line; the number of the line after it."""
        line = lines[at]
        if line[0] == " ":
            end = _indented_end(lines, at)
            self.blocks(dedented(lines[at:end]))
            return end
        if not line[0].isalnum():
            special = self._special_block(lines, at)
            if special:
                return special
        if (match := _NUMBERED.match(line)) and self._is_item(lines, at, match.end()):
            return self._item(lines, at, match.end(), match[1] + " ")
        if at + 1 < len(lines) and self._is_section(line, lines[at + 1]):
            self._section(line, lines[at + 1][0], overlined=False)
            return at + 2
        return self._paragraph(lines, at)

    def _special_block(self, lines: Sequence[str], at: int) -> int | None:
        """Blocks that punctuation starts; None when it is a paragraph after all."""
        line = lines[at]
        if line.startswith("..") and (len(line) == 2 or line[2] == " "):
            return self._explicit(lines, at)
        if match := _BULLET.match(line):
            return self._item(lines, at, match.end(), "")
        if line.startswith(">>> "):
            return self._doctest(lines, at)
        if line[0] == ":" and (match := _FIELD.match(line)):
            end = _indented_end(lines, at + 1)
            body = " ".join(part.strip() for part in (match[2] or "", *lines[at + 1 : end]) if part.strip())
            self.elements.append(paragraph(f"{match[1]}: {plain_rst(body)}"))
            return end
        if line.startswith("| "):
            return self._line_block(lines, at)
        if line.startswith("__ "):
            return at + 1
        if _GRID_BORDER.match(line):
            return self._table(lines, at, grid_table, lambda row: row[:1] in ("+", "|"))
        if _SIMPLE_BORDER.match(line):
            return self._simple_table(lines, at)
        return self._adorned(lines, at) if _ADORNMENT.match(line) else None

    def _adorned(self, lines: Sequence[str], at: int) -> int | None:
        """An overlined section title, a transition, or a paragraph that is only `::`."""
        line = lines[at]
        if line == "::":
            return self._literal(lines, at + 1)
        below = lines[at + 2] if at + 2 < len(lines) else ""
        if len(line) >= 3 and below[:1] == line[0] and _ADORNMENT.match(below) and lines[at + 1]:
            self._section(lines[at + 1].strip(), line[0], overlined=True)
            return at + 3
        return at + 1 if len(line) >= 4 else None

    @staticmethod
    def _is_section(line: str, below: str) -> bool:
        if not below or below[0].isalnum() or not _ADORNMENT.match(below):
            return False
        return len(below) >= min(len(line), 4) and below != "::" and below != ".."

    def _section(self, text: str, character: str, *, overlined: bool) -> None:
        style = (character, overlined)
        if style not in self.styles:
            self.styles.append(style)
        self.elements.append(title(plain_rst(text), self.styles.index(style) + 1 + self.outer_level))

    def _paragraph(self, lines: Sequence[str], at: int) -> int:
        """A paragraph, a definition, or the line before a literal block."""
        end = at + 1
        while end < len(lines) and lines[end] and (lines[end][0] != " " or end > at + 1):
            end += 1
        is_term = end == at + 1 and end < len(lines) and lines[end] and not lines[at].endswith("::")
        if is_term:
            return self._definition(lines, at)
        text = " ".join(line.strip() for line in lines[at:end])
        if not text.endswith("::"):
            self.elements.append(paragraph(plain_rst(text)))
            return end
        self.elements.append(paragraph(plain_rst(text[:-2].rstrip() if text.endswith(" ::") else text[:-1])))
        return self._literal(lines, end)

    def _definition(self, lines: Sequence[str], at: int) -> int:
        end = _indented_end(lines, at + 1)
        self._nested(dedented(lines[at + 1 : end]), plain_rst(lines[at]) + ": ", paragraph)
        return end

    def _literal(self, lines: Sequence[str], at: int) -> int:
        """The indented block after `::`, verbatim."""
        end = _indented_end(lines, at)
        if end > at:
            self.elements.append(code(lines[at:end]))
        return max(end, at)

    def _doctest(self, lines: Sequence[str], at: int) -> int:
        end = next((number for number in range(at, len(lines)) if not lines[number]), len(lines))
        self.elements.append(code(lines[at:end], "python"))
        return end

    def _line_block(self, lines: Sequence[str], at: int) -> int:
        end = at
        while end < len(lines) and (lines[end].startswith("| ") or lines[end] == "|"):
            end += 1
        self.elements.append(paragraph("\n".join(plain_rst(line[2:]) for line in lines[at:end])))
        return end

    @staticmethod
    def _is_item(lines: Sequence[str], at: int, depth: int) -> bool:
        """False for a sentence that happens to start with `A.` or `I.`: its next line is not indented."""
        below = lines[at + 1] if at + 1 < len(lines) else ""
        return not below or _indent(below) >= min(depth, 2) or bool(_NUMBERED.match(below))

    def _item(self, lines: Sequence[str], at: int, depth: int, label: str) -> int:
        """One list item: its first paragraph as the item, what else it holds as blocks of their own."""
        end = at + 1
        last = end
        while end < len(lines) and (not lines[end] or lines[end][0] == " "):
            end += 1
            if lines[end - 1]:
                last = end
        body = [lines[at][depth:], *dedented_by(lines[at + 1 : last], depth)]
        self._nested(body, label, list_item)
        return last

    def _nested(self, body: Sequence[str], label: str, make: Callable[[str], Element]) -> None:
        """Read blocks; when they start with a paragraph, make it one element with the label before it."""
        start = len(self.elements)
        self.blocks(body)
        if len(self.elements) > start and self.elements[start].type is ElementType.PARAGRAPH:
            self.elements[start] = make(label + self.elements[start].text)
        elif label:
            self.elements.insert(start, make(label.rstrip(" :")))

    def _table(
        self, lines: Sequence[str], at: int, make: Callable[[Sequence[str]], Element], goes_on: Callable[[str], bool]
    ) -> int:
        end = at
        while end < len(lines) and goes_on(lines[end]):
            end += 1
        self.elements.append(make(lines[at:end]))
        return end

    def _simple_table(self, lines: Sequence[str], at: int) -> int:
        """Ends at the border that a blank line or the end of the text follows."""
        end = at + 1
        while end < len(lines):
            end += 1
            is_border = lines[end - 1].startswith("==") and not lines[end - 1].strip("= ")
            if is_border and (end == len(lines) or not lines[end]) and end - at > 2:
                break
        self.elements.append(simple_table(lines[at:end]))
        return end

    def _explicit(self, lines: Sequence[str], at: int) -> int:
        """Directives, footnotes and citations; targets, substitutions and comments leave no trace."""
        end = max(_indented_end(lines, at + 1), at + 1)
        body = lines[at + 1 : end]
        if match := _DIRECTIVE.match(lines[at]):
            self._directive(match[1].lower(), match[2] or "", dedented(body))
        elif match := _NOTE.match(lines[at]):
            self._nested([match[2] or "", *dedented(body)], match[1] + " ", paragraph)
        return end

    def _directive(self, name: str, argument: str, body: list[str]) -> None:
        options = 0
        while options < len(body) and _OPTION.match(body[options]):
            options += 1
        settings = dict(line[1:].split(":", 1) for line in body[:options])
        rest = dedented(body[options:])
        if name in _CODE_DIRECTIVES:
            language = argument if name in ("code-block", "code", "sourcecode") else ""
            lines = rest if language or not argument else [argument, *rest]
            self.elements.append(code(lines, language))
        elif name in ("list-table", "csv-table"):
            self._caption(argument)
            self.elements.append((list_table if name == "list-table" else csv_table)(rest, settings))
        elif name == "figure":
            self.blocks(rest)
        elif name not in _SILENT:
            self._prose(name, argument, rest)

    def _prose(self, name: str, argument: str, rest: list[str]) -> None:
        """Admonitions and unknown directives: their argument is text too (`note`), a name (`function`) or a title."""
        if name in ("table", "topic", "rubric", "sidebar", "admonition", "container", "epigraph"):
            self._caption(argument if name != "container" else "")
            self.blocks(rest)
        elif ":" in name or name in ("function", "class", "method", "data", "attribute", "describe", "exception"):
            self.elements.append(code([argument]))
            self.blocks(rest)
        else:
            self.blocks([argument, *rest])

    def _caption(self, text: str) -> None:
        if text:
            self.elements.append(paragraph(plain_rst(text)))


def dedented_by(lines: Sequence[str], depth: int) -> list[str]:
    """Lines without up to `depth` leading spaces: an item's body may be indented less than its text."""
    shallow = min((_indent(line) for line in lines if line), default=depth)
    return [line[min(depth, shallow) :] for line in lines]
