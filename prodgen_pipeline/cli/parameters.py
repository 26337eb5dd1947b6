"""Arguments and options that many commands take, under one name and with one explanation."""

from typing import Annotated

import typer

TenantName = Annotated[str, typer.Argument(metavar="TENANT", help="Name of the tenant.")]
DocumentAddress = Annotated[
    str, typer.Argument(metavar="URI", help="The document's address below its source, or SOURCE:URI.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsUser = Annotated[str | None, typer.Option("--user", metavar="U", help="Read as this user.")]
AsGroups = Annotated[list[str] | None, typer.Option("--group", metavar="G", help="Read as a member of this group.")]
BatchFile = Annotated[
    str | None,
    typer.Option("--batch", metavar="FILE", help="JSON Lines in (- for standard input), JSON Lines out, in order."),
]


def command_group(explanation: str) -> typer.Typer:
    """A group of commands under one word."""
    return typer.Typer(help=explanation, rich_markup_mode=None)
