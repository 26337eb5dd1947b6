"""What is printed: tables that survive copying, and nothing that a terminal would obey."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.cli.configuration import as_toml
from prodgen_pipeline.cli.output import print_json, print_table, printable
from prodgen_pipeline.settings import load_settings


def test_a_table_aligns_numbers_to_the_right_and_wraps_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("uri", "n"), [("a" * 200, 1), ("b", 2000), ("c", None)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["uri", "n"]
    assert lines[2] == "b" + " " * 201 + "2,000"
    assert len(lines) == 4


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("uri",), [], empty="nothing is quarantined")
    assert capsys.readouterr().out == "nothing is quarantined\n"


def test_a_file_name_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("uri",), [("a\x1b[2J\nb\u202e",)])
    assert "\x1b" not in (out := capsys.readouterr().out)
    assert len(out.splitlines()) == 2


@settings(deadline=None, max_examples=100)
@given(st.text())
def test_printable_text_keeps_what_is_harmless(text: str) -> None:
    shown = printable(text)
    assert printable(shown) == shown
    if text.isprintable():
        assert shown == text


def test_times_are_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"at": datetime(2026, 1, 2, tzinfo=UTC)})
    assert '"2026-01-02T00:00:00+00:00"' in capsys.readouterr().out


def test_config_show_is_a_configuration_file_that_sets_what_it_shows(tmp_path) -> None:
    environment = {
        "PRODGEN_CHUNKING__MAX_TOKENS": "100",
        "PRODGEN_GENERATION__MODEL": 'a "quoted" name',
        "PRODGEN_KEY": "k",
    }
    given = load_settings(environment, working_folder=tmp_path)
    text = "\n".join(as_toml(given.shown()))
    (tmp_path / "prodgen.toml").write_text(text)
    read = load_settings({"PRODGEN_KEY": "k"}, working_folder=tmp_path)
    assert read == given
    assert "\nkey" not in text
