"""Fifty commands started, overlapped and killed in random order leave no process, no lock and no lost row."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

N_COMMANDS = 50
COMMANDS = [
    ["sync", "acme"],
    ["documents", "list", "acme", "--json"],
    ["search", "acme", "which machine is oiled?", "--json"],
    ["status"],
    ["quarantine", "list", "acme", "--json"],
]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "PRODGEN_HOME": str(home), "PRODGEN_EMBEDDED__LINGER_SECONDS": "1"}


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "prodgen_pipeline", *arguments]
    return subprocess.Popen(
        command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=home
    )


def run(home: Path, *arguments: str) -> str:
    process = start(home, *arguments)
    output, _ = process.communicate(timeout=180)
    assert process.returncode == 0, output
    return output


def processes_of(home: Path) -> list[str]:
    """Command lines of living processes that were started for this home."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                about = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            except OSError:
                continue
            if str(home).encode() in about:
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def write_note(folder: Path, number: int) -> None:
    text = f"The machine of hall {number} is oiled every {number + 2} weeks. Ask hall{number}@example.org."
    (folder / f"note-{number:02}.md").write_text(f"# Note {number}\n\n{text}\n")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_fifty_commands_in_random_order_leave_nothing_behind_and_lose_nothing(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "store"
    home.mkdir(mode=0o700)
    folder.mkdir()
    for number in range(8):
        write_note(folder, number)
    run(home, "tenant", "add", "acme")
    run(home, "source", "add", "acme", "files", str(folder))
    run(home, "sync", "acme")
    rolls = random.Random(7)
    running: list[subprocess.Popen[str]] = []
    for step in range(N_COMMANDS):
        if step % 5 == 0:
            write_note(folder, 8 + step // 5)
        process = start(home, *rolls.choice(COMMANDS))
        fate = rolls.random()
        if fate < 0.4:
            time.sleep(rolls.uniform(0.05, 2.5))
            process.send_signal(rolls.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM]))
            process.communicate(timeout=120)
        elif fate < 0.7:
            running.append(process)
        else:
            output, _ = process.communicate(timeout=300)
            assert process.returncode == 0 or "another run is working" in output, output
        if len(running) > 3:
            running.pop(0).communicate(timeout=300)
    for process in running:
        process.communicate(timeout=300)
    run(home, "sync", "acme")
    documents = json.loads(run(home, "documents", "list", "acme", "--json"))
    assert len(documents) == 18
    assert {document["state"] for document in documents} == {"served"}
    idle = json.loads(run(home, "sync", "acme", "--json"))
    assert idle["tenants"]["acme"]["chunks_embedded"] == 0
    deadline = time.monotonic() + 30
    while processes_of(home) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_of(home) == []
