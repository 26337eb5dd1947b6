"""All commands, put together in the order of the help.

Belongs here: names. Does not: what a command does, which is in the file of its group.
"""

from collections.abc import Sequence
from typing import Annotated

import typer

from prodgen_pipeline import __version__
from prodgen_pipeline.cli import (
    audit,
    backfill,
    bench_service,
    budget,
    configuration,
    demo,
    documents,
    erase,
    evaluate,
    feedback,
    generations,
    hold,
    keys,
    limit,
    operations,
    quarantine,
    queries,
    redact,
    releases,
    retention,
    reveal,
    sources,
    synchronize,
    tenants,
    usage,
    vault,
)

_EPILOG = "Settings: `prodgen config show`. Nothing leaves this machine unless a model endpoint is configured."


def application() -> typer.Typer:
    """The Typer application. Plain help and errors: one line of each is what a person can read in a log."""
    app = typer.Typer(
        name="prodgen",
        epilog=_EPILOG,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_prodgen)
    app.command()(operations.up)
    app.command()(demo.demo)
    app.command()(operations.status)
    app.command()(operations.migrate)
    app.add_typer(configuration.group, name="config")
    app.command()(operations.env)
    app.add_typer(tenants.group, name="tenant")
    app.add_typer(sources.group, name="source")
    app.command()(synchronize.sync)
    app.command()(backfill.backfill)
    app.add_typer(generations.group, name="generation")
    app.command()(queries.search)
    app.command()(queries.ask)
    app.command()(feedback.feedback)
    app.add_typer(documents.group, name="documents")
    app.add_typer(quarantine.group, name="quarantine")
    app.command()(redact.redact)
    app.command()(reveal.reveal)
    app.add_typer(vault.group, name="vault")
    app.command()(erase.erase)
    app.add_typer(hold.group, name="hold")
    app.add_typer(retention.group, name="retention")
    app.add_typer(keys.group, name="key")
    app.add_typer(limit.group, name="limit")
    app.add_typer(budget.group, name="budget")
    app.command()(usage.usage)
    app.add_typer(releases.prompts, name="prompt")
    app.add_typer(releases.releases, name="release")
    app.add_typer(evaluate.group, name="eval")
    app.add_typer(bench_service.group, name="bench")
    app.add_typer(audit.group, name="audit")
    return app


def command_in(arguments: Sequence[str]) -> str:
    """The command that arguments name, as it is typed; as much of it as there is."""
    command = typer.main.get_command(application())
    words: list[str] = []
    for word in (each for each in arguments if not each.startswith("-")):
        # A command without commands below it takes the rest as its own arguments.
        find = getattr(command, "get_command", None)
        below = find(typer.Context(command), word) if find else None
        if below is None:
            break
        command = below
        words.append(word)
    return " ".join(words)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"prodgen {__version__}")
        raise typer.Exit


def _prodgen(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", hidden=True, help="Show where an error happened.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keep a private, always-current index of documents, and answer questions from it with citations."""
    context.obj.debug = debug
