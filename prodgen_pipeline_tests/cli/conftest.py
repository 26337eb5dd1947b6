"""Commands in this process, against one home with an embedded server that lives as long as these tests."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from prodgen_pipeline.cli.outcome import run
from prodgen_pipeline.settings import load_settings
from prodgen_pipeline.storage import embedded
from prodgen_pipeline.storage.connection import migrate

VARIABLES = ("PRODGEN_DATABASE_URL", "PRODGEN_KEY", "PRODGEN_CONFIG", "OPENAI_API_KEY", "OPENAI_BASE_URL")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Prodgen = Callable[..., Ended]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose server is held, so that every command finds it running."""
    folder = tmp_path_factory.mktemp("cli") / "home"
    folder.mkdir(mode=0o700)
    with embedded.lease(folder, linger_seconds=1, extra_settings={"fsync": "off"}):
        migrate(load_settings({"PRODGEN_HOME": str(folder)}))
        yield folder


@pytest.fixture
def prodgen(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Prodgen:
    """Runs a command and returns how it ended."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRODGEN_HOME", str(home))
    monkeypatch.setenv("PRODGEN_EMBEDDED__LINGER_SECONDS", "1")
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str, given: bytes = b"", key: str | None = None) -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), encoding="utf-8"))
        monkeypatch.setenv("PRODGEN_KEY", key or "")
        code = run(arguments)
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return call
