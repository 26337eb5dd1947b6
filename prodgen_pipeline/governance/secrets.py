"""The master key, and the secrets of tenants that it wraps: one per tenant and purpose.

Belongs here: making, wrapping and unwrapping keys. Does not: what is encrypted with them, rotation (`vault`). A
tenant's hashes, signatures and pseudonyms are keyed with its own secrets, so that nothing of two tenants can be
compared. They are kept wrapped, so that a new master key changes none of them.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import vault
from prodgen_pipeline.storage.database import Database

_MIN_BYTES = 16
_NONCE_BYTES = 12
#: The purpose of the secret that values are hashed with before their token is looked up.
PSEUDONYMS = "pseudonyms"
#: Of the one that signatures of texts are keyed with.
DUPLICATES = "duplicates"
#: Of the tenant's key, which wraps the keys of its subjects.
VAULT = "vault"


class KeyWrapper(Protocol):
    """What wraps tenants' keys: the local master key, or the client of a key management service."""

    def wrap(self, key: bytes, context: str) -> bytes:
        """Encrypt a key; only the same context unwraps it."""
        ...

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """Return the key; raises ConfigurationError when this is not what wrapped it."""
        ...


class AesWrapper:
    """Wraps with AES-256-GCM under a key derived from a secret of any length; `name` is for the error."""

    def __init__(self, secret: bytes, name: str) -> None:
        self._key = hmac.new(secret, b"prodgen:wrap", hashlib.sha256).digest()
        self._name = name

    def wrap(self, key: bytes, context: str) -> bytes:
        """Encrypt a key; only the same context unwraps it."""
        return seal(self._key, key, context)

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """Return the key; raises ConfigurationError when this is not what wrapped it."""
        key = unsealed(self._key, wrapped, context)
        if key is None:
            raise ConfigurationError(
                f"{self._name} is not the one that {context} was wrapped with: restore the right one, nothing was done"
            )
        return key


class TenantSecrets:
    """From a purpose to a tenant's 32-byte secret of it, unwrapped once; safe to share between threads.

    A secret that is not stored is HMAC-SHA-256 of tenant and purpose under the master key, and stays so when stored.
    """

    def __init__(
        self,
        tenant_id: int,
        wrapped: Mapping[str, bytes],
        master: Callable[[], bytes],
        keep: Callable[[str, bytes], None] | None = None,
    ) -> None:
        """`master` is asked when first needed; `keep` is told the wrapped form of a secret that was not stored."""
        self._tenant_id = tenant_id
        self._wrapped = wrapped
        self._master = master
        self._keep = keep
        self._open: dict[str, bytes] = {}

    @property
    def is_stored(self) -> bool:
        """Whether the tenant's first run has stored any, so that these will not change."""
        return bool(self._wrapped)

    def __call__(self, purpose: str) -> bytes:
        """The secret; raises ConfigurationError when the master key is missing or not the one that wrapped it."""
        if purpose not in self._open:
            self._open[purpose] = self._unwrapped(purpose)
        return self._open[purpose]

    def _unwrapped(self, purpose: str) -> bytes:
        master = self._master()
        if purpose in self._wrapped:
            return master_wrapper(master).unwrap(self._wrapped[purpose], key_context(self._tenant_id, purpose))
        secret = tenant_secrets(master, self._tenant_id)(purpose)
        if self._keep is not None:
            self._keep(purpose, master_wrapper(master).wrap(secret, key_context(self._tenant_id, purpose)))
        return secret


def run_secrets(settings: Settings, database: Database, tenant_id: int) -> TenantSecrets:
    """The secrets of a tenant for whoever may store them (pipeline side).

    A tenant's first run makes the master key if there is none, and stores what later runs are compared with. Raises
    ConfigurationError when the master key is missing, or is not the one that the tenant's keys were wrapped with.
    """
    with database.transaction(tenant_id) as tx:
        wrapped = vault.tenant_keys(tx)
    master = master_key(settings, create=not wrapped)

    def keep(purpose: str, key: bytes) -> None:
        with database.transaction(tenant_id) as tx:
            vault.add_tenant_key(tx, purpose, key)

    found = TenantSecrets(tenant_id, wrapped, lambda: master, keep)
    # Now, rather than in the middle of a run: a wrong master key must index nothing.
    for purpose in {PSEUDONYMS, DUPLICATES, VAULT, *wrapped}:
        found(purpose)
    return found


def reading_secrets(database: Database, tenant_id: int, master: Callable[[], bytes]) -> TenantSecrets:
    """The secrets of a tenant for the query side, which stores none."""
    with database.transaction(tenant_id) as tx:
        return TenantSecrets(tenant_id, vault.tenant_keys(tx), master)


def master_key(settings: Settings, *, create: bool = False) -> bytes:
    """The key from the environment, its file, or `keys/master.key` in the home folder, made there on first use.

    Raises ConfigurationError when it is missing, short or unreadable: without it nothing is indexed.
    """
    if settings.master_key is not None:
        return _checked(settings.master_key.get_secret_value().encode(), "PRODGEN_MASTER_KEY")
    path = settings.master_key_file or home_key_file(settings)
    if create and settings.master_key_file is None and not path.exists():
        write_new_key(path)
    return read_key(path)


def home_key_file(settings: Settings) -> Path:
    """Where the master key is kept when neither variable names another."""
    return settings.require_home() / "keys" / "master.key"


def read_key(path: Path) -> bytes:
    """A master key from a file; raises ConfigurationError when it is short or cannot be read."""
    try:
        return _checked(path.read_bytes().strip(), str(path))
    except OSError as error:
        raise ConfigurationError(
            f"the master key {path} cannot be read ({error.strerror}): restore it, or set PRODGEN_MASTER_KEY"
        ) from None


def write_new_key(path: Path) -> None:
    """Make a random key in a file of the owner's own; one that another command made meanwhile stands."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = _written(path, secrets.token_hex(32).encode())
    try:
        os.link(temporary, path)  # fails where another command was first: its key stands
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def replace_key(path: Path, key: bytes) -> None:
    """Put another key into the file, at once or not at all."""
    _written(path, key).replace(path)


def master_wrapper(master: bytes) -> KeyWrapper:
    """What wraps tenants' keys here. A key management service takes its place by giving another `KeyWrapper`."""
    return AesWrapper(master, "the master key")


def key_context(tenant_id: int, purpose: str) -> str:
    """What binds a wrapped key to its place."""
    return f"the key {purpose} of tenant {tenant_id}"


def tenant_secrets(master: bytes, tenant_id: int) -> Callable[[str], bytes]:
    """From a purpose to the secret that a tenant begins with (HMAC-SHA-256 of tenant and purpose), stored or not."""

    def secret(purpose: str) -> bytes:
        return hmac.new(master, f"tenant:{tenant_id}:{purpose}".encode(), hashlib.sha256).digest()

    return secret


def value_key(secret: bytes) -> Callable[[str, str], bytes]:
    """The keyed hash under which a tenant knows a value: (label, normalised value) to 32 bytes.

    `secret` is the tenant's of the purpose `PSEUDONYMS`. Documents and questions are hashed the same way, so that a
    question about a value meets its token.
    """

    def key(label: str, value: str) -> bytes:
        return hmac.new(secret, f"{label}\x00{value}".encode("utf-8", "surrogatepass"), hashlib.sha256).digest()

    return key


def seal(key: bytes, plain: bytes, context: str) -> bytes:
    """AES-256-GCM: a random nonce of 12 bytes, then the ciphertext; `context` is authenticated."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context.encode())


def unsealed(key: bytes, sealed: bytes, context: str) -> bytes | None:
    """What was sealed; None under another key or context, or when it was changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError):
        return None


def _written(path: Path, key: bytes) -> Path:
    """A file beside `path`, readable by its owner alone, that holds the key."""
    temporary = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key + b"\n")
    return temporary


def _checked(key: bytes, where: str) -> bytes:
    if len(key) < _MIN_BYTES:
        raise ConfigurationError(f"the master key in {where} is shorter than {_MIN_BYTES} bytes")
    return key
