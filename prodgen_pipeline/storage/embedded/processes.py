"""Which processes belong to one embedded server, told apart from strangers that have the same number.

Belongs here: reading the process table. Does not: starting our own children (`child`), deciding when to end them
(`supervisor`).

A process id in a file proves nothing: ids are used again, and after a container restart they nearly always are. So a
process counts as ours only by its name and its title, which anyone may read without special rights:
`.../postgres -D <data folder> ...` for the postmaster, `postgres: <cluster name>: ...` for its children.
"""

import subprocess
from pathlib import Path

from prodgen_pipeline.storage.embedded.places import Places

_PROC = Path("/proc")


def postmasters_of(places: Places) -> list[int]:
    """Process ids of living postmasters on this home's data folder: at most one, unless someone plays games."""
    return [pid for pid, title in _postgres_processes().items() if _is_postmaster_title(title, places)]


def backends_of(places: Places) -> list[int]:
    """Process ids of living children of this home's postmaster, whether it still lives or not."""
    start = f"postgres: {places.cluster_name}: "
    return [pid for pid, title in _postgres_processes().items() if title.startswith(start)]


def is_postmaster(pid: int, places: Places) -> bool:
    """Whether this very process is a living postmaster of this home."""
    return _is_postmaster_title(_postgres_processes(pid).get(pid, ""), places)


def pid_in_pid_file(places: Places) -> int | None:
    """The process id that the data folder's postmaster.pid names, or None without a readable one."""
    first_line = pid_file_lines(places)[:1]
    return int(first_line[0]) if first_line and first_line[0].strip().isdigit() else None


def pid_file_lines(places: Places) -> list[str]:
    """The lines of postmaster.pid; none when there is no such file. Line 1 is the pid, line 8 the server's state."""
    try:
        return (places.data / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _is_postmaster_title(title: str, places: Places) -> bool:
    program, _, rest = title.partition(" -D ")
    return program.endswith("/postgres") and rest.startswith(f"{places.data} ")


def _postgres_processes(only: int | None = None) -> dict[int, str]:
    """Titles of living processes called postgres, by process id."""
    if not _PROC.joinpath("self/cmdline").exists():
        return _postgres_processes_by_ps()
    pids = [only] if only is not None else [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    return {pid: title for pid in pids if (title := _title(pid))}


def _title(pid: int) -> str:
    """The title of a living postgres process, else nothing (a zombie has an empty one)."""
    try:
        if (_PROC / str(pid) / "comm").read_text().strip() != "postgres":
            return ""
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        # Ended while we looked, or hidden from us (hidepid): then it is not ours, for ours we may always see.
        return ""
    return raw.replace(b"\0", b" ").decode(errors="surrogateescape")


def _postgres_processes_by_ps() -> dict[int, str]:
    """The same from `ps`, where there is no /proc (macOS)."""
    listing = subprocess.run(  # noqa: S603 - fixed words, no input
        ["/bin/ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True
    ).stdout
    titles = {int(pid): title for pid, _, title in (line.strip().partition(" ") for line in listing.splitlines())}
    return {pid: f"{title} " for pid, title in titles.items() if "postgres" in title.split(" -D ")[0].split(": ")[0]}
