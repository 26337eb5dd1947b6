"""Document stores: where documents come from. A new kind of store is one file here and one line in `open_store`.

Belongs here: listing and reading, and the store's own cheap sign of change. Does not: what a difference means
(core.versioning) and what is known (storage).
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from prodgen_pipeline.core.errors import DocumentRejected, UsageError
from prodgen_pipeline.core.models import ListedObject, QuarantineReason


class DocumentStore(Protocol):
    """A place that lists and reads documents."""

    def listing(self, after: str = "") -> Iterator[ListedObject]:
        """Yield everything in code point order of URIs, from the one behind `after` on.

        Raises SourceUnavailable at the first thing that cannot be listed: a listing that ends without it is complete.
        """
        ...

    def read(self, uri: str, *, max_bytes: int) -> bytes:
        """Read a document whole; raises DocumentRejected (too_large, unreadable) or SourceUnavailable."""
        ...


def too_large(max_bytes: int) -> DocumentRejected:
    """The rejection of a document that has more bytes than may be read."""
    return DocumentRejected(
        QuarantineReason.TOO_LARGE,
        f"the file is larger than parsing.max_document_bytes ({max_bytes:,}): split it, or raise the limit",
    )


def open_store(uri: str, *, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> DocumentStore:
    """Open the store behind a source's URI, a path or the fsspec URL of a folder; raises UsageError for other kinds."""
    from prodgen_pipeline.clients.document_stores.folder import FolderStore

    scheme, separator, _ = uri.partition("://")
    if separator and scheme not in ("file", "local", "memory"):
        raise UsageError(f"sources of kind {scheme}:// are not supported yet: give a folder")
    return FolderStore(uri, include=include, exclude=exclude)
