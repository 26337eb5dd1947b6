"""Rules of the house that no linter knows: sizes, names, where SQL and the environment may be spoken of."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import prodgen_pipeline

PACKAGE = Path(prodgen_pipeline.__file__).parent
ROOT = PACKAGE.parent
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 500
DRAWERS = {"utils", "helpers", "common", "misc", "base", "manager", "handler", "processor"}
#: The environment is read in settings. Others only hand it on to children, or set a library's own switch.
ENVIRONMENT = {"settings.py"}
SQL = re.compile(r"\b(SELECT .* FROM|INSERT INTO|DELETE FROM|UPDATE \w+ SET|CREATE TABLE)\b", re.DOTALL)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
        for path in MODULES
        for function in functions(path)
        if (function.end_lineno or 0) - function.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_no_file_is_longer_than_a_few_pages() -> None:
    assert [path.name for path in MODULES if len(path.read_text().splitlines()) > MAX_FILE_LINES] == []


def test_no_file_is_a_drawer() -> None:
    assert [
        str(path.relative_to(ROOT))
        for path in MODULES
        if DRAWERS & set(path.relative_to(PACKAGE).with_suffix("").parts)
    ] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_belongs_in_it(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), path


def test_the_environment_is_read_in_settings_only() -> None:
    reading = re.compile(r"os\.environ\[|os\.environ\.get|os\.getenv|environ\.get")
    assert [path.name for path in MODULES if path.name not in ENVIRONMENT and reading.search(path.read_text())] == []


def test_no_sql_is_written_in_python() -> None:
    def strings(path: Path) -> Iterator[str]:
        tree = ast.parse(path.read_text())
        documented = {id(node.body[0].value) for node in ast.walk(tree) if _has_docstring(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
                yield node.value

    assert [path.name for path in MODULES if any(SQL.search(text) for text in strings(path))] == []


def _has_docstring(node: ast.AST) -> bool:
    body = getattr(node, "body", None)
    return (
        isinstance(body, list)
        and bool(body)
        and isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
    )


def test_assets_are_defined_without_postponed_annotations() -> None:
    """`from __future__ import annotations` breaks Dagster's check of an annotated context at import."""
    assert [
        path for path in (PACKAGE / "defs").rglob("*.py") if "from __future__ import annotations" in path.read_text()
    ] == []
