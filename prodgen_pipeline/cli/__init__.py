"""The command line, one file per group of commands. Commands say what to do; the rooms below do it.

Belongs here: arguments, what is printed, exit codes. Does not: anything that the query service or Dagster would do too.
Importing this package and its command files is cheap: what is heavy is imported inside the command that needs it.

    application   the commands, put together           outcome    errors to exit codes
    session       settings, databases, who acts        output     JSON, tables, lines
    parameters    arguments that many commands take    batch      JSON Lines in
"""

import sys


def main() -> None:
    """Run `prodgen` with the arguments of this process and exit."""
    from prodgen_pipeline.cli.outcome import run

    raise SystemExit(run(sys.argv[1:]))
