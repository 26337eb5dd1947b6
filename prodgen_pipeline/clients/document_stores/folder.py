"""A folder of files, through fsspec.

Hidden names and symbolic links are not listed: the first are other programs' (.git, .DS_Store), the second can lead
out of the folder that its owner meant to share. The sign of change holds time, size, mode and inode, so that a file
put in another's place under the same time and size, or made readable again, is read again.
"""

import fnmatch
import re
from collections.abc import Iterator, Sequence
from typing import Any

import fsspec

from prodgen_pipeline.clients.document_stores import too_large
from prodgen_pipeline.core.errors import DocumentRejected, SourceUnavailable
from prodgen_pipeline.core.models import ListedObject, QuarantineReason


class FolderStore:
    """Lists and reads the files below one folder. Globs match the whole relative path; `*` matches slashes too."""

    def __init__(self, uri: str, *, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self._fs, self._root = fsspec.core.url_to_fs(uri)
        self._include = _patterns(include)
        self._exclude = _patterns(exclude)

    def listing(self, after: str = "") -> Iterator[ListedObject]:
        """Walk the folder in code point order of relative paths."""
        if not self._fs.isdir(self._root):
            raise SourceUnavailable(f"the folder {self._root} is not there or cannot be read")
        yield from self._walk("", after)

    def read(self, uri: str, *, max_bytes: int) -> bytes:
        """Read a file, at most `max_bytes` of it."""
        try:
            with self._fs.open(f"{self._root}/{self._stored_name(uri)}", "rb") as file:
                data: bytes = file.read(max_bytes + 1)
        except FileNotFoundError:
            raise SourceUnavailable(f"{uri} went away while it was read; the next listing will tell") from None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise DocumentRejected(
                QuarantineReason.UNREADABLE,
                f"the file cannot be read ({reason}): make it readable for the pipeline's user",
            ) from None
        if len(data) > max_bytes:
            raise too_large(max_bytes)
        return data

    def _walk(self, folder: str, after: str) -> Iterator[ListedObject]:
        for path, info in self._entries(folder):
            if path.endswith("/"):
                if path > after or after.startswith(path):
                    yield from self._walk(path, after)
            elif path > after and self._wanted(path):
                yield ListedObject(uri=path, size=info["size"] or 0, sign=_sign(info), modified_at=info.get("mtime"))

    def _entries(self, folder: str) -> list[tuple[str, dict[str, Any]]]:
        try:
            infos = self._fs.ls(f"{self._root}/{folder}".rstrip("/"), detail=True)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise SourceUnavailable(f"the folder {self._root}/{folder} cannot be listed: {reason}") from None
        found = []
        for info in infos:
            name = info["name"].rstrip("/").rsplit("/", 1)[-1]
            if name.startswith(".") or info.get("islink") or info["type"] not in ("file", "directory"):
                continue
            # A folder sorts as its name with the slash: that is where its files stand among their neighbours.
            found.append((folder + _display(name) + ("/" if info["type"] == "directory" else ""), info))
        return sorted(found, key=lambda entry: entry[0])

    def _wanted(self, path: str) -> bool:
        if self._include and not any(pattern.fullmatch(path) for pattern in self._include):
            return False
        return not any(pattern.fullmatch(path) for pattern in self._exclude)

    def _stored_name(self, uri: str) -> str:
        """Undo `_display`: names that are not UTF-8 are looked up in their folder."""
        if "\\x" not in uri or self._fs.exists(f"{self._root}/{uri}"):
            return uri
        folder = ""
        for part in uri.split("/"):
            names = (entry["name"].rsplit("/", 1)[-1] for entry in self._fs.ls(f"{self._root}/{folder}", detail=True))
            folder += next((name for name in names if _display(name) == part), part) + "/"
        return folder.rstrip("/")


def _patterns(globs: Sequence[str]) -> list[re.Pattern[str]]:
    return [re.compile(fnmatch.translate(glob)) for glob in globs]


def _sign(info: dict[str, Any]) -> str:
    # Stores other than the local disk have an etag or a time instead.
    if "mtime" in info:
        return f"{info['mtime']:.6f}-{info['size']}-{info.get('mode', 0):o}-{info.get('ino', 0)}"
    return f"{info.get('ETag') or info.get('created') or info.get('LastModified')}-{info['size']}"


def _display(name: str) -> str:
    """A name that the database can hold: bytes that are no UTF-8 become a backslash, x and two digits."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
