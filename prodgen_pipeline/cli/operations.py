"""`prodgen up`, `status`, `migrate`, `env`: running the installation."""

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prodgen_pipeline.cli.outcome import say
from prodgen_pipeline.cli.output import print_json, print_table
from prodgen_pipeline.cli.parameters import AsJson

if TYPE_CHECKING:
    from prodgen_pipeline.cli.session import Session
    from prodgen_pipeline.storage.tenants import Tenant

UiPort = Annotated[
    int | None, typer.Option("--ui-port", min=0, max=65535, metavar="N", help="Port of the Dagster UI; 0 for any.")
]
ApiPort = Annotated[
    int | None, typer.Option("--api-port", min=0, max=65535, metavar="N", help="Port of the API; 0 for any.")
]


def up(ui_port: UiPort = None, api_port: ApiPort = None) -> None:
    """Run database, Dagster and query service."""
    from prodgen_pipeline.cli.up import up as run_everything
    from prodgen_pipeline.settings import load_settings

    raise typer.Exit(run_everything(load_settings(create_home=True), ui_port=ui_port, api_port=api_port))


def migrate() -> None:
    """Bring the database to this release's schema."""
    from prodgen_pipeline.settings import load_settings
    from prodgen_pipeline.storage.connection import migrate as bring_up_to_date

    applied = bring_up_to_date(load_settings(create_home=True), progress=say)
    say(f"applied {', '.join(applied)}" if applied else "the schema is this release's already")


def env() -> None:
    """Print exports for plain `dagster` commands.

    Use it as: eval "$(prodgen env)"
    """
    from prodgen_pipeline.cli.up import environment
    from prodgen_pipeline.settings import load_settings

    for name, value in environment(load_settings()).items():
        print(f"export {name}={shlex.quote(value)}")


def status(as_json: AsJson = False) -> None:
    """Show tenants, documents, runs and alerts."""
    from prodgen_pipeline import __version__
    from prodgen_pipeline.cli.session import open_session
    from prodgen_pipeline.storage import tenants

    with open_session("status") as session:
        with session.databases.pipeline.transaction() as tx:
            known = [tenant for tenant in tenants.list_all(tx) if session.may_see(tenant)]
        rows = [_tenant_status(session, tenant) for tenant in known]
        home, own = session.settings.home, session.settings.database_url
    database = "embedded" if own is None else "PRODGEN_DATABASE_URL"
    if as_json:
        print_json({"version": __version__, "home": str(home or ""), "database": database, "tenants": rows})
        return
    print(f"prodgen {__version__}, database: {database}{f' in {home}' if own is None else ''}\n")
    _print_tenants(rows)


def _tenant_status(session: "Session", tenant: "Tenant") -> dict[str, Any]:
    from prodgen_pipeline.governance.releases import served
    from prodgen_pipeline.storage import runs

    with session.databases.pipeline.transaction(tenant.tenant_id) as tx:
        [counts] = tx.dicts("cli.overview")
        release = served(tx)
        recent = runs.recent(tx, 1)
        alerts = tx.dicts("alerts.open")
    return {
        "name": tenant.name,
        **{name: count or 0 for name, count in counts.items()},
        "release": release.release_id if release else None,
        "last_run": recent[0] if recent else None,
        "alerts": alerts,
    }


def _print_tenants(rows: list[dict[str, Any]]) -> None:
    counted = ("sources", "documents", "served", "quarantined", "pending", "chunks")
    print_table(
        ("tenant", *counted, "release", "last run"),
        [
            (row["name"], *(row[name] for name in counted), row["release"], _last_run(row["last_run"]))
            for row in rows
        ],
        empty="no tenant yet: prodgen tenant add NAME",
    )  # fmt: skip
    alerts = [
        (row["name"], alert["severity"], alert["opened_at"], alert["message"])
        for row in rows
        for alert in row["alerts"]
    ]
    if alerts:
        print()
        print_table(("tenant", "severity", "since", "alert"), alerts)


def _last_run(run: dict[str, Any] | None) -> str:
    if run is None:
        return "-"
    at = run["ended_at"] or run["started_at"]
    return f"{run['state']} {at.astimezone():%Y-%m-%d %H:%M:%S} ({run['kind']})"
