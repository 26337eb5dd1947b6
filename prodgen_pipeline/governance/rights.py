"""Who may do what: one table from commands and routes to roles. `require` is the only check.

Belongs here: the table. Does not: which documents a reader sees (row-level security), who somebody is (`keys`).

An operator does what a reader does, and runs the pipeline. An auditor sees records, never text. An admin does
everything. To reveal a person behind a pseudonym is a right of its own, which no role includes.
"""

from typing import Protocol

from prodgen_pipeline.core.errors import NotAllowed

ROLES = ("reader", "operator", "auditor", "admin")
REVEAL = "reveal"

_READING = frozenset({"reader", "operator", "admin"})
_OPERATING = frozenset({"operator", "admin"})
_AUDITING = frozenset({"auditor", "admin"})
_ADMIN = frozenset({"admin"})
_EVERYONE = frozenset(ROLES)

#: Commands as they are typed, without `prodgen` and arguments; routes as method and path.
RIGHTS: dict[str, frozenset[str]] = {
    "search": _READING,
    "ask": _READING,
    "feedback": _READING,
    "GET /v1/sessions/{session_id}": _READING,
    "DELETE /v1/sessions/{session_id}": _READING,
    "POST /v1/feedback": _READING,
    "documents list": _READING,
    "documents show": _READING,
    "documents history": _READING,
    "POST /v1/search": _READING,
    "POST /v1/ask": _READING,
    "POST /v1/chat/completions": _READING,
    "GET /v1/models": _READING,
    "GET /metrics": _EVERYONE,
    "status": _EVERYONE,
    "sync": _OPERATING,
    "source add": _OPERATING,
    "source update": _OPERATING,
    "source list": _OPERATING,
    "source remove": _OPERATING,
    "source confirm": _OPERATING,
    "quarantine list": _OPERATING,
    "quarantine retry": _OPERATING,
    "quarantine drop": _OPERATING,
    "backfill": _OPERATING,
    "generation list": _OPERATING,
    "generation cutover": _OPERATING,
    "generation rollback": _OPERATING,
    "generation reclaim": _OPERATING,
    "limit set": _OPERATING,
    "limit remove": _OPERATING,
    "limit show": _OPERATING | _AUDITING,
    "budget set": _ADMIN,
    "budget remove": _ADMIN,
    "usage": _OPERATING | _AUDITING,
    "bench": _OPERATING,
    "eval run": _OPERATING,
    "prompt list": _OPERATING | _AUDITING,
    "prompt show": _OPERATING | _AUDITING,
    "release list": _OPERATING | _AUDITING,
    "release show": _OPERATING | _AUDITING,
    "release trace": _AUDITING,
    "audit export": _AUDITING,
    "audit verify": _AUDITING,
    "tenant list": _OPERATING | _AUDITING,
    "tenant add": _ADMIN,
    "tenant remove": _ADMIN,
    "erase": _ADMIN,
    "hold add": _ADMIN,
    "hold release": _ADMIN,
    "hold list": _AUDITING,
    "retention apply": _ADMIN,
    "retention set": _ADMIN,
    "key create": _ADMIN,
    "key list": _ADMIN,
    "key revoke": _ADMIN,
    "key rotate": _ADMIN,
    "vault rotate": _ADMIN,
}


class Acting(Protocol):
    """What the decision needs to know about somebody."""

    @property
    def role(self) -> str:
        """One of `ROLES`."""

    @property
    def may_reveal(self) -> bool:
        """Whether this person may see who is behind a pseudonym."""

    @property
    def name(self) -> str:
        """How the audit log names the actor."""


def allowed(actor: Acting, action: str) -> bool:
    """Whether the actor may do it; raises KeyError for an action that the table does not know."""
    return actor.may_reveal if action == REVEAL else actor.role in RIGHTS[action]


def require(actor: Acting, action: str) -> None:
    """Raise NotAllowed unless the actor may run this command or call this route."""
    if not allowed(actor, action):
        needed = "a key with --reveal" if action == REVEAL else " or ".join(sorted(RIGHTS[action]))
        raise NotAllowed(f"{actor.name} is {actor.role}: `{action}` needs {needed}")
