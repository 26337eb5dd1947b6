"""Who PostgreSQL's server programs run as, because they refuse to run as root.

Belongs here: choosing an identity and taking it on, in a child of ours, just before it becomes the program.
Does not: starting the child (`child`). Nothing here widens a permission, adds a user or touches a parent folder.

An ordinary user needs nothing of this. As root there are two ways into a home folder that only root may enter:

* an ambient capability: an unprivileged user id that keeps one right, to read and write past file permissions;
* a user namespace: root outside, an ordinary user id inside; the server sees itself as that user, files stay root's.

Both were measured with PostgreSQL 16 and 18; which is possible depends on the container, so each is tried in a child
first. All of this is Linux; elsewhere root gets the one clear line.
"""

import ctypes
import os
import pwd
import signal
import socket
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.storage.embedded.places import Places

# From linux/prctl.h, linux/capability.h, linux/securebits.h and linux/sched.h.
_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1
_CLONE_NEWUSER = 0x10000000


class Method(Enum):
    """How a program comes to run as somebody who is not root."""

    AS_WE_ARE = "as we are"
    AMBIENT_CAPABILITIES = "ambient capabilities"
    USER_NAMESPACE = "user namespace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a program runs as. `owner_uid` owns its files on disk, `uid` is what the program itself sees."""

    method: Method
    uid: int
    gid: int
    owner_uid: int
    owner_gid: int


def choose_identity(places: Places, program: Path) -> Identity:
    """Find a way to run `program` (an absolute path) on this home's data folder.

    Forks to try, so only a process with one thread may call it.

    Raises:
        ConfigurationError: we are root and neither way is open, or the data folder is another user's.
    """
    if os.geteuid() != 0:
        owner = _owner(places.data)
        if owner is not None and owner[0] != os.geteuid():
            raise ConfigurationError(f"{places.data} belongs to user id {owner[0]}; run prodgen as that user")
        return Identity(
            method=Method.AS_WE_ARE, uid=os.geteuid(), gid=os.getegid(), owner_uid=os.geteuid(), owner_gid=os.getegid()
        )
    for identity in _candidates_for_root(_owner(places.data)):
        if _is_possible(identity, places.home, program):
            return identity
    raise ConfigurationError(
        "PostgreSQL does not run as root, and here are neither ambient capabilities (CAP_SETUID, CAP_SETGID, CAP_KILL,"
        " CAP_DAC_OVERRIDE) nor user namespaces; run prodgen as an ordinary user, or set PRODGEN_DATABASE_URL"
    )


def assume(identity: Identity) -> None:
    """Become that identity, for good. Call it in a forked child, before the program replaces it.

    Raises:
        OSError: the kernel said no.
    """
    if identity.method is Method.AMBIENT_CAPABILITIES:
        _become_with_ambient_capabilities(identity)
    elif identity.method is Method.USER_NAMESPACE:
        _become_in_user_namespace(identity)


def die_with_parent(parent_pid: int, death_signal: signal.Signals) -> None:
    """Ask the kernel for `death_signal` when our parent ends; call it after `assume`, which would clear it.

    Only Linux does this. Elsewhere an orphan is ended by the next supervisor.
    """
    if sys.platform != "linux":
        return
    _call("prctl", _PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent_pid:
        raise ProcessLookupError("the supervisor ended before its child was ready")


def adopt_files(folder: Path, identity: Identity) -> None:
    """Give the data folder to the identity's user where it is another's.

    That happens when a home made in one kind of container is used in another; PostgreSQL insists on owning its files.
    """
    owner = _owner(folder)
    if owner is None or owner[0] == identity.owner_uid:
        return
    for parent, folders, files in os.walk(folder):
        for name in [".", *folders, *files]:
            os.chown(Path(parent) / name, identity.owner_uid, identity.owner_gid, follow_symlinks=False)


def _owner(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_uid, found.st_gid


def _candidates_for_root(data_owner: tuple[int, int] | None) -> list[Identity]:
    """Both ways, first the one under which the data folder, if there is one, keeps its owner."""
    if sys.platform != "linux":
        return []
    nobody = _an_ordinary_account()
    if nobody is None:
        return []
    uid, gid = data_owner if data_owner is not None and data_owner[0] != 0 else nobody
    ambient = Identity(method=Method.AMBIENT_CAPABILITIES, uid=uid, gid=gid, owner_uid=uid, owner_gid=gid)
    namespace = Identity(method=Method.USER_NAMESPACE, uid=nobody[0], gid=nobody[1], owner_uid=0, owner_gid=0)
    return [namespace, ambient] if data_owner is not None and data_owner[0] == 0 else [ambient, namespace]


def _an_ordinary_account() -> tuple[int, int] | None:
    """User and group id of `nobody`, else of any account but root: initdb wants its user id to have a name."""
    accounts = [account for account in pwd.getpwall() if account.pw_uid != 0]
    accounts.sort(key=lambda account: account.pw_name != "nobody")
    return (accounts[0].pw_uid, accounts[0].pw_gid) if accounts else None


def _is_possible(identity: Identity, home: Path, program: Path) -> bool:
    """Whether a child can take the identity on, write into the home and run the program, and we can still end it.

    Writing and running are asked as PostgreSQL asks, with access(2): it looks at the real user, not at capabilities.
    """
    ours, its = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            assume(identity)
            if os.access(home, os.W_OK | os.X_OK) and os.access(program, os.R_OK | os.X_OK):
                its.send(b"y")
                ours.close()
                its.recv(1)
        finally:
            # Also after an OSError: "no" is the answer then, and a second copy of this program must not run on.
            os._exit(1)
    its.close()
    with ours:
        possible = ours.recv(1) == b"y" and _can_signal(pid)
    os.waitpid(pid, 0)
    return possible


def _can_signal(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        # Root without CAP_KILL cannot stop a server that runs as somebody else.
        return False
    return True


def _become_with_ambient_capabilities(identity: Identity) -> None:
    os.setgroups([])
    _call("prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    try:
        # Without it access(2) ignores the capabilities, and initdb does not find its own programs where the
        # environment lies under /root ("postgres is needed by initdb but was not found"). Needs CAP_SETPCAP.
        _call("prctl", _PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    except PermissionError:
        # Matters only in that case; _is_possible finds out and the other way is taken.
        pass
    os.setresgid(identity.gid, identity.gid, identity.gid)
    os.setresuid(identity.uid, identity.uid, identity.uid)
    # The only one: it covers reading too, and Docker's default set has no CAP_DAC_READ_SEARCH to keep.
    kept = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # Effective, permitted, inheritable; then the same three for capabilities above 31.
    _call("capset", header, (ctypes.c_uint32 * 6)(kept, kept, kept, 0, 0, 0))
    _call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _become_in_user_namespace(identity: Identity) -> None:
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    _call("unshare", _CLONE_NEWUSER)
    # In this order: a process without rights outside may map its group only after giving up setgroups.
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{identity.uid} {outer_uid} 1"),
        ("gid_map", f"{identity.gid} {outer_gid} 1"),
    ):
        Path("/proc/self", name).write_text(content)


def _call(name: str, *arguments: object) -> None:
    """Call a function of the C library that answers 0 or sets errno."""
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    # prctl takes longs through dots, where a plain integer would go as 32 bits.
    if function(*(ctypes.c_ulong(value) if isinstance(value, int) else value for value in arguments)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
