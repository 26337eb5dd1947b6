"""`prodgen reveal` and `prodgen vault`: who is behind a pseudonym, and new keys for what is kept.

Belongs here: arguments and output. Does not: the right (`governance.rights`), the vault itself (`governance.vault`).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prodgen_pipeline.cli.outcome import say
from prodgen_pipeline.cli.output import counted, print_json, printable
from prodgen_pipeline.cli.parameters import AsJson, TenantName, command_group

if TYPE_CHECKING:
    from prodgen_pipeline.cli.session import Session
    from prodgen_pipeline.settings import Settings
    from prodgen_pipeline.storage.tenants import Tenant

vault_group = command_group("The vault's keys: rotate.")


def reveal(
    tenant_name: TenantName,
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="A pseudonym, as '<PERSON_7f3a>'.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept in the audit log.")],
    as_json: AsJson = False,
) -> None:
    """Say who or what is behind a pseudonym.

    Needs a key with the right to reveal. Who asked, about which pseudonym and why is recorded; what was told is not.
    """
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.governance import vault
    from prodgen_pipeline.governance.secrets import run_secrets

    with open_tenant("reveal", tenant_name) as (session, tenant):
        database = session.databases.pipeline
        secret = run_secrets(session.settings, database, tenant.tenant_id)
        with database.transaction(tenant.tenant_id) as tx:
            found = vault.reveal(tx, secret, session.actor_name, token, reason=reason)
    # Not before the entry of the audit log is committed.
    if as_json:
        print_json({"token": found.token, "values": list(found.values), "audit_entry": found.entry_id})
        return
    for value in found.values:
        print(printable(value))


@vault_group.command()
def rotate(
    tenant_name: Annotated[
        str | None, typer.Argument(metavar="[TENANT]", help="Name of the tenant; all of them without one.")
    ] = None,
    new_master_file: Annotated[
        Path | None,
        typer.Option("--new-master-file", metavar="PATH", help="Also change the master key, to the one in this file."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give tenants new keys, and all of them a new master key if one is given.

    Keys are wrapped anew; originals, pseudonyms and the index stay as they are. A new master key is for all tenants.
    Interrupted, run it again with the same file. Restart the query service after it.
    """
    from prodgen_pipeline.cli.session import open_session
    from prodgen_pipeline.core.errors import UsageError
    from prodgen_pipeline.governance.secrets import read_key

    if tenant_name is not None and new_master_file is not None:
        raise UsageError("a new master key is for all tenants: leave TENANT out")
    new_master = read_key(new_master_file) if new_master_file is not None else None
    with open_session("vault rotate") as session:
        if new_master is not None:
            n_keys = _rotate_master(session, new_master)
            line = f"{counted(n_keys, 'key')} wrapped with the new master key; {_where_it_stands(session.settings)}"
            done: dict[str, object] = {"keys": n_keys}
        else:
            subjects = {tenant.name: _rotate_tenant(session, tenant) for tenant in _chosen(session, tenant_name)}
            line = f"{counted(len(subjects), 'tenant')}: {counted(sum(subjects.values()), 'subject')} wrapped anew"
            done = {"tenants": subjects}
    if as_json:
        print_json(done)
    say(line)


def _rotate_tenant(session: "Session", tenant: "Tenant") -> int:
    from prodgen_pipeline.governance import vault
    from prodgen_pipeline.governance.secrets import master_key, run_secrets
    from prodgen_pipeline.storage import tenants

    database = session.databases.pipeline
    with tenants.run_lock(database, tenant), tenants.backfill_lock(database, tenant):
        secret = run_secrets(session.settings, database, tenant.tenant_id)
        with database.transaction(tenant.tenant_id) as tx:
            return vault.rotate_tenant_key(tx, secret, master_key(session.settings), session.actor_name)


def _rotate_master(session: "Session", new: bytes) -> int:
    """Wrap every tenant's keys with another master key, and put that where the old one was if the home keeps it."""
    from prodgen_pipeline.governance import vault
    from prodgen_pipeline.governance.secrets import home_key_file, master_key, replace_key
    from prodgen_pipeline.storage import tenants

    old = master_key(session.settings)
    with session.databases.pipeline.transaction() as tx:
        everybody = tenants.list_all(tx)
    n_keys = sum(
        vault.rotate_master(session.settings, session.databases.pipeline, tenant, old, new, session.actor_name)
        for tenant in everybody
    )
    if _is_the_homes(session.settings):
        replace_key(home_key_file(session.settings), new)
    return n_keys


def _chosen(session: "Session", name: str | None) -> list["Tenant"]:
    from prodgen_pipeline.storage import tenants

    if name is not None:
        return [session.tenant(name)]
    with session.databases.pipeline.transaction() as tx:
        return [tenant for tenant in tenants.list_all(tx) if session.may_see(tenant)]


def _is_the_homes(settings: "Settings") -> bool:
    return settings.master_key is None and settings.master_key_file is None


def _where_it_stands(settings: "Settings") -> str:
    if _is_the_homes(settings):
        return "it is in the home's keys now"
    name = "PRODGEN_MASTER_KEY" if settings.master_key is not None else "PRODGEN_MASTER_KEY_FILE"
    return f"set {name} to the new one now"
