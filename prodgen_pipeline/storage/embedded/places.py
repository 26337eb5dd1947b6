"""Where the embedded server keeps its files under one home folder, and whether those places can be used.

Belongs here: paths, the socket folder and its limits, ownership checks, what a failed file operation means for a user.
Does not: locks and leases (`lease`), what runs (`cluster`, `supervisor`).

    HOME/postgres/           the data folder; HOME/postgres.partial-PID while it is being made
    HOME/run/lease.lock      each command holds it shared; the supervisor takes it alone when it ends
    HOME/run/supervisor.lock held by the one supervisor, from before it starts until it is gone
    HOME/run/socket_folder   where the sockets of the running server are (one line)
    HOME/logs/postgres.log   the server's log, and postgres.log.1 before it
"""

import errno
import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prodgen_pipeline.core.errors import ConfigurationError, DatabaseUnavailable, PermanentError, TransientError

#: The server listens on a UNIX socket only, in a folder of its own, so the number never clashes.
PORT = 5432
#: Bytes of a socket's whole path that the kernel takes, without the closing zero.
MAX_SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107
_LONGEST_SOCKET_NAME = f".s.PGSQL.{PORT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The paths of one home. `identity` names this very folder (path and inode) in process titles and folder names."""

    home: Path
    identity: str

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return self.home / "postgres"

    def partial_data(self, maker_pid: int) -> Path:
        """Where initdb works, before the rename that makes it count; one folder per maker.

        An initdb that outlives its killed supervisor by a moment must not write into its successor's folder.
        """
        return self.home / f"postgres.partial-{maker_pid}"

    def abandoned_data(self) -> list[Path]:
        """What interrupted makers left."""
        return sorted(self.home.glob("postgres.partial-*"))

    @property
    def run(self) -> Path:
        """Locks and, where the path is short enough, sockets."""
        return self.home / "run"

    @property
    def lease_lock(self) -> Path:
        """Held shared by every command that uses the server."""
        return self.run / "lease.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the one supervisor."""
        return self.run / "supervisor.lock"

    @property
    def socket_folder_note(self) -> Path:
        """Names the folder of the running server's sockets."""
        return self.run / "socket_folder"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.home / "logs" / "postgres.log"

    @property
    def cluster_name(self) -> str:
        """Stands in the title of every process of this server, where any user may read it."""
        return f"prodgen_{self.identity}"


def places_of(home: Path) -> Places:
    """The places under an existing home folder.

    Raises:
        ConfigurationError: there is no such folder.
    """
    resolved = home.resolve()
    try:
        inode = resolved.stat().st_ino
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no folder {resolved} for the embedded database; create it first") from error
    digest = hashlib.sha256(os.fsencode(resolved) + str(inode).encode()).hexdigest()
    return Places(home=resolved, identity=digest[:12])


def prepare(places: Places) -> None:
    """Make the folders of locks and logs, for the owner's eyes only."""
    for folder in (places.run, places.log.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    check_private(places.run, owner_of_home=places.home.stat().st_uid)


def check_private(folder: Path, *, owner_of_home: int) -> None:
    """Refuse a socket folder that another user owns or may enter: whoever enters it is the database's owner.

    Raises:
        ConfigurationError: it is a link, another user's, or open to others.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigurationError(f"{folder} should be a folder of ours and is something else; remove it")
    if found.st_uid not in (os.geteuid(), owner_of_home):
        raise ConfigurationError(f"{folder} belongs to user id {found.st_uid}, not to us; remove it")
    if found.st_mode & 0o077:
        raise ConfigurationError(f"{folder} is open to other users; run: chmod 700 {folder}")


def choose_socket_folder(places: Places, *, short_root: Path | None = None) -> Path:
    """The folder for the sockets: `run/` of the home, or a private short one where that path is too long.

    `short_root` is tried before the system's temporary folder. A comma or quote counts as too long: libpq and
    PostgreSQL read both as separators.

    Raises:
        ConfigurationError: every candidate is too long, or the short folder is not ours alone.
    """
    if _carries_a_socket(places.run):
        return places.run
    roots = [root for root in (short_root, Path(tempfile.gettempdir()), Path("/tmp")) if root is not None]  # noqa: S108 - the folder made inside is checked to be ours alone
    for root in roots:
        folder = root / f"prodgen-{os.geteuid()}-{places.identity}"
        if root.is_dir() and _carries_a_socket(folder):
            folder.mkdir(mode=0o700, exist_ok=True)
            check_private(folder, owner_of_home=os.geteuid())
            return folder
    raise ConfigurationError(
        f"the path {places.run} is too long for a socket ({MAX_SOCKET_PATH_BYTES} bytes) and so is every temporary"
        " folder; use a shorter home folder"
    )


def _carries_a_socket(folder: Path) -> bool:
    path = os.fsencode(folder / _LONGEST_SOCKET_NAME)
    return len(path) <= MAX_SOCKET_PATH_BYTES and not any(mark in path for mark in b",\"'\n")


def control_socket(folder: Path) -> Path:
    """Where the supervisor answers."""
    return folder / "control"


@contextmanager
def operating_system_errors_explained(home: Path) -> Iterator[None]:
    """Turn a failed file operation under the home into one line that says what to do."""
    try:
        yield
    except OSError as error:
        raise os_error_as_domain(error, home) from error


def os_error_as_domain(error: OSError, home: Path) -> PermanentError | TransientError:
    """What a failed file operation means: a full disk passes, a closed door needs a person."""
    where = f"{error.filename or home}: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DatabaseUnavailable(
            f"no space left for the embedded database ({where}); free some disk space and try again"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ConfigurationError(
            f"the embedded database cannot write its files ({where}); give this user the folder {home},"
            " or set another home"
        )
    return DatabaseUnavailable(f"the embedded database cannot start ({where})")
