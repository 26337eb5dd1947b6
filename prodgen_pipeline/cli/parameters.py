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
Sources = Annotated[
    list[str] | None, typer.Option("--source", metavar="NAME", help="Only documents of this source (or these).")
]
MediaTypes = Annotated[
    list[str] | None, typer.Option("--type", metavar="TYPE", help="Only documents of this media type (or these).")
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="DATE", help="Only documents of this time (ISO 8601) or later.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="DATE", help="Only documents before this time.")]
Under = Annotated[
    str | None, typer.Option("--under", metavar="URI_PREFIX", help="Only documents whose address begins with this.")
]
Where = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="KEY=VALUE", help="Only documents with this metadata; several must all hold."),
]


def command_group(explanation: str) -> typer.Typer:
    """A group of commands under one word."""
    return typer.Typer(help=explanation, rich_markup_mode=None)
