"""`prodgen demo`: the sample corpus of two tenants, indexed, asked and answered on this machine.

Belongs here: which tenants and questions, and whether an answer is as it should be. Does not: anything that the product
does not do for everybody else's documents.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prodgen_pipeline.cli.batch import BatchLine
from prodgen_pipeline.cli.operations import ApiPort, UiPort
from prodgen_pipeline.cli.outcome import EXIT_FAILED
from prodgen_pipeline.cli.output import counted
from prodgen_pipeline.core.errors import NotFound

if TYPE_CHECKING:
    from prodgen_pipeline.cli.session import Session
    from prodgen_pipeline.cli.up import Urls
    from prodgen_pipeline.storage.tenants import Tenant

_SOURCE = "sample"


def demo(
    stop: Annotated[bool, typer.Option("--exit", help="Stop after the questions; exit 0 if all went well.")] = False,
    ui_port: UiPort = None,
    api_port: ApiPort = None,
) -> None:
    """Index the sample corpus, ask it questions, stay up."""
    from prodgen_pipeline.cli.up import up
    from prodgen_pipeline.settings import load_settings

    sample = _sample_folder()
    questions = json.loads((sample / "demo.json").read_text(encoding="utf-8"))
    settings = load_settings(create_home=True)
    index_sample(sample, sorted({each["tenant"] for each in questions}))
    print("\nstarting the query service and Dagster ...", flush=True)

    def when_ready(urls: "Urls") -> int | None:
        n_wrong = ask_all(questions)
        if stop:
            return EXIT_FAILED if n_wrong else 0
        print(f"\nDagster UI:  {urls.dagster}\nconsole:     {urls.api}\n\nrunning until Ctrl-C", flush=True)
        return None

    raise typer.Exit(up(settings, ui_port=ui_port, api_port=api_port, ready=when_ready))


def index_sample(sample: Path, tenant_names: Sequence[str]) -> int:
    """Bring the sample's tenants up to date, made where they are missing; returns how many chunks were embedded."""
    from prodgen_pipeline.cli.session import open_session
    from prodgen_pipeline.cli.synchronize import sync_one

    n_embedded = 0
    with open_session("sync", create_home=True) as session:
        for name in tenant_names:
            print(f"indexing the documents of {name} ...", flush=True)
            run = sync_one(session, _tenant(session, name, sample))
            n_embedded += run.chunks_embedded
            read = sum(counts.done for stage, counts in run.counts.items() if stage == "raw_documents")
            print(f"    {read} new or changed, {counted(run.chunks_embedded, 'chunk')} embedded", flush=True)
    if n_embedded == 0:
        print("nothing to index: everything is up to date")
    return n_embedded


def ask_all(questions: Sequence[Mapping[str, Any]]) -> int:
    """Ask and print; returns how many answers were not as expected."""
    from prodgen_pipeline.cli.queries import print_answer, query_path
    from prodgen_pipeline.cli.session import open_session

    n_wrong = 0
    with open_session("ask") as session:
        for question in questions:
            tenant = session.tenant(question["tenant"])
            with query_path(session, tenant, many=False) as path:
                answer = path.ask(BatchLine(id=None, text=question["text"]))
            print(f"\n{question['tenant']}: {question['text']}")
            print_answer(answer)
            missing = surprises(answer, question["expect"])
            n_wrong += bool(missing)
            print(f"    NOT AS EXPECTED: {'; '.join(missing)}" if missing else "    ok", flush=True)
    return n_wrong


def surprises(answer: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """What is not as expected in an answer, one phrase each; empty when all is."""
    cited = {citation["uri"] for citation in answer["citations"]}
    return [
        *(f"{text!r} is missing" for text in expected["contains"] if text not in answer["answer"]),
        *(f"{text!r} should not be there" for text in expected["not_contains"] if text in answer["answer"]),
        *(f"{uri} is not cited" for uri in expected["cites"] if uri not in cited),
        *(["it should have been refused"] if expected["refused"] and not answer["refused"] else []),
        *(["it was refused"] if answer["refused"] and not expected["refused"] else []),
    ]


def _tenant(session: "Session", name: str, sample: Path) -> "Tenant":
    """The tenant with its source and golden questions, made where it is missing."""
    from prodgen_pipeline.cli.tenants import add_tenant
    from prodgen_pipeline.evaluation.cases import keep_cases, read_cases
    from prodgen_pipeline.governance import audit
    from prodgen_pipeline.storage import sources

    try:
        tenant = session.tenant(name)
    except NotFound:
        tenant = add_tenant(session, name)
    with session.databases.pipeline.transaction(tenant.tenant_id) as tx:
        if all(source.name != _SOURCE for source in sources.list_all(tx)):
            uri = str(sample / name)
            sources.add(tx, _SOURCE, uri, include=[], exclude=[], groups=[])
            audit.record(tx, session.actor_name, "source.add", _SOURCE, uri=uri, groups=[])
            n_cases = keep_cases(tx, read_cases(sample / "golden" / f"{name}.jsonl"))
            audit.record(tx, session.actor_name, "evaluation.add_cases", cases=n_cases)
    return tenant


def _sample_folder() -> Path:
    """The sample corpus, which lies beside the package in a checkout; raises NotFound in an installed package."""
    folder = Path(__file__).resolve().parents[2] / "sample"
    if not (folder / "demo.json").is_file():
        raise NotFound(
            "the sample corpus is part of the source code, not of the installed package: run `make demo` there"
        )
    return folder
