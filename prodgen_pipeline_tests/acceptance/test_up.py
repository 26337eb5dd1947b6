"""`prodgen up`, as a person starts it: search follows the files with no command typed, and nothing is left over."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

#: Generous: the promise is 30 s on a machine that is not doing five other things.
PATIENCE_SECONDS = 150.0
PRODGEN = [sys.executable, "-m", "prodgen_pipeline"]


@dataclass(kw_only=True)
class Up:
    """A running `prodgen up` and what it said."""

    process: subprocess.Popen[bytes]
    home: Path
    output: Path
    key: str = ""
    urls: dict[str, str] = field(default_factory=dict)

    def search(self, text: str) -> dict[str, str]:
        """Text by URI of what a reader finds."""
        request = urllib.request.Request(
            f"{self.urls['api']}/v1/search",
            data=json.dumps({"text": text}).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return {hit["uri"]: hit["text"] for hit in json.load(response)["hits"]}


def environment(home: Path) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PRODGEN_", "OPENAI_", "DAGSTER_"))
    }
    return {**kept, "PRODGEN_HOME": str(home), "PRODGEN_EMBEDDED__LINGER_SECONDS": "1"}


def prodgen(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*PRODGEN, *arguments], env=environment(home), cwd=home.parent, capture_output=True, text=True, check=True
    )
    return done.stdout


def processes_of(home: Path) -> list[str]:
    """Command lines of living processes that belong to a home, PostgreSQL's included."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            if process.pid != os.getpid() and (str(home) in line or process.environ().get("PRODGEN_HOME") == str(home)):
                found.append(line)
        except psutil.Error:
            continue  # it ended while we looked
    return found


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> float:
    """Seconds that it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "it did not happen in time"
        time.sleep(0.2)
    return time.monotonic() - started


def start(home: Path) -> Up:
    """From the background, as a shell without job control starts it: SIGINT ignored."""
    output = home.parent / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*PRODGEN, "up", "--ui-port", "0", "--api-port", "0"], env=environment(home), cwd=home.parent, stdout=file,
            stderr=file, stdin=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )  # fmt: skip
    up = Up(process=process, home=home, output=output)

    def both_said() -> bool:
        lines = [line.split(": ", 1) for line in output.read_text().splitlines() if ": http" in line]
        up.urls = {name: url for name, url in lines}
        assert process.poll() is None, output.read_text()
        return set(up.urls) == {"dagster", "api"}

    wait_for(both_said)
    return up


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    yield home
    for process in psutil.process_iter():  # only what a failed test left, told by this test's own folder
        try:
            if process.environ().get("PRODGEN_HOME") == str(home) and process.pid != os.getpid():
                process.kill()
        except psutil.Error:
            continue


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "leave.md").write_text("# Leave\n\nEverybody has 25 days of annual leave.\n")
    (folder / "travel.md").write_text("# Travel\n\nTrains are refunded in second class.\n")
    (folder / "canteen.md").write_text("# Canteen\n\nSoup is served on Mondays.\n")
    prodgen(home, "tenant", "add", "acme")
    prodgen(home, "source", "add", "acme", "files", str(folder))
    return folder


def test_search_follows_the_files_and_an_interrupt_leaves_nothing_running(home: Path, folder: Path) -> None:
    up = start(home)
    up.key = json.loads(prodgen(home, "key", "create", "acme", "--user", "ann", "--json"))["key"]
    wait_for(lambda: set(_search(up, "annual leave")) == {"leave.md", "travel.md", "canteen.md"})

    (folder / "leave.md").write_text("# Leave\n\nEverybody has 30 days of annual leave.\n")
    (folder / "travel.md").rename(folder / "journeys.md")
    (folder / "canteen.md").unlink()
    took = wait_for(lambda: set(_search(up, "annual leave")) == {"leave.md", "journeys.md"})
    wait_for(lambda: "30 days" in _search(up, "annual leave")["leave.md"])
    assert not any("25 days" in text for text in up.search("How many days of leave?").values())
    assert not any("Soup" in text for text in up.search("When is soup served?").values())
    print(f"change to search: {took:.1f} s")

    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(60) == 0
    wait_for(lambda: not processes_of(home), 30)
    assert len(up.output.read_text().splitlines()) <= 4, up.output.read_text()


@pytest.mark.slow
def test_killing_it_ends_the_children_and_the_next_start_works_on(home: Path, folder: Path) -> None:
    up = start(home)
    second = subprocess.run([*PRODGEN, "up"], env=environment(home), cwd=home.parent, capture_output=True, text=True)
    assert second.returncode == 1
    assert "is up on" in second.stderr
    wait_for(lambda: _states(home))
    up.process.send_signal(signal.SIGKILL)
    up.process.wait()
    wait_for(lambda: not processes_of(home), 60)
    again = start(home)
    wait_for(lambda: _states(home) == {"served"})
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(60) == 0
    wait_for(lambda: not processes_of(home), 30)


def _states(home: Path) -> set[str]:
    return {row["state"] for row in json.loads(prodgen(home, "documents", "list", "acme", "--json"))}


def _search(up: Up, text: str) -> dict[str, str]:
    """Nothing is served before the first run, which the service says with an error."""
    try:
        return up.search(text)
    except urllib.error.HTTPError:
        return {}


@pytest.mark.slow
def test_plain_dagster_commands_work_without_anything_running(home: Path, folder: Path) -> None:
    exports = prodgen(home, "env")
    variables = dict(line.removeprefix("export ").split("=", 1) for line in exports.splitlines())
    assert variables == {"PRODGEN_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    checkout = Path(__file__).parents[2]

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], env={**environment(home), **variables}, cwd=checkout,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout + done.stderr

    assert "Validation successful" in python("-m", "dagster", "definitions", "validate", "-w", "workspace.yaml")
    # The sensor's first tick does this where a daemon runs.
    python("-c", "import dagster; dagster.DagsterInstance.get().add_dynamic_partitions('tenant', ['acme'])")
    selection = ["--select", "*", "--partition", "acme", "-m", "prodgen_pipeline.definitions"]
    assert "RUN_SUCCESS" in python("-m", "dagster", "asset", "materialize", *selection)
    assert _states(home) == {"served"}
    wait_for(lambda: not processes_of(home), 30)
