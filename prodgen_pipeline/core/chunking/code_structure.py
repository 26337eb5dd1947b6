"""The statements of a piece of source code and how they are nested, for cutting it where a reader would.

Belongs here: what is a statement, what stands inside what, which lines introduce a block. Does not: sizes and where to
cut (`cutting`), which language a file is in (`clients.parsers`).

Python is read with `ast`; where that fails (a fragment, another version's syntax) and for languages with braces a
scanner that knows strings, comments and brackets finds the lines on which a statement begins. Of other languages only
the indentation is used.
"""

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

_PYTHON = frozenset("python py python3 py3 pyi".split())
#: A single quote begins a string in these, elsewhere it holds one character (and in Rust may begin a lifetime).
_QUOTING = frozenset("javascript js jsx mjs typescript ts tsx php dart groovy".split())
_BRACES = _QUOTING | frozenset(
    "c h cpp c++ cc cxx hpp java kotlin kt scala go golang rust rs swift c# cs csharp objective-c objc".split()
)
#: A syntax tree takes some hundred bytes a character; longer sources are scanned.
_MAX_AST_CHARS = 200_000

# Nothing here may step back: a string of two megabytes, or one that never ends, costs one pass.
_DOUBLE = r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?'
_SINGLE = r"'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'?"
_TRIPLE = r'""".*?(?:(?<!\\)"""|\Z)'
_PYTHON_TOKEN = re.compile(
    rf"{_TRIPLE}|\'\'\'.*?(?:(?<!\\)\'\'\'|\Z)|{_DOUBLE}|{_SINGLE}|#[^\n]*|\\\n|[()\[\]{{}}]|\n", re.DOTALL
)
_COMMENT = r"//[^\n]*|/\*.*?(?:\*/|\Z)"
_REGEX = r"(?<=[(=,:!&|?;\[])[ \t]{0,9}/(?![/*])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.){0,99}\]){1,299}/"
_TEMPLATE = r"`.*?(?:(?<!\\)`|\Z)"
_QUOTING_TOKEN = re.compile(rf"{_COMMENT}|{_REGEX}|{_DOUBLE}|{_SINGLE}|{_TEMPLATE}|[()\[\]{{}}]|\n", re.DOTALL)
_CHARACTER = r"'(?:\\[^'\n]{1,10}|[^'\\\n])'"
_RAW = r'\br(#+)".*?(?:"\1|\Z)|\bR"\(.*?(?:\)"|\Z)'
_BRACE_TOKEN = re.compile(rf"{_COMMENT}|{_RAW}|{_TRIPLE}|{_DOUBLE}|{_CHARACTER}|`[^`]*+`?|[()\[\]{{}}]|\n", re.DOTALL)
_LINE_END = re.compile(r"\n")
_CLOSING = {")": "(", "]": "[", "}": "{"}

#: Lines that go on with the statement before them.
_CONTINUES = re.compile(r"[)\]}{.]|(?:else|elif|except|finally|catch|end|fi|done|esac)\b")
#: Lines that belong to the statement after them.
_LEADS = re.compile(r"//|/\*|#\[|@|\[[A-Z][\w.]*(?:\(.*\))?\]\s*$|template\s*<.*>\s*$")
_HASH_LEADS = re.compile(r"#(?!include|define|if|else|endif|pragma|undef|import)|--|@")


class Statement(NamedTuple):
    """A statement with the comments and decorators above it and all that is nested in it."""

    #: Characters of the code, `[start, end)`; both stand at line starts (or the end).
    start: int
    end: int
    #: How many statements it stands in.
    depth: int
    #: The lines that introduce what is nested in it ("def f():"), empty where nothing is or the language is unknown.
    signature: tuple[int, int]
    #: Indexes: the statement it stands in (-1 for none), and the next one that does not stand in it.
    parent: int
    after: int
    is_after_blank: bool


class _Line(NamedTuple):
    """A line on which a statement begins."""

    start: int
    #: Where it begins without what leads it.
    signature: int
    #: What is greater stands inside what is less.
    nesting: tuple[int, int]


def statements(code: str, language: str | None) -> list[Statement]:
    """Return the statements in order, outer ones before what stands in them; together they are the whole text."""
    lines = list(_lines(code, language))
    return _nested(code, lines, is_known=language in _PYTHON or language in _BRACES)


def _lines(code: str, language: str | None) -> Iterable[_Line]:
    if language in _PYTHON:
        parsed = _parsed_lines(code) if len(code) <= _MAX_AST_CHARS else None
        return _scanned_lines(code, _PYTHON_TOKEN, _HASH_LEADS, breaks_in="") if parsed is None else parsed
    if language in _QUOTING:
        return _scanned_lines(code, _QUOTING_TOKEN, _LEADS, breaks_in="{")
    if language in _BRACES:
        return _scanned_lines(code, _BRACE_TOKEN, _LEADS, breaks_in="{")
    return _scanned_lines(code, _LINE_END, _HASH_LEADS, breaks_in="")


def _nested(code: str, lines: Sequence[_Line], *, is_known: bool) -> list[Statement]:
    """Find out what stands in what; a deeper line stands in the nearest shallower one before it."""
    ends, parents, depths = [len(lines)] * len(lines), [-1] * len(lines), [0] * len(lines)
    open_lines: list[int] = []
    for index, line in enumerate(lines):
        while open_lines and lines[open_lines[-1]].nesting >= line.nesting:
            ends[open_lines.pop()] = index
        if open_lines:
            parents[index], depths[index] = open_lines[-1], len(open_lines)
        open_lines.append(index)
    # What stands before the first statement goes with it.
    starts = [0, *(line.start for line in lines[1:]), len(code)]
    return [
        Statement(
            start=starts[index],
            end=starts[ends[index]],
            depth=depths[index],
            signature=_signature(code, line, lines[index + 1]) if is_known and ends[index] > index + 1 else (0, 0),
            parent=parents[index],
            after=ends[index],
            is_after_blank=code[max(0, line.start - 2) : line.start] == "\n\n",
        )
        for index, line in enumerate(lines)
    ]


def _signature(code: str, line: _Line, first: _Line) -> tuple[int, int]:
    """The lines that introduce a block whose first statement is given; empty where only the indentation says so."""
    text = code[line.signature : first.start].rstrip()
    opens = first.nesting[0] > line.nesting[0] or text.endswith(":")
    return (line.signature, line.signature + len(text)) if opens else (0, 0)


def _parsed_lines(code: str) -> list[_Line] | None:
    """The lines of Python's statements by its syntax tree; None where it does not parse."""
    if "\r" in code:  # a line end to Python, not to us
        return None
    try:
        with warnings.catch_warnings():
            # Invalid escapes and the like are the document's business.
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    source = code.split("\n")
    starts = [0]
    for text in source:
        starts.append(starts[-1] + len(text) + 1)
    lines: list[_Line] = []
    for first, lead, depth in _first_lines(tree, source):
        if not lines or starts[lead] > lines[-1].start:
            lines.append(_Line(starts[lead], starts[first], (depth, 0)))
    return lines


def _first_lines(tree: ast.Module, source: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Yield line numbers (from 0) of every statement in order: its own, that of what leads it, and its depth."""
    # Bodies being visited, innermost last: statements, the next of them, depth, the last line before it, and whether
    # all lines between lead it.
    waiting: list[tuple[list[ast.stmt], int, int, int, bool]] = [(tree.body, 0, 0, 0, True)]
    while waiting:
        body, at, depth, floor, is_branch = waiting.pop()
        if at == len(body):
            continue
        statement = body[at]
        first = statement.lineno - 1
        lead = min([first, *(each.lineno - 1 for each in getattr(statement, "decorator_list", ()))])
        while lead > floor and source[lead - 1].strip() and (is_branch or source[lead - 1].lstrip()[0] == "#"):
            lead -= 1
        yield first, lead, depth
        waiting.append((body, at + 1, depth, statement.end_lineno or first + 1, False))
        branches = _branches(statement)
        floors = [first + 1, *(inner[-1].end_lineno or 0 for inner in branches)]
        for number in reversed(range(len(branches))):
            waiting.append((branches[number], 0, depth + 1, floors[number], number > 0))


def _branches(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The bodies of a compound statement, in order."""
    handlers = [each.body for each in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ()))]
    bodies = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    return [body for body in (bodies[0], *handlers, *bodies[1:]) if body]


def _scanned_lines(code: str, token: re.Pattern[str], leads: re.Pattern[str], *, breaks_in: str) -> list[_Line]:
    """The lines on which a statement begins, judged by the brackets open there and by their indentation.

    Where brackets do not balance, by the indentation alone.
    """
    places, is_balanced = _line_starts(code, token, breaks_in)
    lines: list[_Line] = []
    lead: _Line | None = None
    for start, depth, end in places:
        text = code[start:end]
        stripped = text.lstrip()
        if not stripped:
            lead = None
            continue
        if (is_balanced and depth < 0) or _CONTINUES.match(stripped):
            continue
        indentation = len(text[: len(text) - len(stripped)].expandtabs(8))
        line = _Line(start, start, (depth if is_balanced else 0, indentation))
        if lead is not None and lead.nesting == line.nesting:
            lines[-1] = line = _Line(lead.start, start, line.nesting)
        else:
            lines.append(line)
        lead = line if leads.match(stripped) else None
    return lines


def _line_starts(code: str, token: re.Pattern[str], breaks_in: str) -> tuple[list[tuple[int, int, int]], bool]:
    """Every line that begins outside of strings: start, open brackets (-1 inside one that holds no statements), end."""
    places: list[tuple[int, int, int]] = []
    brackets: list[str] = []
    is_balanced = True
    start, depth = 0, 0
    for match in token.finditer(code):
        found = match.group()
        if found == "\n":
            places.append((start, depth, match.start()))
            start = match.end()
            depth = len(brackets) if not brackets or brackets[-1] in breaks_in else -1
        elif found in _CLOSING.values():
            brackets.append(found)
        elif found in _CLOSING:
            if brackets and brackets[-1] == _CLOSING[found]:
                brackets.pop()
            else:
                is_balanced = False
    places.append((start, depth, len(code)))
    return places, is_balanced and not brackets
