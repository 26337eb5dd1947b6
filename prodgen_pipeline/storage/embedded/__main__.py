"""The two things this room runs as a process of its own: the supervisor, and a program that must not run as root.

Belongs here: taking the one JSON argument and leaving the caller's session. Does not: anything else.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

# Run by path (see `binaries.python_command`), so the package's own folder is added to the search path here.
_ROOT = str(Path(__file__).resolve().parents[3])


def main() -> None:
    """Do what the JSON argument says: `{"run": [...], "home": ...}`, or a supervisor's plan."""
    arguments: dict[str, Any] = json.loads(sys.argv[1])
    if _ROOT not in sys.path:
        sys.path.insert(0, _ROOT)
    if "run" in arguments:
        become_program(arguments["run"], Path(arguments["home"]))
    if os.fork() > 0:
        # The command waits for this first process only; init reaps the supervisor, not the command.
        os._exit(0)
    from prodgen_pipeline.storage.embedded.supervisor import Plan, supervise

    supervise(Plan.from_arguments(arguments))


def become_program(command: list[str], home: Path) -> None:
    """Take the server's identity on and turn into the program."""
    from prodgen_pipeline.core.errors import ProdgenError
    from prodgen_pipeline.storage.embedded.binaries import ENVIRONMENT
    from prodgen_pipeline.storage.embedded.places import places_of
    from prodgen_pipeline.storage.embedded.privileges import assume, choose_identity

    try:
        assume(choose_identity(places_of(home), Path(command[0])))
        os.execve(command[0], command, dict(ENVIRONMENT))  # noqa: S606 - a program of the wheel, no shell wanted
    except (ProdgenError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
