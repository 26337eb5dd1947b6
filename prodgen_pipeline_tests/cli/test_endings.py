"""How commands end: exit codes, one line for every error, and what is not written anywhere."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prodgen_pipeline.cli import tenants
from prodgen_pipeline.cli.application import application
from prodgen_pipeline.cli.outcome import exit_code, run
from prodgen_pipeline.core import errors

Prodgen = Callable[..., Any]
HEAVY = (
    "dagster",
    "openvino",
    "unstructured",
    "presidio_analyzer",
    "pandas",
    "fastapi",
    "openai",
    "great_expectations",
)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nonsense"], 2),
        (["source"], 2),
        (["source", "add", "acme"], 2),
        (["sync", "--nope"], 2),
        (["search", "acme"], 2),
        (["search", "acme", "x", "--batch", "-"], 2),
        (["search", "acme", "x", "-k", "none"], 2),
        (["tenant", "add", "Not A Name"], 2),
        (["source", "add", "nobody", "a/b", "."], 2),
        (["source", "add", "nobody", "files", "s3://bucket/"], 2),
        (["source", "add", "nobody", "files", "no-such-folder"], 1),
        (["source", "list", "nobody"], 1),
        (["documents", "show", "nobody", "a.md"], 1),
        (["key", "revoke", "000000000000"], 1),
        (["redact", "no-such-file"], 1),
        (["redact", "--policy", "everything"], 2),
        (["prompt", "show", "nothing.v9"], 1),
    ],
)  # fmt: skip
def test_an_error_is_one_line_and_its_kind_decides_the_exit_code(
    prodgen: Prodgen, arguments: list[str], code: int
) -> None:
    ended = prodgen(*arguments)
    assert (ended.code, ended.out) == (code, "")
    assert [line[:9] for line in ended.err.splitlines()] == ["prodgen: "]


def test_every_error_of_the_tree_has_an_exit_code() -> None:
    def below(error: type[errors.ProdgenError]) -> list[type[errors.ProdgenError]]:
        return [error, *(inner for child in error.__subclasses__() for inner in below(child))]

    codes = {error.__name__: exit_code(error.__new__(error)) for error in below(errors.ProdgenError)}
    assert codes.pop("UsageError") == 2
    assert set(codes.values()) == {1}


def test_what_nobody_expected_is_one_line_and_its_log_quotes_no_message(
    prodgen: Prodgen, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "of a document"

    def break_down(*_: object) -> None:
        raise ValueError(f"the text {secret}")

    monkeypatch.setattr(tenants, "print_table", break_down)
    ended = prodgen("tenant", "list")
    log = home / "logs" / "prodgen.log"
    assert ended.code == 70
    assert str(log) in ended.err
    assert len(ended.err.splitlines()) == 1
    assert "ValueError" in log.read_text()
    assert "break_down" in log.read_text()
    assert "the text of a document" not in log.read_text() + ended.err
    assert "the text of a document" in prodgen("--debug", "tenant", "list").err


def test_the_machines_trouble_is_one_line_too(prodgen: Prodgen, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_up(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tenants, "print_table", fill_up)
    ended = prodgen("tenant", "list")
    assert ended.code == 1
    assert ended.err.startswith("prodgen: No space left on device: ")
    assert len(ended.err.splitlines()) == 1


def test_an_interrupted_command_exits_130(prodgen: Prodgen, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tenants, "print_table", interrupt)
    assert prodgen("tenant", "list").code == 130


def test_without_a_home_a_reading_command_makes_none_and_says_what_does(
    prodgen: Prodgen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PRODGEN_HOME")
    ended = prodgen("status")
    assert ended.code == 1
    assert "prodgen up" in ended.err
    assert not (tmp_path / ".prodgen").exists()


def test_a_teams_own_database_wants_a_key(prodgen: Prodgen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRODGEN_DATABASE_URL", "postgresql://nobody@localhost/nothing")
    ended = prodgen("tenant", "list")
    assert ended.code == 1
    assert "PRODGEN_KEY" in ended.err
    assert prodgen("tenant", "list", key="pg_1_wrong").code == 1


def test_on_a_teams_own_database_the_first_administrator_needs_no_key_and_the_second_does(
    prodgen: Prodgen, monkeypatch: pytest.MonkeyPatch, addresses: Any
) -> None:
    monkeypatch.setenv("PRODGEN_DATABASE_URL", addresses.pipeline)
    monkeypatch.setenv("PRODGEN_SERVING_DATABASE_URL", addresses.serving)
    assert prodgen("tenant", "add", "first").code == 0
    assert prodgen("key", "create", "first", "--user", "ann").code == 1
    key = prodgen("key", "create", "first", "--user", "ann", "--role", "admin", "--json").json["key"]
    assert prodgen("key", "create", "first", "--user", "bob", "--role", "admin").code == 1
    assert prodgen("key", "create", "first", "--user", "bob", "--role", "admin", key=key).code == 0
    assert [each["actor"].split(":")[0] for each in prodgen("audit", "export", "first", key=key).lines] == [
        "bootstrap", "bootstrap", "user",
    ]  # fmt: skip


def test_help_and_a_wrong_command_load_nothing_heavy() -> None:
    code = (
        "import sys; from prodgen_pipeline.cli.outcome import run; run(['--help']); run(['source', 'add', '--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], 'psycopg' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] False"


def test_a_reading_command_loads_nothing_heavy(home: Path) -> None:
    code = (
        "import sys; from prodgen_pipeline.cli.outcome import run; assert run(['status']) == 0;"
        f"print([name for name in ('numpy', *{HEAVY!r}) if name in sys.modules])"
    )
    environment = {**os.environ, "PRODGEN_HOME": str(home), "PRODGEN_KEY": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_closed_pipe_ends_quietly() -> None:
    command = f"{sys.executable} -m prodgen_pipeline redact --batch - | head -n 1"
    lines = b'{"id": 1, "text": "to whom it may concern"}\n' * 20_000
    done = subprocess.run(["sh", "-c", command], input=lines, capture_output=True, check=True)
    assert done.stdout.startswith(b'{"id": 1')
    assert done.stderr == b""


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "prodgen_pipeline", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()[0]) == (0, "prodgen")
    assert application().info.name == "prodgen"
    assert run(["--version"]) == 0
