"""Everything works in a network namespace that has no interface but a dead loopback."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

NAMESPACE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
SAMPLE = Path(__file__).parents[2] / "sample" / "acme-robotics"
FILES = [
    "products/ar-200-datasheet.md",
    "hr/payroll-memo.docx",
    "policies/export-control.html",
    "pricing/discount-policy.pdf",
]


def test_documents_are_indexed_and_questions_answered_with_no_network_at_all(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "store"
    home.mkdir(mode=0o700)
    folder.mkdir()
    for name in FILES:
        (folder / Path(name).name).write_bytes((SAMPLE / name).read_bytes())
    prodgen = f"{shlex.quote(sys.executable)} -m prodgen_pipeline"
    script = " && ".join(
        [
            f"{prodgen} tenant add acme",
            f"{prodgen} source add acme files {shlex.quote(str(folder))}",
            f"{prodgen} sync acme --strict",
            f"{prodgen} ask acme 'What is the payload of the AR-200?' --json > answer.json",
        ]
    )
    environment = {**os.environ, "PRODGEN_HOME": str(home), "PRODGEN_EMBEDDED__LINGER_SECONDS": "1"}
    done = subprocess.run(
        [*NAMESPACE, "sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads((tmp_path / "answer.json").read_text())
    assert "12 kg" in answer["answer"]
    assert answer["citations"][0]["uri"] == "ar-200-datasheet.md"


#: Runs the tests named after it with nothing but a loopback interface.
LOOPBACK_ONLY = """
import fcntl, os, socket, struct, sys
with socket.socket() as probe:
    fcntl.ioctl(probe, 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
os.execv(sys.executable, [sys.executable, "-m", "pytest", "-q", *sys.argv[1:]])
"""


@pytest.mark.slow
def test_everything_that_up_promises_holds_with_no_network_but_loopback() -> None:
    test_up = Path(__file__).with_name("test_up.py")
    command = [*NAMESPACE, sys.executable, "-c", LOOPBACK_ONLY, str(test_up)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
