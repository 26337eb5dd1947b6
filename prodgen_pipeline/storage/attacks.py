"""Attempts on the database's own rights: the statements of sql/attacks, each tried in a savepoint and undone.

Belongs here: what can be attacked (from the catalogue), one attempt and what came of it, the planner's estimates. Does
not: who attacks whom, and the verdict (evaluation.attacks). The statements are kept apart from sql/queries: they are
the attacker's, and no part of the product runs them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql

from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.statements import sql_folder, statement

_NAME = re.compile(r"^-- (\w+) --$", re.MULTILINE)
#: A refusal: no privilege or a policy, not under row-level security, not this kind of relation (the last two).
_REFUSED = frozenset({"42501", "0A000", "42809", "55000"})
#: Given up while waiting: says nothing either way.
_GIVEN_UP = frozenset({"57014", "55P03"})


class Result(StrEnum):
    """What came of one attempt."""

    #: The statement ran and touched nothing that is not the attacker's.
    NOTHING = "nothing"
    REFUSED = "refused"
    GAINED = "gained"
    #: It waited too long.
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table, view or sequence, and which of its columns tell whose a row is."""

    schema: str
    name: str
    #: 'table', 'view' or 'sequence'.
    kind: str
    #: Of tenant_id, access_id, document_id, chunk_id those that it has.
    marks: Sequence[str]
    #: A column that an UPDATE may set: tenant_id where the server allows that.
    settable: str | None

    @property
    def full_name(self) -> str:
        """`schema.name`."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One attempt: what came of it, how many rows it gained, and the server's error class if it raised one."""

    result: Result
    n_rows: int = 0
    sqlstate: str = ""


@cache
def templates(file: str) -> dict[str, LiteralString]:
    """The attacks of sql/attacks/FILE.sql by name, with {table}, {name}, {settable} and {foreign} to be filled in."""
    parts = _NAME.split((sql_folder() / "attacks" / f"{file}.sql").read_text(encoding="utf-8"))
    # The text is ours, shipped with the package.
    return {name: cast(LiteralString, body.strip()) for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def relations(tx: Transaction) -> list[Relation]:
    """Everything that holds rows, by schema and name."""
    return tx.rows("attacks.relations", Relation)


def tenant_functions(tx: Transaction) -> dict[str, str]:
    """Our functions that take a tenant: a call of each, with %(victim)s where the tenant stands."""
    return {row["name"]: row["call"] for row in tx.dicts("attacks.functions")}


def prepare(tx: Transaction, *, row_security_off: bool = False) -> None:
    """Make the attacker's own functions, and let nothing wait for long; of the running transaction alone."""
    tx.run("attacks.limit_time")
    for spy in templates("spies").values():
        tx.connection.execute(spy)
    if row_security_off:
        tx.run("attacks.no_row_security")


def attempt(
    tx: Transaction, file: str, name: str, params: Mapping[str, Any], *, on: Relation | None = None, foreign: str = ""
) -> Outcome:
    """Try one attack and undo it; `foreign` names a predicate of rows that are not the attacker's."""
    parts: dict[str, sql.Composable] = {"foreign": sql.SQL(templates("predicates").get(foreign, "true"))}
    if on is not None:
        table = sql.Identifier(on.schema, on.name)
        settable = sql.Identifier(on.settable or "tenant_id")
        parts |= {"table": table, "name": sql.Literal(on.full_name), "settable": settable}
    # Filled twice: a predicate stands in the attack, and the attack's parameters in both.
    text = sql.SQL(templates(file)[name]).format(**parts).as_string(tx.connection)
    return _tried(tx, file, text, params)


def call(tx: Transaction, text: str, params: Mapping[str, Any]) -> list[str] | None:
    """Call a function and undo it; its rows as text, in order, or None where the server refused or raised an error."""
    try:
        with tx.connection.transaction(force_rollback=True), psycopg.ClientCursor(tx.connection) as cursor:
            return sorted(str(row) for row in cursor.execute(text.encode(), params).fetchall())
    except psycopg.DatabaseError:
        return None


def estimate(tx: Transaction, name: str, params: Mapping[str, Any]) -> str:
    """The planner's idea of a product's statement for these values: each node's kind, rows and cost, no values."""
    text = b"EXPLAIN (FORMAT JSON) " + statement(name).encode()
    with tx.connection.transaction(force_rollback=True), psycopg.ClientCursor(tx.connection) as cursor:
        row = cursor.execute(text, {"tenant_id": tx.tenant_id, **params}).fetchone()
    plans = row[0] if row else []
    return json.dumps([_node(plan["Plan"]) for plan in plans])


def _node(plan: Mapping[str, Any]) -> dict[str, Any]:
    known = ("Node Type", "Index Name", "Plan Rows", "Plan Width", "Startup Cost", "Total Cost")
    below = [_node(each) for each in plan.get("Plans", [])]
    return {key: plan[key] for key in known if key in plan} | ({"Plans": below} if below else {})


def _tried(tx: Transaction, file: str, text: str, params: Mapping[str, Any]) -> Outcome:
    try:
        # ClientCursor: COPY and other commands take no parameters of the server's.
        with tx.connection.transaction(force_rollback=True), psycopg.ClientCursor(tx.connection) as cursor:
            n_rows = _gained(cursor, file, text, params)
    except psycopg.DatabaseError as error:
        return _of_error(error)
    return Outcome(result=Result.GAINED if n_rows else Result.NOTHING, n_rows=n_rows)


def _gained(cursor: "psycopg.ClientCursor[Any]", file: str, text: str, params: Mapping[str, Any]) -> int:
    if " STDOUT" in text or " STDIN" in text:
        with cursor.copy(text.encode(), params) as copy:
            return 1 if " STDIN" in text else sum(1 for _ in copy)
    cursor.execute(text.encode(), params)
    if file in ("reads", "lists"):
        row = cursor.fetchone()
        return int(row[0] or 0) if row else 0
    if file == "writes":
        return max(cursor.rowcount, 0)
    return int(cursor.rowcount != 0)


def _of_error(error: psycopg.Error) -> Outcome:
    state = error.sqlstate or ""
    if state in _REFUSED:
        return Outcome(result=Result.REFUSED, sqlstate=state)
    if state in _GIVEN_UP:
        return Outcome(result=Result.UNDECIDED, sqlstate=state)
    # What else could raise one: a row that reached a function, or a constraint behind the policy.
    return Outcome(result=Result.GAINED, n_rows=1, sqlstate=state)
