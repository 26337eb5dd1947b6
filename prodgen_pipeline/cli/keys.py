"""`prodgen key`: the keys of those who ask and of those who run the installation."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from prodgen_pipeline.cli.outcome import say
from prodgen_pipeline.cli.output import print_json, print_table
from prodgen_pipeline.cli.parameters import AsJson, TenantName, command_group
from prodgen_pipeline.core.errors import NotAuthenticated, NotFound

if TYPE_CHECKING:
    from prodgen_pipeline.cli.session import Session
    from prodgen_pipeline.governance.keys import NewKey
    from prodgen_pipeline.storage.tenants import Tenant

group = command_group("Keys: create, rotate, revoke, list.")

KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="As `prodgen key list` shows it.")]


@group.command()
def create(
    tenant_name: TenantName,
    user: Annotated[str, typer.Option("--user", metavar="U", help="Whose key it is.")],
    groups: Annotated[list[str] | None, typer.Option("--group", metavar="G", help="A group of that user.")] = None,
    role: Annotated[
        Literal["reader", "operator", "auditor", "admin"], typer.Option(help="What the key may do.")
    ] = "reader",
    reveal: Annotated[bool, typer.Option("--reveal", help="May re-identify pseudonyms.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a key; it is shown once."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.governance import keys

    with (
        open_tenant("key create", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        if session.takes_first_steps and role != "admin":
            raise NotAuthenticated(f"the first key of {tenant.name} is its administrator's: add --role admin")
        made = keys.create(tx, session.actor_name, user=user, groups=groups or [], role=role, may_reveal=reveal)
    _print_new(made, as_json=as_json)


@group.command()
def rotate(key_id: KeyId, as_json: AsJson = False) -> None:
    """Give a key a new secret, shown once; the old one stops working."""
    from prodgen_pipeline.cli.session import open_session
    from prodgen_pipeline.governance import keys

    with open_session("key rotate") as session:
        tenant = _tenant_of(session, key_id)
        with session.databases.pipeline.transaction(tenant.tenant_id) as tx:
            made = keys.rotate(tx, session.actor_name, key_id)
    _print_new(made, as_json=as_json)


@group.command()
def revoke(key_id: KeyId) -> None:
    """Take a key back, for good."""
    from prodgen_pipeline.cli.session import open_session
    from prodgen_pipeline.governance import keys

    with open_session("key revoke") as session:
        tenant = _tenant_of(session, key_id)
        with session.databases.pipeline.transaction(tenant.tenant_id) as tx:
            keys.revoke(tx, session.actor_name, key_id)
    say(f"key {key_id} of tenant {tenant.name} is revoked")


@group.command("list")
def list_(tenant_name: TenantName, as_json: AsJson = False) -> None:
    """List a tenant's keys, revoked ones included."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.governance import keys

    with (
        open_tenant("key list", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        found = keys.list_all(tx)
    if as_json:
        print_json(
            [
                {
                    "key_id": each.key_id,
                    "user": each.user_name,
                    "groups": each.groups,
                    "role": each.role,
                    "reveal": each.may_reveal,
                    "created_at": each.created_at,
                    "revoked_at": each.revoked_at,
                }
                for each in found
            ]
        )
        return
    print_table(
        ("key", "user", "groups", "role", "reveal", "created", "revoked"),
        [
            (each.key_id, each.user_name, each.groups, each.role, each.may_reveal, each.created_at, each.revoked_at)
            for each in found
        ],
    )


def _tenant_of(session: "Session", key_id: str) -> "Tenant":
    """Whose key it is; raises NotFound also for a key of a tenant that is not the actor's."""
    from prodgen_pipeline.governance import keys

    tenant = keys.tenant_of(session.databases.pipeline, key_id)
    if not session.may_see(tenant):
        raise NotFound(f"there is no living key {key_id}: `prodgen key list` names them")
    return tenant


def _print_new(made: "NewKey", *, as_json: bool) -> None:
    if as_json:
        print_json({"key": made.key, "key_id": made.key_id})
    else:
        print(made.key)
        say(f"this is shown once; its id is {made.key_id}")
