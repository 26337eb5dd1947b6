"""The walk over every table, view, sequence and function, with every statement of sql/attacks, as those who may not.

Belongs here: who attacks whom, which attack goes with which relation, the count. Does not: the attempts themselves
(storage.attacks), what searches tell (side_channels), when it runs (defs.isolation).

The attacker is taken to run any SQL, but for one thing: to name another tenant to the server. Who runs `set_config`
with a name of his choice is whoever he says; the product's statements are fixed texts with parameters and never do.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.storage import attacks, tenants
from prodgen_pipeline.storage.attacks import Relation, Result
from prodgen_pipeline.storage.database import Database, Role, Transaction
from prodgen_pipeline.storage.tenants import Tenant

OURS = ("prodgen", "corpus")
#: A tenant that does not exist, and a reader whom no document names.
ABSENT = 2_147_483_647
NOBODY = Reader(user="nobody whom any document names")
#: Tenants that attack in one walk, each the next one in the list of names.
MAX_PAIRS = 3
#: Transactions of the pipeline that are nobody's list tenants and add one; they change none.
REGISTRY = "prodgen.tenants"
_CHANGES = ("updated", "updated_all", "updated_by_join", "deleted", "deleted_all", "deleted_and_returned", "merged")
_HIDDEN = {"access_id": "hidden_sets", "document_id": "hidden_documents", "chunk_id": "hidden_chunks"}
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacker:
    """Who attacks: a role of the database, as what it stands in the transaction, and whose rows it is after."""

    #: Such as "another tenant".
    description: str
    role: Role
    tenant_id: int | None
    reader: Reader | None
    victim: int
    row_security_off: bool = False
    #: Settings of the victim stand on the pooled connection, as if set for the session.
    after_victim: bool = False
    #: Commands about tables are tried as well, whose outcome depends on the role alone.
    tries_commands: bool = False
    #: Rows of the own tenant that the reader may not see, by parameter; empty when the victim is another tenant.
    hidden: Mapping[str, list[int]] = field(default_factory=dict)

    @property
    def params(self) -> dict[str, Any]:
        """What the attacks' placeholders stand for."""
        return {"attacker": self.tenant_id, "victim": self.victim, **self.hidden}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One attempt that gained something, or that could not be decided."""

    role: str
    attacker: str
    #: A relation or function; empty for what concerns none.
    target: str
    attack: str
    n_rows: int
    sqlstate: str


@dataclass(slots=True, kw_only=True)
class Report:
    """What a walk came to."""

    n_attempts: int = 0
    n_refused: int = 0
    gained: list[Finding] = field(default_factory=list)
    undecided: list[Finding] = field(default_factory=list)
    #: Attempts by who attacked.
    by_attacker: dict[str, int] = field(default_factory=dict)
    targets: set[str] = field(default_factory=set)

    @property
    def n_rows(self) -> int:
        """Rows gained in all."""
        return sum(each.n_rows for each in self.gained)

    def add(self, attacker: Attacker, target: str, attack: str, outcome: attacks.Outcome) -> None:
        """Count one attempt."""
        self.n_attempts += 1
        self.n_refused += outcome.result is Result.REFUSED
        who = f"{attacker.role}: {attacker.description}"
        self.by_attacker[who] = self.by_attacker.get(who, 0) + 1
        self.targets.add(target)
        if outcome.result in (Result.GAINED, Result.UNDECIDED):
            found = Finding(
                role=attacker.role, attacker=attacker.description, target=target, attack=attack,
                n_rows=outcome.n_rows, sqlstate=outcome.sqlstate,
            )  # fmt: skip
            (self.gained if outcome.result is Result.GAINED else self.undecided).append(found)


def walk(
    pipeline: Database,
    serving: Database,
    *,
    max_pairs: int = MAX_PAIRS,
    only: Collection[str] = (),
    tell: Tell = lambda line: None,
) -> Report:
    """Attack every tenant's rows as every other kind of actor; nothing is changed.

    `only` names relations, such as corpus.documents, where not all are to be attacked. Where there are no two tenants,
    one that does not exist attacks the one there is. Raises DatabaseUnavailable.
    """
    report = Report()
    with pipeline.transaction() as tx:
        known = tenants.list_all(tx)
        relations = [each for each in attacks.relations(tx) if not only or each.full_name in only]
    for database in (pipeline, serving):
        for attacker in _attackers(pipeline, database.role, known, max_pairs):
            tell(f"{attacker.role}: {attacker.description}")
            with _standing_as(database, attacker) as tx:
                _attack(tx, attacker, relations, report)
    return report


def _attackers(pipeline: Database, role: Role, known: Sequence[Tenant], max_pairs: int) -> Iterator[Attacker]:
    ids = [tenant.tenant_id for tenant in known]
    for victim, other in list(zip(ids, [*ids[1:], *ids[:1]], strict=True))[:max_pairs]:
        everybody = _reader_of_everything(pipeline, victim)
        stands: list[tuple[str, int | None, dict[str, Any]]] = [
            ("another tenant", other if other != victim else ABSENT, {"tries_commands": True}),
            ("a tenant that does not exist", ABSENT, {}),
            ("no tenant", None, {}),
            ("no tenant, on a connection that the victim's transaction had before", None, {"after_victim": True}),
            ("another tenant, with row security off", other if other != victim else ABSENT, {"row_security_off": True}),
        ]
        for description, tenant_id, options in stands:
            yield Attacker(
                description=description, role=role, tenant_id=tenant_id, reader=everybody, victim=victim, **options
            )
        if role == "prodgen_serving":
            yield from _readers_without_rights(pipeline, victim)


def _readers_without_rights(pipeline: Database, tenant_id: int) -> Iterator[Attacker]:
    readers = {"a transaction without a reader": None, "a reader whom no document names": NOBODY}
    with pipeline.transaction(tenant_id) as tx:
        for description, reader in readers.items():
            hidden = tx.dicts("attacks.hidden_from", principals=list(reader.principals) if reader else [])[0]
            yield Attacker(
                description=description, role="prodgen_serving", tenant_id=tenant_id, reader=reader, victim=tenant_id,
                hidden=hidden,
            )  # fmt: skip


def _reader_of_everything(pipeline: Database, tenant_id: int) -> Reader:
    """Bears every name under which the tenant's documents are read: names alone must open nothing elsewhere."""
    with pipeline.transaction(tenant_id) as tx:
        names = [str(row["principal"]) for row in tx.dicts("attacks.all_principals")]
    groups = tuple(name.removeprefix("group:") for name in names if name.startswith("group:"))
    users = [name.removeprefix("user:") for name in names if name.startswith("user:")]
    return Reader(user=users[0] if users else None, groups=groups)


@contextmanager
def _standing_as(database: Database, attacker: Attacker) -> Iterator[Transaction]:
    with Database(database.conninfo, attacker.role, max_connections=1) as own:
        if attacker.after_victim:
            with own.transaction(attacker.victim, attacker.reader) as tx:
                names = list(attacker.reader.principals) if attacker.reader else []
                tx.run("attacks.left_behind", left_tenant=str(attacker.victim), left_principals=names)
        with own.transaction(attacker.tenant_id, attacker.reader) as tx:
            attacks.prepare(tx, row_security_off=attacker.row_security_off)
            yield tx


def _attack(tx: Transaction, attacker: Attacker, relations: Sequence[Relation], report: Report) -> None:
    for relation in relations:
        for file, name, foreign in _attacks_on(relation, attacker):
            outcome = attacks.attempt(tx, file, name, attacker.params, on=relation, foreign=foreign)
            report.add(attacker, relation.full_name, f"{name} {foreign}".strip(), outcome)
    for file in ("forbidden", "lists") if attacker.tries_commands else ("lists",):
        for name in attacks.templates(file):
            report.add(attacker, "", name, attacks.attempt(tx, file, name, attacker.params))
    if attacker.tenant_id != attacker.victim:
        _call_functions(tx, attacker, report)


def _attacks_on(relation: Relation, attacker: Attacker) -> Iterator[tuple[str, str, str]]:
    """(file of attacks, attack, predicate) for one relation; see sql/attacks."""
    if relation.kind == "sequence":
        yield from _each("sequences")
        return
    if relation.schema not in OURS and attacker.role == "prodgen_pipeline":
        return  # Dagster's own tables: the pipeline's login makes them, and they hold no tenant's rows
    if attacker.hidden:
        yield from _reads(_HIDDEN[mark] for mark in relation.marks if mark in _HIDDEN)
        return
    if relation.full_name == REGISTRY and attacker.role == "prodgen_pipeline" and attacker.tenant_id is None:
        yield from (each for each in _each("writes") if each[1] in _CHANGES)
    elif "tenant_id" in relation.marks:
        yield from _reads(("named_tenant",) if attacker.row_security_off else ("other_tenants", "named_tenant"))
        yield from (each for each in _each("writes") if each[1] != "given_away" or relation.settable == "tenant_id")
    if attacker.tries_commands:
        yield from _each("forbidden_on_tables")
        if attacker.role == "prodgen_serving":
            yield from _each("forbidden_to_serving")


def _reads(predicates: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    return (each for foreign in predicates for file in ("reads", "copies") for each in _each(file, foreign))


def _each(file: str, foreign: str = "") -> Iterator[tuple[str, str, str]]:
    return ((file, name, foreign) for name in attacks.templates(file))


def _call_functions(tx: Transaction, attacker: Attacker, report: Report) -> None:
    """A function that is asked about another tenant says what it says about one that does not exist."""
    for name, text in attacks.tenant_functions(tx).items():
        told = attacks.call(tx, text, attacker.params)
        expected = attacks.call(tx, text, {**attacker.params, "victim": ABSENT - 1})
        result = Result.REFUSED if told is None else Result.NOTHING if told == expected else Result.GAINED
        report.add(attacker, name, "called", attacks.Outcome(result=result, n_rows=int(result is Result.GAINED)))
