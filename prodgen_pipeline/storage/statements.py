"""Loads the named statements of sql/queries. No statement is written in Python; identifiers never come from input.

A file of queries is one room of storage. Each statement starts with `-- name --` alone on a line, then comment lines,
then the statement with %(named)s parameters. A statement's full name is `file.name`.
"""

import re
from functools import cache
from pathlib import Path
from typing import LiteralString

_NAME = re.compile(r"^-- (\w+) --$", re.MULTILINE)


@cache
def sql_folder() -> Path:
    """Where sql/ lies: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "sql"
    return installed if installed.is_dir() else package.parent / "sql"


@cache
def statement(name: str) -> LiteralString:
    """Return the text of the statement `room.name`; raises KeyError for one that is not there."""
    room, _, key = name.partition(".")
    # LiteralString is vouched for here: the text is ours, shipped with the package.
    return _room(room)[key]


def rooms() -> list[str]:
    """Names of all files of queries."""
    return sorted(path.stem for path in (sql_folder() / "queries").glob("*.sql"))


@cache
def _room(room: str) -> dict[str, str]:
    text = (sql_folder() / "queries" / f"{room}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def names(room: str) -> list[str]:
    """Names of the statements of one room, without the room."""
    return list(_room(room))
