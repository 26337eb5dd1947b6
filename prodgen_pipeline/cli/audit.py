"""`prodgen audit`: the record of who did what."""

from prodgen_pipeline.cli.output import print_json_line
from prodgen_pipeline.cli.parameters import TenantName, command_group

group = command_group("The audit log: export.")


@group.command()
def export(tenant_name: TenantName) -> None:
    """Print a tenant's audit log as JSON Lines, oldest first."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.governance import audit

    with (
        open_tenant("audit export", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        for entry in audit.entries(tx):
            print_json_line({"tenant": tenant.name, **entry})


@group.callback()
def _about() -> None:
    """Keeps `export` a sub-command: a Typer group of one command would become that command."""
