"""Documentation as a test: what is generated is current, and what the README says exists."""

import re
import tomllib
from pathlib import Path

import typer

from prodgen_pipeline.cli.application import application
from prodgen_pipeline.cli.reference import cli_reference, setting_names, settings_reference

ROOT = Path(__file__).parents[2]


def commands() -> set[str]:
    return set(re.findall(r"^## `prodgen (.+)`$", cli_reference(), re.MULTILINE))


def test_the_reference_of_the_command_line_is_current() -> None:
    assert (ROOT / "docs" / "cli.md").read_text() == cli_reference(), "run `make docs`"


def test_the_reference_of_the_settings_is_current_and_names_each() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    assert text == settings_reference(), "run `make docs`"
    for name in setting_names():
        assert f"| `{name.rpartition('.')[2]}` |" in text


def test_every_command_says_what_it_does() -> None:
    group = typer.main.get_command(application())
    assert all(command.help for command in group.commands.values())
    assert len(commands()) > 20


def test_every_command_of_the_readme_exists() -> None:
    text = (ROOT / "README.md").read_text()
    typed = re.findall(r"^prodgen ((?:[a-z]+ ?)+)", text, re.MULTILINE)
    assert typed
    for words in typed:
        parts = words.split()
        assert {" ".join(parts[:1]), " ".join(parts[:2])} & commands(), words
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / link).is_file(), link


def test_the_lock_names_no_address_and_nothing_that_is_never_installed() -> None:
    lock = (ROOT / "requirements" / "lock.txt").read_text()
    assert "://" not in lock
    assert not re.search(r"^(torch|transformers|sentence-transformers|huggingface-hub)==", lock, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in [*project["dependencies"], *project["optional-dependencies"]["test"]]:
        name = re.match(r"[A-Za-z0-9-]+", requirement)[0].lower()
        assert re.search(rf"^{name}==", lock, re.MULTILINE), name
