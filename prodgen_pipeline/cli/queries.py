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
    from prodgen_pipeline.clients.embedding import Embedder
    from prodgen_pipeline.storage.tenants import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPath:
    """What every question of one command goes through."""

    session: "Session"
    tenant: "Tenant"
    embedder: "Embedder"

    def search(self, line: BatchLine, k: int) -> dict[str, Any]:
        """Retrieve; the result as the interface prints it, without an id."""
        from prodgen_pipeline.serving.search import search as retrieve

        limit = self.session.settings.serving.max_results
        if k > limit:
            raise UsageError(f"-k {k} is more than serving.max_results ({limit})")
        found = retrieve(
            self.session.databases.serving, self.tenant, self._question(line), k=k, embedder=self.embedder,
            reader=self.session.reader(line.user, line.groups), secret=self._secret,
        )  # fmt: skip
        fields = ("rank", "score", "uri", "source", "document_id", "version", "chunk_id", "title", "pages", "text")
        return {
            "hits": [{name: getattr(hit, name) for name in fields} for hit in found.hits],
            "release": found.release,
            "generation": found.generation,
            "timings_ms": found.timings_ms,
        }

    def _question(self, line: BatchLine) -> str:
        limit = self.session.settings.serving.max_question_chars
        if not line.text.strip():
            raise UsageError(f"{line.where}the question is empty")
        if len(line.text) > limit:
            length = f"{len(line.text):,} characters"
            raise UsageError(f"{line.where}the question has {length}; serving.max_question_chars allows {limit:,}")
        return line.text

    def _secret(self, purpose: str) -> bytes:
        from prodgen_pipeline.governance.secrets import master_key, tenant_secrets

        return tenant_secrets(master_key(self.session.settings), self.tenant.tenant_id)(purpose)


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
    lines = _lines(query, batch, user, groups, optional=("user", "groups"))
    with _query_path("search", tenant_name, many=batch is not None) as path:
        for line in lines:
            found = path.search(line, k)
            if batch is not None:
                print_json_line({"id": line.id, **found})
            elif as_json:
                print_json(found)
            else:
                _print_hits(found["hits"])


@contextmanager
def _query_path(command: str, tenant_name: str, *, many: bool) -> Iterator[QueryPath]:
    """Open the query path; one question is embedded by the engine that starts fast, many by the one that runs fast."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.clients.embedding import local_embedder, query_embedder

    with open_tenant(command, tenant_name) as (session, tenant):
        yield QueryPath(session=session, tenant=tenant, embedder=local_embedder() if many else query_embedder())


def _lines(
    text: str | None, batch: str | None, user: str | None, groups: list[str] | None, *, optional: Sequence[str]
) -> Iterator[BatchLine]:
    """The questions of a command: the one it was given, or those of its batch, whose lines say who asks."""
    if (text is None) == (batch is None):
        raise UsageError("give either a text or --batch FILE")
    if text is not None:
        return iter([BatchLine(id=None, text=text, user=user, groups=tuple(groups or ()))])
    if user or groups:
        raise UsageError('with --batch, "user" and "groups" stand in each line')
    return read_batch(batch or "-", optional=optional)


def _print_hits(hits: list[dict[str, Any]]) -> None:
    if not hits:
        print("nothing found")
    for hit in hits:
        pages = f", page {', '.join(map(str, hit['pages']))}" if hit["pages"] else ""
        print(f"{hit['rank']:>2}. {printable(hit['uri'])} ({hit['source']}, version {hit['version']}{pages})")
        print("    " + printable(hit["text"]).replace("\n", "\n    ") + "\n")
