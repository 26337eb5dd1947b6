"""Filters, widening, repeated texts and a reranker, over a small library that a real sync made."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from prodgen_pipeline.clients.embedding import query_embedder
from prodgen_pipeline.clients.generator import Generator
from prodgen_pipeline.clients.reranker import HttpReranker
from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.core.ranking.retrieval import SearchFilter
from prodgen_pipeline.core.ranking.search_filter import parse_filter
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.serving.ordering import Reranking
from prodgen_pipeline.serving.service import QueryService
from prodgen_pipeline.settings import Settings, load_settings
from prodgen_pipeline.storage import embedded, sources, tenants
from prodgen_pipeline.storage.connection import Addresses, Databases
from prodgen_pipeline.storage.database import Database
from prodgen_pipeline.storage.tenants import Tenant
from prodgen_pipeline_tests.rerank_endpoint import Mood, RerankEndpoint
from prodgen_pipeline_tests.scripted_endpoint import ScriptedEndpoint

NOBODY, BOARD = Reader(), Reader(groups=("board",))
PARAGRAPH = "The {0} desk answers every question about {0} within two working days, in August and on holidays too."
#: One section of several chunks of which one answers.
HANDBOOK = "# Handbook\n\n## Parental leave\n\n" + "\n\n".join(
    [
        "Parental leave is asked for in writing eight weeks before it begins, with the form of the personnel desk.",
        *(PARAGRAPH.format(each) for each in ("allowance", "pension", "insurance", "housing")),
        "It lasts up to fourteen months when both parents take some of it, and can be divided into three parts.",
    ]
)
SHARED = (
    "## Visitors\n\nVisitors sign in at the gate, wear a badge and are fetched by their host within ten minutes. "
    "Whoever brings a group of visitors tells the gate a day ahead and gives it a list with their number plates.\n"
)
SITES = {
    "north": "The north site has a tram stop in front of the main hall and another behind the tower.",
    "south": "The south site has a car park below the main hall and a field for bicycles beside it.",
    "west": "The west site has a harbour with a crane, and a ferry that goes over every hour.",
}
MAIL = "From: a@x.org\nTo: b@x.org\nSubject: Travel invoice\nMessage-ID: <1@x>\n\nTravel is due.\n"
TRAVEL = "---\nstatus: draft\n---\n# Travel\n\nTrain travel is refunded in full.\n"
PAY = "---\nstatus: final\n---\n# Travel of directors\n\nDirectors travel first class.\n"
#: Source, groups, file, text, year.
FILES = [
    ("wiki", [], "policies/handbook.md", f"---\nstatus: final\nauthor: Jane Roe\n---\n{HANDBOOK}\n", 2026),
    ("wiki", [], "policies/travel.md", TRAVEL, 2025),
    *(
        ("wiki", [], f"sites/{name}.md", f"# {name.title()}\n\n{text}\n\n{SHARED}", 2024)
        for name, text in SITES.items()
    ),
    ("mail", [], "invoice.eml", MAIL, 2026),
    ("board", ["board"], "pay.md", PAY, 2026),
]  # fmt: skip


@pytest.fixture(scope="module")
def small_chunks(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("library-home")
    home.chmod(0o700)
    sizes = {"MAX_TOKENS": "48", "MIN_TOKENS": "12", "HEADING_TOKENS": "12"}
    environment = {f"PRODGEN_CHUNKING__{name}": value for name, value in sizes.items()}
    return load_settings({"PRODGEN_HOME": str(home), **environment}, working_folder=home)


@pytest.fixture(scope="module")
def library(
    server: embedded.EmbeddedServer, template: str, small_chunks: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Databases, Tenant]]:
    with psycopg.connect(server.dsn("postgres", embedded.OWNER), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE library TEMPLATE {template}")
    addresses = Addresses(
        owner=server.dsn("library", embedded.OWNER), pipeline=server.dsn("library", "prodgen_pipeline"),
        serving=server.dsn("library", "prodgen_serving"),
    )  # fmt: skip
    with (
        Database(addresses.pipeline, "prodgen_pipeline") as pipeline,
        Database(addresses.serving, "prodgen_serving") as serving,
    ):
        with pipeline.transaction() as tx:
            tenant = tenants.add(tx, "library")
        stores = tmp_path_factory.mktemp("library")
        for source, _, uri, text, year in FILES:
            path = stores / source / uri
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            at = datetime(year, 6, 1, tzinfo=UTC).timestamp()
            os.utime(path, (at, at))
        with pipeline.transaction(tenant.tenant_id) as tx:
            for name, groups in {row[0]: row[1] for row in FILES}.items():
                sources.add(tx, name, str(stores / name), include=[], exclude=[], groups=groups)
        with open_run(small_chunks, pipeline, tenant, run_id="r", kind="sync", actor="test") as run:
            sync_tenant(run)
        yield Databases(pipeline=pipeline, serving=serving, addresses=addresses), tenant


def service_of(library: tuple[Databases, Tenant], settings: Settings, **parts: object) -> QueryService:
    return QueryService(settings, library[0].serving, embedder=lambda config: query_embedder(), **parts)  # type: ignore[arg-type]


@pytest.fixture
def service(library: tuple[Databases, Tenant], small_chunks: Settings) -> QueryService:
    return service_of(library, small_chunks)


@pytest.fixture
def uris(service: QueryService, library: tuple[Databases, Tenant]) -> Callable[..., set[str]]:
    def found(question: str, reader: Reader = NOBODY, **given: object) -> set[str]:
        hits = service.search(library[1], question, reader=reader, k=50, narrowed=parse_filter(given)).hits
        return {hit.uri for hit in hits}

    return found


Uris = Callable[..., set[str]]
EVERYTHING = {row[2] for row in FILES if not row[1]}


def test_without_a_filter_everything_that_may_be_read_is_found(uris: Uris) -> None:
    assert uris("travel") == EVERYTHING
    assert uris("travel", BOARD) == EVERYTHING | {"pay.md"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"sources": ["mail"]}, {"invoice.eml"}),
        ({"sources": ["mail", "wiki"]}, EVERYTHING),
        ({"sources": ["nowhere"]}, set()),
        ({"media_types": ["message/rfc822"]}, {"invoice.eml"}),
        ({"uri_prefix": "policies/"}, {"policies/handbook.md", "policies/travel.md"}),
        ({"uri_prefix": "policies/%"}, set()),
        ({"since": "2026-01-01"}, {"policies/handbook.md", "invoice.eml"}),
        ({"until": "2025-01-01"}, {"sites/north.md", "sites/south.md", "sites/west.md"}),
        ({"since": "2025-01-01", "until": "2026-01-01"}, {"policies/travel.md"}),
        ({"metadata": {"status": "final"}}, {"policies/handbook.md"}),
        ({"metadata": {"STATUS": "draft"}, "sources": ["wiki"]}, {"policies/travel.md"}),
        ({"metadata": {"subject": "Travel invoice"}}, {"invoice.eml"}),
        ({"metadata": {"status": "final"}, "sources": ["mail"]}, set()),
    ],
)
def test_every_field_narrows_and_all_that_are_given_must_hold(
    uris: Uris, given: dict[str, object], expected: set[str]
) -> None:
    assert uris("travel leave visitors", **given) == expected


def test_a_filter_never_widens_rights(uris: Uris) -> None:
    assert uris("directors travel", sources=["board"]) == set()
    assert uris("directors travel", metadata={"status": "final"}) == {"policies/handbook.md"}
    assert uris("directors travel", BOARD, sources=["board"]) == {"pay.md"}


def test_people_are_in_no_metadata(library: tuple[Databases, Tenant], uris: Uris) -> None:
    with library[0].pipeline.transaction(library[1].tenant_id) as tx:
        rows = tx.connection.execute("SELECT metadata::text FROM corpus.documents UNION ALL SELECT metadata::text "
                                     "FROM corpus.parsed_documents").fetchall()  # fmt: skip
    assert not any("Roe" in row[0] or "x.org" in row[0] for row in rows)
    assert uris("leave", metadata={"author": "Jane Roe"}) == set()


def test_fewer_hits_are_given_only_where_fewer_exist(service: QueryService, library: tuple[Databases, Tenant]) -> None:
    narrowed = SearchFilter(uri_prefix="sites/")
    counts = [
        len(service.search(library[1], "visitors", reader=NOBODY, k=k, narrowed=narrowed).hits) for k in (1, 3, 100)
    ]
    assert counts[:2] == [1, 3]
    assert counts[2] == len(service.search(library[1], "x", reader=NOBODY, k=100, narrowed=narrowed).hits) >= 3


def test_a_widened_hit_has_its_section_with_nothing_twice(
    service: QueryService, library: tuple[Databases, Tenant]
) -> None:
    question = "how long does parental leave last"
    plain = service.search(library[1], question, reader=NOBODY, k=3).hits[0]
    wide = service.search(library[1], question, reader=NOBODY, k=3, widen=True).hits[0]
    assert plain.context is None
    assert (wide.chunk_id, wide.text) == (plain.chunk_id, plain.text)
    assert wide.context is not None
    assert wide.text in wide.context
    assert len(wide.context) > 2 * len(wide.text)
    assert wide.context.count("working days") == 4
    assert wide.context.count("fourteen months") == 1


def test_a_text_that_several_documents_share_takes_two_places_at_the_top(
    service: QueryService, library: tuple[Databases, Tenant]
) -> None:
    hits = service.search(library[1], "visitors sign in at the gate and wear a badge", reader=NOBODY, k=50).hits
    about = [hit.rank for hit in hits if "wear a badge" in hit.text]
    assert about[0] == 1
    assert len(about) == 3
    assert about[2] > 4
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    three = service.search(library[1], "visitors sign in at the gate and wear a badge", reader=NOBODY, k=3).hits
    assert [("wear a badge" in hit.text) for hit in three] == [True, True, False]


def test_a_model_is_shown_the_section_once_and_quotes_come_from_it(
    library: tuple[Databases, Tenant], small_chunks: Settings
) -> None:
    with ScriptedEndpoint() as endpoint:
        generator = Generator(base_url=endpoint.base_url, api_key="k", model="", timeout_seconds=5)
        service = service_of(library, small_chunks, generator=generator)
        result = service.ask(library[1], "How long does parental leave last?", reader=NOBODY, actor="test")
        generator.close()
        shown = str(endpoint.requests[-1])
    assert "fourteen months" in shown
    assert shown.count("eight weeks before it begins") == 1
    assert result.answer.tier == "fast"
    by_chunk = {hit.chunk_id: hit for hit in result.found.hits}
    for citation in result.answer.citations:
        assert citation.quote in (by_chunk[citation.chunk_id].context or "")


def test_answers_are_narrowed_too(service: QueryService, library: tuple[Databases, Tenant]) -> None:
    question = "Is train travel refunded?"
    asked = service.ask(library[1], question, reader=NOBODY, actor="test", narrowed=SearchFilter(sources=("mail",)))
    assert {citation.uri for citation in asked.answer.citations} <= {"invoice.eml"}
    assert (
        service.ask(library[1], question, reader=NOBODY, actor="test").answer.citations[0].uri == "policies/travel.md"
    )


@pytest.fixture
def endpoint() -> Iterator[RerankEndpoint]:
    with RerankEndpoint() as running:
        yield running


@pytest.fixture
def reranking(
    endpoint: RerankEndpoint, library: tuple[Databases, Tenant], small_chunks: Settings
) -> Iterator[QueryService]:
    reranker = HttpReranker(url=endpoint.url, model="m", api_key=None, depth=5, timeout_seconds=0.4)
    yield service_of(library, small_chunks, reranker=reranker)
    reranker.close()


def test_a_reranker_has_the_last_word(
    reranking: QueryService, endpoint: RerankEndpoint, library: tuple[Databases, Tenant]
) -> None:
    found = reranking.search(library[1], "harbour of the west site", reader=NOBODY, k=2)
    assert found.reranking is Reranking.DONE
    assert found.hits[0].uri == "sites/west.md"
    assert found.hits[0].score == max(score for score in (hit.score for hit in found.hits))
    assert len(endpoint.requests[0]["documents"]) == 5
    assert "rerank" in found.timings_ms
    reranking.search(library[1], "harbour", reader=NOBODY, k=7)
    assert len(endpoint.requests[1]["documents"]) == 7


def test_what_is_sent_to_a_reranker_holds_no_personal_value(
    reranking: QueryService, endpoint: RerankEndpoint, library: tuple[Databases, Tenant]
) -> None:
    reranking.search(library[1], "mail of a@x.org about travel", reader=NOBODY)
    assert "a@x.org" not in str(endpoint.requests)


@pytest.mark.parametrize("mood", [Mood.ERROR_500, Mood.HANG, Mood.FEWER, Mood.NAN, Mood.OUT_OF_RANGE])
def test_without_the_reranker_s_help_the_fused_order_stands(
    reranking: QueryService, endpoint: RerankEndpoint, library: tuple[Databases, Tenant], service: QueryService,
    mood: Mood, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    endpoint.mood = mood
    found = reranking.search(library[1], "harbour of the west site", reader=NOBODY, k=3)
    assert found.reranking is Reranking.FAILED
    plain = service.search(library[1], "harbour of the west site", reader=NOBODY, k=3)
    assert [hit.chunk_id for hit in found.hits][:1] == [hit.chunk_id for hit in plain.hits][:1]
    assert [record.message for record in caplog.records if "order" in record.message]
    assert "harbour" not in caplog.text


def test_a_change_of_fields_alone_reaches_the_served_document(
    databases: Databases, tenant: Tenant, settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    path = folder / "a.md"
    path.write_text("---\nstatus: draft\n---\n# A\n\nThe text of the document is short.\n")
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        sources.add(tx, "files", str(folder), include=[], exclude=[], groups=[])

    def sync_and_read() -> tuple[dict[str, str], int]:
        with open_run(settings, databases.pipeline, tenant, run_id=os.urandom(4).hex(), kind="sync", actor="t") as run:
            sync_tenant(run)
        with databases.pipeline.transaction(tenant.tenant_id) as tx:
            row = tx.connection.execute("SELECT metadata, served_version FROM corpus.documents").fetchone()
        assert row
        return row[0], row[1]

    assert sync_and_read() == ({"status": "draft"}, 1)
    path.write_text("---\nstatus: final\n---\n# A\n\nThe text of the document is short.\n")
    assert sync_and_read() == ({"status": "final"}, 2)


def test_a_release_without_a_reranker_does_not_ask_one(
    library: tuple[Databases, Tenant], small_chunks: Settings
) -> None:
    found = service_of(library, replace(small_chunks, reranker_url=None)).search(library[1], "travel", reader=NOBODY)
    assert found.reranking is Reranking.OFF
