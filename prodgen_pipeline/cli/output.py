"""What commands print: JSON for programs, tables and lines for people.

Everything that may come from a document or a file name passes `printable`: a terminal obeys what it is sent.
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

#: C0 and C1 without line feed and tab, and what turns the direction of writing.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def print_json(value: object) -> None:
    """Print one JSON value, indented."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def print_json_line(value: object) -> None:
    """Print one line of JSON Lines, at once: whoever reads the pipe may be waiting for it."""
    print(json.dumps(value, ensure_ascii=False, default=_plain), flush=True)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "none") -> None:
    """Print aligned columns, numbers to the right. Nothing is wrapped or cut: an address must survive being copied."""
    cells = [[_cell(value) for value in row] for row in rows]
    if not cells:
        print(empty)
        return
    widths = [max(len(name), *(len(row[at][0]) for row in cells)) for at, name in enumerate(columns)]
    numeric = [all(row[at][1] for row in cells) for at in range(len(columns))]
    _print_header(_line(list(columns), widths, numeric))
    for row in cells:
        print(_line([text for text, _ in row], widths, numeric))


def counted(n: int, noun: str) -> str:
    """`1 document`, `2,000 documents`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def printable(text: str) -> str:
    """The text with control characters, line feeds and tabs excepted, made visible."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def _line(texts: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    cells = zip(texts, widths, numeric, strict=True)
    return "  ".join(text.rjust(width) if right else text.ljust(width) for text, width, right in cells).rstrip()


def _print_header(line: str) -> None:
    print(f"\x1b[1m{line}\x1b[0m" if sys.stdout.isatty() else line)


def _cell(value: object) -> tuple[str, bool]:
    """Text of a cell, and whether it may stand to the right."""
    if value is None:
        return "-", True
    if isinstance(value, bool):
        return ("yes" if value else "no"), False
    if isinstance(value, int | float):
        return f"{value:,}", True
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M:%S}", False
    if isinstance(value, list | tuple):
        return " ".join(printable(str(item)) for item in value) or "-", False
    return printable(str(value)).replace("\n", "\\n").replace("\t", "\\t"), False


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} has no JSON form")
