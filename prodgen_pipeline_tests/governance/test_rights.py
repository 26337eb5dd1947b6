"""The table of rights, walked."""

import pytest

from prodgen_pipeline.core.errors import NotAllowed
from prodgen_pipeline.governance.keys import Actor
from prodgen_pipeline.governance.rights import REVEAL, RIGHTS, ROLES, allowed, require
from prodgen_pipeline.storage.tenants import Tenant


def someone(role: str, *, may_reveal: bool = False) -> Actor:
    from datetime import UTC, datetime

    tenant = Tenant(tenant_id=1, name="acme", created_at=datetime.now(UTC))
    return Actor(tenant=tenant, user="ann", groups=(), role=role, may_reveal=may_reveal, key_id="0" * 12)


#: Whatever shows the text of documents.
TEXT = {
    "search", "ask", "documents list", "documents show", "documents history", "POST /v1/search", "POST /v1/ask",
    "POST /v1/chat/completions",
}  # fmt: skip
CHANGES = {
    "sync", "source add", "source remove", "source confirm", "quarantine retry", "quarantine drop", "backfill",
    "generation cutover", "generation rollback", "generation reclaim",
}  # fmt: skip


@pytest.mark.parametrize("action", sorted(RIGHTS))
def test_only_the_roles_of_the_table_may_and_the_others_are_told_which(action: str) -> None:
    assert RIGHTS[action] <= set(ROLES)
    for role in ROLES:
        if role in RIGHTS[action]:
            require(someone(role), action)
        else:
            with pytest.raises(NotAllowed, match="admin"):
                require(someone(role), action)


def test_an_admin_may_everything_and_an_auditor_reads_no_text() -> None:
    assert all("admin" in roles for roles in RIGHTS.values())
    assert {action for action in TEXT if "auditor" in RIGHTS[action]} == set()


def test_a_reader_changes_nothing_and_an_operator_makes_no_keys() -> None:
    assert all("reader" not in RIGHTS[action] for action in RIGHTS if action in CHANGES or action.startswith("key "))
    assert all(RIGHTS[action] == {"admin"} for action in RIGHTS if action.startswith("key "))


@pytest.mark.parametrize("role", ROLES)
def test_revealing_is_a_right_of_its_own(role: str) -> None:
    assert not allowed(someone(role), REVEAL)
    assert allowed(someone(role, may_reveal=True), REVEAL)
    with pytest.raises(NotAllowed, match="--reveal"):
        require(someone(role), REVEAL)


def test_an_action_that_the_table_does_not_know_is_an_error_in_the_program() -> None:
    with pytest.raises(KeyError):
        require(someone("admin"), "launch rockets")
