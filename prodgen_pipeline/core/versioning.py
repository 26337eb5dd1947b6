"""Identity and change: fingerprints, content and output hashes, and what a listing means against what is known.

Belongs here: pure decisions about versions. Does not: reading a store (`clients`), the ledger (`storage`), who may
delete (`governance`).
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from prodgen_pipeline.core.errors import IntegrityError
from prodgen_pipeline.core.models import Element, ListedObject

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FINGERPRINT_LENGTH = 16
T = TypeVar("T", ListedObject, "KnownDocument")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDocument:
    """What the ledger holds about one document of a source."""

    uri: str
    document_id: str
    #: The store's sign of change when the document was last read.
    sign: str
    #: Hash of the bytes of its newest version.
    content_hash: str


class ChangeKind(StrEnum):
    """What a listing says about one URI."""

    #: Not known yet: must be read.
    NEW = "new"
    #: The sign differs: must be read; only the content hash tells whether it changed.
    TOUCHED = "touched"
    #: Known, and absent from the listing.
    GONE = "gone"
    #: Same sign: not read.
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One step of the comparison; `listed` is None when gone, `known` is None when new."""

    kind: ChangeKind
    uri: str
    listed: ListedObject | None = None
    known: KnownDocument | None = None


def fingerprint(name: str, version: str, config: "DataclassInstance", upstream: str = "") -> str:
    """Name a stage's behaviour: 16 hexadecimal digits that change with its code version, configuration or upstream.

    Raises:
        TypeError: a configuration value has no canonical form (only JSON types, tuples and dataclasses have one).
    """
    described: dict[str, Any] = {"name": name, "version": version, "config": asdict(config), "upstream": upstream}
    canonical = json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:FINGERPRINT_LENGTH]


def content_hash(data: bytes) -> str:
    """SHA-256 of a document version's bytes, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def output_hash(elements: Sequence[Element]) -> str:
    """SHA-256 over every field of every element in order; equal exactly when the elements are equal."""
    digest = hashlib.sha256()
    for element in elements:
        text = element.text.encode("utf-8", "surrogatepass")
        # The text's length is framed, and the other fields are quoted, so that no two sequences share their bytes.
        head = [element.type.value, element.page, element.level, element.has_header, element.language, len(text)]
        digest.update(json.dumps(head).encode("ascii"))
        digest.update(text)
    return digest.hexdigest()


def changes(listing: Iterable[ListedObject], known: Iterable[KnownDocument]) -> Iterator[Change]:
    """Merge a complete listing with what is known, in URI order and bounded memory; every URI is yielded once.

    Both must be sorted by `uri` by code point, without repeats (SQL: `ORDER BY uri COLLATE "C"`). The caller must not
    act on GONE before the listing has ended without an error: a listing that raises half-way deletes nothing.

    Raises:
        IntegrityError: one side is not in order.
    """
    left, right = _ascending(listing, "the listing"), _ascending(known, "the known documents")
    new, old = next(left, None), next(right, None)
    while new is not None or old is not None:
        if old is None or (new is not None and new.uri < old.uri):
            assert new is not None  # noqa: S101 - for the type checker: the loop's condition says so
            yield Change(kind=ChangeKind.NEW, uri=new.uri, listed=new)
            new = next(left, None)
        elif new is None or old.uri < new.uri:
            yield Change(kind=ChangeKind.GONE, uri=old.uri, known=old)
            old = next(right, None)
        else:
            kind = ChangeKind.UNCHANGED if new.sign == old.sign else ChangeKind.TOUCHED
            yield Change(kind=kind, uri=new.uri, listed=new, known=old)
            new, old = next(left, None), next(right, None)


def _ascending(items: Iterable[T], what: str) -> Iterator[T]:
    previous: str | None = None
    for item in items:
        if previous is not None and item.uri <= previous:
            raise IntegrityError(f"{what} must be sorted by URI without repeats; {item.uri!r} came after {previous!r}")
        previous = item.uri
        yield item


def match_renames(new: Mapping[str, str], gone: Mapping[str, str]) -> dict[str, str]:
    """Find documents that only moved: `new` maps URI, `gone` maps document id, each to a content hash.

    A document keeps its identity where exactly one new URI and exactly one gone document share a content; anything
    ambiguous is a deletion and a new document.
    """
    uris, documents = _by_value(new), _by_value(gone)
    return {
        here[0]: documents[content][0]
        for content, here in uris.items()
        if len(here) == 1 and len(documents.get(content, ())) == 1
    }


def _by_value(items: Mapping[str, str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for key, value in items.items():
        grouped[value].append(key)
    return grouped


def mass_delete(n_gone: int, n_known: int, max_share: float, *, min_gone: int = 3) -> bool:
    """Say whether a deletion is so large that a person must confirm it.

    Fewer than `min_gone` documents are never a mass delete: in a small folder one file is a large share.
    """
    return n_gone >= min_gone and n_gone > max_share * n_known
