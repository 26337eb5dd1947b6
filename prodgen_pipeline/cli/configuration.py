"""`prodgen config`: every setting with its value, in the form of the file that sets it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from prodgen_pipeline.cli.output import print_json
from prodgen_pipeline.cli.parameters import AsJson, command_group

group = command_group("Configuration: show.")


@group.command()
def show(as_json: AsJson = False) -> None:
    """Print every setting with its value, as a prodgen.toml; secrets only say whether they are set."""
    from prodgen_pipeline.settings import load_settings

    shown = load_settings().shown()
    if as_json:
        print_json(shown)
    else:
        print("\n".join(as_toml(shown)))


@group.callback()
def _about() -> None:
    """Keeps `show` a sub-command: a Typer group of one command would become that command."""


def as_toml(values: Mapping[str, Any]) -> Iterator[str]:
    """Settings as lines of TOML; what cannot stand in the file, or is not set, is a comment."""
    for name, value in values.items():
        if not isinstance(value, dict):
            # Secrets and the home come from the environment only; and TOML knows no null.
            commented = value is None or value == "(set)" or name in ("home", "config")
            yield f"# {name} = {toml_value(value)}" if commented else f"{name} = {toml_value(value)}"
    for name, section in values.items():
        if isinstance(section, dict):
            yield f"\n[{name}]"
            yield from (f"{key} = {toml_value(value)}" for key, value in section.items())


def toml_value(value: object) -> str:
    """One value in TOML; `(not set)` for None, which TOML has no word for."""
    if value is None:
        return "(not set)"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(item) for item in value)}]"
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {toml_value(item)}" for key, item in value.items() if item is not None)
        return f"{{{', '.join(pairs)}}}"
    # JSON's strings, numbers and booleans are TOML's.
    return json.dumps(value, ensure_ascii=False)
