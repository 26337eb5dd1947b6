"""What the embedded server is: how its data folder is made and which settings it runs under.

Belongs here: command lines, and what a failed one means. Pure but for a look at the shared-memory file system.
Does not: running them (`supervisor`), roles, databases and schemas (migrations).
"""

import locale
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.storage.embedded.places import PORT, Places

#: The superuser that initdb makes. Only who may enter the private socket folder can be it.
OWNER = "prodgen_owner"

#: Sized for one small machine that also runs the pipeline. Values as postgresql.conf writes them.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "2GB",
    "random_page_cost": "1.1",
    # Compiling a plan costs more than our short queries take.
    "jit": "off",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    # Nobody replicates this server; backups are dumps.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # When one of its processes crashes, the server ends and our supervisor starts it again, which is one path for every
    # kind of death. Left to itself it would recover in place, where a fast shutdown hangs (18.4: 1 in 6 tries).
    "restart_after_crash": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "logging_collector": "off",
    "log_destination": "stderr",
    # No document text in the log: it stands in statements, in their parameters, in the DETAIL of a violated constraint
    # or of a crashed process, and in error messages themselves ("invalid input syntax for type integer: ...").
    # `log` as the lowest level leaves start, stop, recovery, LOG and FATAL; errors reach the caller, not the log.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
#: What the kernel lets a container use; "max" where that is everything.
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - only its size is read
_ENOUGH_SHARED_MEMORY_BYTES = 1_000_000_000


def initdb_command(folder: Path, target: Path, version: int, extra_settings: Mapping[str, str]) -> list[str]:
    """How the data folder is made at `target`: UTF-8, one superuser, nobody from the network.

    A server that is told `fsync=off` (tests) is made without it too: on a busy disk that is 0.6 s instead of 3 s.
    """
    return [
        str(folder / "initdb"),
        f"--pgdata={target}",
        f"--username={OWNER}",
        # Who reaches the socket has passed the 0700 folder; from the network nobody is let in, whatever is configured.
        "--auth-local=trust",
        "--auth-host=reject",
        "--encoding=UTF8",
        "--data-checksums",
        *_locale_options(version),
        *(["--no-sync"] if extra_settings.get("fsync") == "off" else []),
    ]


def postgres_command(folder: Path, places: Places, socket_folder: Path, extra_settings: Mapping[str, str]) -> list[str]:
    """How the server is run. `-D` comes first: `processes` knows a postmaster by it."""
    settings = {
        **SETTINGS,
        "dynamic_shared_memory_type": _shared_memory_type(),
        "shared_buffers": f"{shared_buffers_mb(_memory_bytes())}MB",
        **extra_settings,
        # Last, because everything else relies on these.
        "port": str(PORT),
        "unix_socket_directories": str(socket_folder),
        "cluster_name": places.cluster_name,
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(folder / "postgres"), "-D", str(places.data), *options]


def data_version(places: Places) -> int | None:
    """The major version that made the data folder, or None where there is none yet.

    Raises:
        ConfigurationError: something else stands in its place.
    """
    if not places.data.exists() or not any(places.data.iterdir()):
        return None
    try:
        return int((places.data / "PG_VERSION").read_text().strip())
    except (FileNotFoundError, ValueError) as error:
        raise ConfigurationError(
            f"{places.data} is not a PostgreSQL data folder (no PG_VERSION); move it away, or restore a backup"
        ) from error


def check_data_version(places: Places, version: int) -> None:
    """Refuse a data folder of another major version.

    Raises:
        ConfigurationError: it is one.
    """
    found = data_version(places)
    if found is not None and found != version:
        raise ConfigurationError(
            f"{places.data} was made by PostgreSQL {found} and this asks for {version}; back it up with the version"
            " that made it and restore into a new home"
        )


def reasons(lines: Sequence[str]) -> str:
    """The lines of a program's output that say why it failed, newest last, as one line."""
    marks = ("FATAL:", "PANIC:", "ERROR:", "error:", "could not", "No space left")
    named = [line.strip() for line in lines if any(mark in line for mark in marks)]
    chosen = named[-3:] or [line.strip() for line in lines if line.strip()][-2:]
    return "; ".join(line[:300] for line in chosen) or "it gave no reason"


def _locale_options(version: int) -> list[str]:
    """Code-point order and Unicode letters, equal on every machine; before 17 the letters are the system's."""
    if version >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C", *(["--lc-ctype=C.UTF-8"] if _system_has_unicode_c_locale() else [])]


def _system_has_unicode_c_locale() -> bool:
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return False
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return True


def shared_buffers_mb(memory_bytes: int) -> int:
    """A quarter of the memory, from 128 MB to 2 GB; only what is used of it is taken.

    An index of 100,000 chunks is 1.1 GB. With 256 MB, searches over it wait for the kernel's copies of its pages and
    take three times as long.
    """
    return max(128, min(2048, memory_bytes // 4 // 2**20))


def _memory_bytes() -> int:
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = _MEMORY_LIMIT.read_text().strip()
    except OSError:
        return physical
    return min(physical, int(limit)) if limit.isdigit() else physical


def _shared_memory_type() -> str:
    """`posix` where /dev/shm is large; containers give it 64 MB, in which a parallel index build fails half-way."""
    try:
        room = os.statvfs(_SHARED_MEMORY)
    except FileNotFoundError:
        return "mmap"
    return "posix" if room.f_frsize * room.f_blocks >= _ENOUGH_SHARED_MEMORY_BYTES else "mmap"
