"""The master key, and the secrets derived from it: one per tenant and purpose, none of them stored.

A tenant's hashes, signatures and pseudonyms are keyed with its own secrets, so that nothing of two tenants can be
compared.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.settings import Settings

_MIN_BYTES = 16
#: The purpose of the secret that values are hashed with before their token is looked up.
PSEUDONYMS = "pseudonyms"


def master_key(settings: Settings, *, create: bool = False) -> bytes:
    """The key from the environment, its file, or `keys/master.key` in the home folder, made there on first use.

    Raises ConfigurationError when it is missing, short or unreadable: without it nothing is indexed.
    """
    if settings.master_key is not None:
        return _checked(settings.master_key.get_secret_value().encode(), "PRODGEN_MASTER_KEY")
    path = settings.master_key_file or settings.require_home() / "keys" / "master.key"
    if create and settings.master_key_file is None and not path.exists():
        _make(path)
    try:
        return _checked(path.read_bytes().strip(), str(path))
    except OSError as error:
        raise ConfigurationError(
            f"the master key {path} cannot be read ({error.strerror}): restore it, or set PRODGEN_MASTER_KEY"
        ) from None


def tenant_secrets(master: bytes, tenant_id: int) -> Callable[[str], bytes]:
    """Return a function from purpose to the tenant's 32-byte secret (HMAC-SHA-256 of tenant and purpose)."""

    def secret(purpose: str) -> bytes:
        return hmac.new(master, f"tenant:{tenant_id}:{purpose}".encode(), hashlib.sha256).digest()

    return secret


def value_key(secret: bytes) -> Callable[[str, str], bytes]:
    """The keyed hash under which a tenant knows a value: (label, normalised value) to 32 bytes.

    `secret` is the tenant's of the purpose `PSEUDONYMS`. Documents and questions are hashed the same way, so that a
    question about a value meets its token.
    """

    def key(label: str, value: str) -> bytes:
        return hmac.new(secret, f"{label}\x00{value}".encode(), hashlib.sha256).digest()

    return key


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32) + "\n")
    try:
        os.link(temporary, path)  # fails where another command was first: its key stands
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _checked(key: bytes, where: str) -> bytes:
    if len(key) < _MIN_BYTES:
        raise ConfigurationError(f"the master key in {where} is shorter than {_MIN_BYTES} bytes")
    return key
