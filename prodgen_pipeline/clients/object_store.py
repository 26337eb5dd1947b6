"""The object store: raw bytes of document versions, addressed by content, one prefix a tenant.

The same bytes are stored once per tenant, whatever their name or version. Any fsspec URL will do; a local folder is
the default.
"""

import uuid

import fsspec

from prodgen_pipeline.core.errors import DocumentRejected, TransientError
from prodgen_pipeline.core.models import QuarantineReason


class ObjectStore:
    """Puts and gets bytes by the hash of their content."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._fs, self._root = fsspec.core.url_to_fs(url, auto_mkdir=True)

    def put(self, tenant_id: int, content_hash: str, data: bytes) -> str:
        """Store bytes and return their key. Whole or not at all: a killed writer leaves no half object under a key."""
        key = f"{tenant_id}/{content_hash[:2]}/{content_hash}"
        path = f"{self._root}/{key}"
        if self._fs.exists(path):
            return key
        part = f"{self._root}/{tenant_id}/part-{uuid.uuid4().hex}"
        try:
            self._fs.pipe_file(part, data)
            self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            self._fs.mv(part, path)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise TransientError(
                f"the object store cannot keep {len(data):,} bytes ({reason}): make room and run again"
            ) from error
        return key

    def remove_tenant(self, tenant_id: int) -> None:
        """Delete all bytes of a tenant."""
        folder = f"{self._root}/{tenant_id}"
        if self._fs.exists(folder):
            self._fs.rm(folder, recursive=True)

    def delete(self, key: str) -> bool:
        """Delete the bytes under a key; returns whether there were any. Doing it again is no error."""
        path = f"{self._root}/{key}"
        if not self._fs.exists(path):
            return False
        self._fs.rm_file(path)
        return True

    def keys(self, tenant_id: int) -> list[str]:
        """The keys of all that is kept for a tenant, parts that a killed writer left included."""
        folder = f"{self._root}/{tenant_id}"
        if not self._fs.exists(folder):
            return []
        found = self._fs.find(folder)
        return sorted(f"{tenant_id}/{path.rpartition(f'/{tenant_id}/')[2]}" for path in found)

    def get(self, key: str) -> bytes:
        """Read the bytes under a key; raises DocumentRejected (raw_bytes_lost) when they are gone."""
        try:
            data: bytes = self._fs.cat_file(f"{self._root}/{key}")
        except FileNotFoundError:
            raise DocumentRejected(
                QuarantineReason.RAW_BYTES_LOST,
                f"object {key} is missing from the object store: restore it, then retry",
            ) from None
        return data
