"""What a store still offers and is not to be stored again: known by keyed hash before anything of it is kept.

Belongs here: making the keys and comparing with them. Does not: what a refusal means for an observed document
(observation), when something is suppressed (erasure, purging).
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from prodgen_pipeline.core import erasing
from prodgen_pipeline.core.errors import DocumentRejected
from prodgen_pipeline.core.models import ListedObject
from prodgen_pipeline.core.versioning import Change
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.text_stages import ParseTask
from prodgen_pipeline.storage import erasure
from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.erasure import Suppression

#: The purpose of the tenant's secret that suppressed things are hashed with.
PURPOSE = "suppressions"
#: Why a version that names an erased person goes no further.
REASON = "names_erased_subject"

Secret = Callable[[str], bytes]


@dataclass(slots=True, kw_only=True)
class Suppressed:
    """What is not to be taken from one source; empty for nearly every source there is."""

    source_id: int
    secret: bytes
    keys: dict[str, set[bytes]]
    #: Numbers of words of suppressed values; 0 is a number without its separators.
    lengths: set[int]
    #: Of addresses that the running listing has.
    seen: set[bytes] = field(default_factory=set)

    @property
    def names_anybody(self) -> bool:
        """Whether a text must be read before it can be taken."""
        return bool(self.keys.get("value"))

    def refuses_listed(self, listed: ListedObject) -> bool:
        """Whether what a store lists at an address is not even to be read."""
        address = self.address_key(listed.uri)
        offer = self.offer_key(listed.uri, listed.sign)
        hits = {key for kind, key in (("address", address), ("offer", offer)) if key in self.keys.get(kind, ())}
        self.seen |= hits
        return bool(hits)

    def refuses_content(self, digest: bytes) -> bool:
        """Whether these bytes were a document that was erased."""
        return self._key("content", digest.hex()) in self.keys.get("content", ())

    def refuses_text(self, text: str) -> bool:
        """Whether a text names somebody who was erased."""
        wanted = self.keys.get("value", set())
        return any(self._key("value", form) in wanted for form in erasing.forms_in(text, self.lengths))

    def address_key(self, uri: str) -> bytes:
        """Of an address, whatever lies there."""
        return self._key("address", f"{self.source_id}\x00{uri}")

    def offer_key(self, uri: str, sign: str) -> bytes:
        """Of an address as it is now."""
        return self._key("offer", f"{self.source_id}\x00{uri}\x00{sign}")

    def offer(self, listed: ListedObject) -> Suppression:
        """What was looked at and not taken, so that it need not be looked at again."""
        return Suppression(kind="offer", key=self.offer_key(listed.uri, listed.sign), source_id=self.source_id)

    def _key(self, kind: str, what: str) -> bytes:
        return keyed(self.secret, kind, what)


def is_refused(change: Change, suppressed: Suppressed | None) -> bool:
    """Whether a file that is new to us lies where an erased or expired document was, and is not to be read."""
    if suppressed is None or change.known is not None or change.listed is None:
        return False
    return suppressed.refuses_listed(change.listed)


def keyed(secret: bytes, kind: str, what: str) -> bytes:
    """The keyed hash under which something is suppressed."""
    return hmac.new(secret, f"{kind}\x00{what}".encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


def load(tx: Transaction, source_id: int, secret: Callable[[], Secret]) -> Suppressed | None:
    """What is suppressed for a source; None where nothing is, and then no secret is asked for."""
    rows = erasure.suppressions(tx, source_id)
    if not rows:
        return None
    keys: dict[str, set[bytes]] = {}
    for row in rows:
        keys.setdefault(row.kind, set()).add(row.key)
    lengths = {row.n_words for row in rows if row.n_words is not None}
    return Suppressed(source_id=source_id, secret=secret()(PURPOSE), keys=keys, lengths=lengths)


def of_values(secret: bytes, identifiers: list[str]) -> list[Suppression]:
    """All forms of some values, as they are kept."""
    return [
        Suppression(kind="value", key=keyed(secret, "value", form), n_words=n_words)
        for identifier in identifiers
        for form, n_words in erasing.forms(identifier).items()
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTask:
    """Bytes whose text is wanted, without keeping any of it."""

    data: bytes
    parse: ParseTask


def text_task(task: ReadTask) -> str:
    """The text and the fields of a file. Runs in a worker: a file can crash or hang its library."""
    from prodgen_pipeline.clients.parsers import parse

    document = parse(task.data, uri=task.parse.uri, config=task.parse.config)
    fields = json.dumps(document.metadata, ensure_ascii=False)
    return "\n".join([document.title or "", *(element.text for element in document.elements), fields])


def text_of(run: Run, data: bytes, uri: str) -> str | DocumentRejected:
    """The text of some bytes, read in a worker; nothing of it is kept."""
    pipeline = run.settings.pipeline
    parse = ParseTask(
        object_store_url=run.object_store_url, object_key=None, uri=uri, config=pipeline.parsing,
        redaction=pipeline.redaction,
    )  # fmt: skip
    return run.pool.map(text_task, [ReadTask(data=data, parse=parse)], isolated=True)[0]
