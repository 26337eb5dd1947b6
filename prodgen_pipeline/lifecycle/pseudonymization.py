"""Which token each value of a batch of documents gets, so that one person has one token.

Belongs here: whose a value is, given what the tenant's other documents hold. Does not: who is one person within a
document (`core.redaction.aliases`), the tables (`storage.pseudonyms`).

A name is somebody known where a document had it in full; or where a document has an address that is somebody's already;
or where one person alone has the same given name and surname and no other middle name. A given name or surname alone is
never somebody of another document: it is a value of its own. A value that has a token keeps it.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from prodgen_pipeline.core.redaction import pseudonym
from prodgen_pipeline.core.redaction.aliases import ADDRESS, ALIAS, Kind, Subject, Value, similar, subjects, written
from prodgen_pipeline.core.redaction.person_names import Name
from prodgen_pipeline.storage import pseudonyms
from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.pseudonyms import Alias, Key

#: (label, normalised value) to a keyed hash: `governance.secrets.value_key`.
Keyed = Callable[[str, str], bytes]
#: A token, or the key of one that is yet to be made.
Identity = str | Key


def assign(tx: Transaction, keyed: Keyed, documents: Sequence[Collection[Value]]) -> list[dict[Value, str]]:
    """The token of every value, document by document; new tokens and aliases are kept."""
    found = [subjects(values) for values in documents]
    directory = _directory(tx, keyed, [subject for each in found for subject in each])
    # The most complete names first, so that the order of the documents in the batch decides nothing.
    ordered = sorted({subject for each in found for subject in each}, key=_by_completeness)
    identities = {subject: directory.place(subject) for subject in ordered}
    wanted = {each for each in identities.values() if not isinstance(each, str)}
    tokens = _Tokens(made=pseudonyms.tokens_for(tx, wanted, pseudonym), directory=directory)
    pseudonyms.add_aliases(tx, tokens.aliases())
    return [
        {value: tokens.of(value, identities[subject]) for subject in each for value in subject.values} for each in found
    ]


@dataclass(slots=True, kw_only=True)
class Directory:
    """Who is known under which form, hashed: as the tables have it, and as this batch adds to it."""

    keyed: Keyed
    #: Values that have a token of their own.
    known: dict[Key, str]
    by_form: dict[bytes, dict[Identity, Kind]] = field(default_factory=dict)
    names_of: dict[Identity, set[bytes]] = field(default_factory=dict)
    added: dict[tuple[bytes, Identity], Kind] = field(default_factory=dict)

    def place(self, subject: Subject) -> Identity:
        """Whose token the subject gets; what it is called here is known from now on."""
        identity = self._known(subject)
        for form, kind in subject.aliases().items():
            hashed = self.keyed(ALIAS, form)
            if self.by_form.get(hashed, {}).get(identity) not in (kind, "name"):
                self.enter(hashed, identity, kind)
                self.added[hashed, identity] = kind
        return identity

    def enter(self, form: bytes, identity: Identity, kind: Kind) -> None:
        """Note an alias."""
        self.by_form.setdefault(form, {})[identity] = kind
        if kind == "name":
            self.names_of.setdefault(identity, set()).add(form)

    def _known(self, subject: Subject) -> Identity:
        label, value = subject.canonical
        canonical = (label, self.keyed(label, value))
        if not subject.names:
            own = self.known.get(canonical)
            return own or (self._known_as([value]) if label == ADDRESS else None) or canonical
        known_as = self._known_as([*map(written, subject.names), *subject.others])
        if known_as is not None:
            return known_as
        alike = self._alike(subject.names[0])
        return alike.pop() if len(alike) == 1 else canonical

    def _known_as(self, forms: Sequence[str]) -> Identity | None:
        """The person who has one of these as a full name or an address, the first that is anybody's."""
        for form in forms:
            held = self.by_form.get(self.keyed(ALIAS, form), {})
            persons = [each for each, kind in held.items() if kind in ("name", "value") and each in self.names_of]
            if persons:
                return min(persons, key=str)
        return None

    def _alike(self, name: Name) -> set[Identity]:
        """Persons whose full names go with this one: either has the other's middle names as initials, or none."""
        own = self.keyed(ALIAS, written(name))
        less = {self.keyed(ALIAS, form) for form in similar(name)}
        candidates = {each for form in (own, *less) for each in self.by_form.get(form, ()) if each in self.names_of}
        return {each for each in candidates if each in self.by_form.get(own, ()) or self.names_of[each] <= less}


@dataclass(slots=True, kw_only=True)
class _Tokens:
    """What identities came to be called."""

    made: dict[Key, str]
    directory: Directory

    def of(self, value: Value, identity: Identity) -> str:
        """The token of one value of a subject: its own if it ever had one, else the subject's."""
        label, plain = value
        own = self.directory.known.get((label, self.directory.keyed(label, plain))) if label == ADDRESS else None
        return own or self._name(identity)

    def aliases(self) -> Iterator[Alias]:
        """What the batch added."""
        for (form, identity), kind in self.directory.added.items():
            yield Alias(alias_key=form, token=self._name(identity), kind=kind)

    def _name(self, identity: Identity) -> str:
        return identity if isinstance(identity, str) else self.made[identity]


def _directory(tx: Transaction, keyed: Keyed, found: Collection[Subject]) -> Directory:
    """What the tables know of these subjects."""
    values = {value for subject in found for value in (*subject.values, subject.canonical)}
    keys = sorted({(label, keyed(label, value)) for label, value in values})
    forms = {form for subject in found for form, kind in subject.aliases().items() if kind != "part"}
    directory = Directory(keyed=keyed, known=pseudonyms.known_tokens(tx, keys))
    for alias in pseudonyms.aliases_near(tx, sorted(keyed(ALIAS, form) for form in forms)):
        directory.enter(alias.alias_key, alias.token, alias.kind)
    return directory


def _by_completeness(subject: Subject) -> tuple[int, str, str]:
    return (-len(subject.names[0]) if subject.names else 0, *subject.canonical)
