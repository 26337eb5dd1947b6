"""`prodgen search` and `prodgen ask`: the query path of the service, from the command line."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prodgen_pipeline.cli.batch import BatchLine, read_batch
from prodgen_pipeline.cli.output import print_json, print_json_line, printable
from prodgen_pipeline.cli.parameters import AsGroups, AsJson, AsUser, BatchFile, TenantName
from prodgen_pipeline.core.errors import UsageError

if TYPE_CHECKING:
    from prodgen_pipeline.cli.session import Session
    from prodgen_pipeline.serving.service import QueryService
    from prodgen_pipeline.storage.tenants import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPath:
    """What every question of one command goes through."""

    session: "Session"
    tenant: "Tenant"
    service: "QueryService"

    def search(self, line: BatchLine, k: int) -> dict[str, Any]:
        """Retrieve; the result as the interface prints it."""
        from prodgen_pipeline.serving.lines import search_line

        limit = self.session.settings.serving.max_results
        if k > limit:
            raise UsageError(f"-k {k} is more than serving.max_results ({limit})")
        text, reader = self._question(line), self.session.reader(line.user, line.groups)
        return search_line(self.service.search(self.tenant, text, reader=reader, k=k), line.id)

    def ask(self, line: BatchLine) -> dict[str, Any]:
        """Answer and record the answer; the result as the interface prints it."""
        from prodgen_pipeline.serving.lines import ask_line

        text, reader = self._question(line), self.session.reader(line.user, line.groups)
        actor = self.session.actor_name
        return ask_line(self.service.ask(self.tenant, text, reader=reader, actor=actor, session=line.session), line.id)

    def _question(self, line: BatchLine) -> str:
        limit = self.session.settings.serving.max_question_chars
        if not line.text.strip():
            raise UsageError(f"{line.where}the question is empty")
        if len(line.text) > limit:
            length = f"{len(line.text):,} characters"
            raise UsageError(f"{line.where}the question has {length}; serving.max_question_chars allows {limit:,}")
        return line.text


@contextmanager
def query_path(session: "Session", tenant: "Tenant", *, many: bool) -> Iterator[QueryPath]:
    """Open the query path; one question is embedded by the engine that starts fast, many by the one that runs fast."""
    from prodgen_pipeline.serving.service import open_service

    with open_service(session.settings, session.databases.serving, many=many) as service:
        yield QueryPath(session=session, tenant=tenant, service=service)


def search(
    tenant_name: TenantName,
    query: Annotated[str | None, typer.Argument(metavar="QUERY", help="What to look for.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, metavar="N", help="How many hits.")] = 10,
    user: AsUser = None,
    groups: AsGroups = None,
    batch: BatchFile = None,
    as_json: AsJson = False,
) -> None:
    """Retrieve passages, best first."""
    from prodgen_pipeline.cli.session import open_tenant

    lines = _lines(query, batch, user, groups)
    with (
        open_tenant("search", tenant_name) as (session, tenant),
        query_path(session, tenant, many=batch is not None) as path,
    ):
        for line in lines:
            found = path.search(line, k)
            if batch is not None:
                print_json_line(found)
            elif as_json:
                print_json(_without_id(found))
            else:
                _print_hits(found["hits"])


def ask(
    tenant_name: TenantName,
    question: Annotated[str | None, typer.Argument(metavar="QUESTION", help="What to answer.")] = None,
    session_id: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="The conversation that this is a turn of.")
    ] = None,
    user: AsUser = None,
    groups: AsGroups = None,
    batch: BatchFile = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question from the documents, with citations."""
    from prodgen_pipeline.cli.session import open_tenant

    lines = _lines(question, batch, user, groups, session_id)
    with (
        open_tenant("ask", tenant_name) as (session, tenant),
        query_path(session, tenant, many=batch is not None) as path,
    ):
        for line in lines:
            answer = path.ask(line)
            if batch is not None:
                print_json_line(answer)
            elif as_json:
                print_json(_without_id(answer))
            else:
                print_answer(answer)


def print_answer(answer: dict[str, Any]) -> None:
    """Print an answer with its citations for a person."""
    print(printable(answer["answer"]))
    if answer["refused"]:
        print(f"    (no answer: {answer['reason']})")
    for citation in answer["citations"]:
        print(f"    [{citation['n']}] {_place(citation)}")


def _lines(
    text: str | None, batch: str | None, user: str | None, groups: list[str] | None, session_id: str | None = None
) -> Iterator[BatchLine]:
    """The questions of a command: the one it was given, or those of its batch, whose lines say who asks."""
    if (text is None) == (batch is None):
        raise UsageError("give either a text or --batch FILE")
    if batch is None:
        line = BatchLine(id=None, text=text or "", user=user, groups=tuple(groups or ()), session=session_id)
        return iter([line])
    if user or groups or session_id:
        raise UsageError('with --batch, "user", "groups" and "session" stand in each line')
    return read_batch(batch, optional=("user", "groups", "session"))


def _without_id(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "id"}


def _print_hits(hits: Sequence[dict[str, Any]]) -> None:
    if not hits:
        print("nothing found")
    for hit in hits:
        print(f"{hit['rank']:>2}. {_place(hit)}")
        print("    " + printable(hit["text"]).replace("\n", "\n    ") + "\n")


def _place(found: dict[str, Any]) -> str:
    pages = f", page {', '.join(map(str, found['pages']))}" if found["pages"] else ""
    return f"{printable(found['uri'])} ({found['source']}, version {found['version']}{pages})"
