"""Planted faults of every kind, each found by the check that is about it and by no other."""

import contextlib
from collections.abc import Iterator

import psycopg
import pytest

from prodgen_pipeline.core.chunking.profiles import largest_max_tokens
from prodgen_pipeline.core.configuration import ChunkingConfig, ChunkingProfile
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.lifecycle.verification import (
    IndexFaults,
    chunks_unlike_their_text,
    index_faults,
    n_unaccounted,
)
from prodgen_pipeline.settings import load_settings
from prodgen_pipeline.storage import checks, embedded, generations, sources, tenants
from prodgen_pipeline.storage.database import Database, Transaction
from prodgen_pipeline.storage.generations import Generation
from prodgen_pipeline.storage.tenants import Tenant

ROWS = "".join(f"| Desk number {n} of the list | {n} |\n" for n in range(120))
TABLE = f"# Prices\n\n| Item | Price |\n| --- | --- |\n{ROWS}"


class Undone(Exception):  # noqa: N818 - not an error
    """Ends a test's transaction without a commit."""


@pytest.fixture(scope="module")
def synced(
    server: embedded.EmbeddedServer, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, Tenant]]:
    """A tenant that was synced once; tests change it in transactions that are undone."""
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("store")
    home.chmod(0o700)
    (folder / "leave.md").write_text("# Leave\n\nEverybody has 25 days of annual leave a year.\n")
    (folder / "travel.md").write_text("# Travel\n\nTrain travel is refunded in full, and so are taxis at night.\n")
    (folder / "prices.md").write_text(TABLE)
    with psycopg.connect(server.dsn("postgres", embedded.OWNER), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE verified TEMPLATE {template}")
    with Database(server.dsn("verified", "prodgen_pipeline"), "prodgen_pipeline") as database:
        with database.transaction() as tx:
            tenant = tenants.add(tx, "acme")
        with database.transaction(tenant.tenant_id) as tx:
            sources.add(tx, "files", str(folder), include=[], exclude=[], groups=[])
        settings = load_settings({"PRODGEN_HOME": str(home)}, working_folder=home)
        with open_run(settings, database, tenant, run_id="r", kind="sync", actor="test") as run:
            sync_tenant(run)
        yield database, tenant


@pytest.fixture
def tx(synced: tuple[Database, Tenant]) -> Iterator[Transaction]:
    database, tenant = synced
    with contextlib.suppress(Undone), database.transaction(tenant.tenant_id) as opened:
        yield opened
        raise Undone


def serving(tx: Transaction) -> Generation:
    return next(each for each in generations.living(tx) if each.state == "serving")


def all_ids(tx: Transaction) -> list[int]:
    return [row[0] for row in tx.connection.execute("SELECT document_id FROM corpus.documents ORDER BY 1")]


def wrong(faults: IndexFaults) -> set[str]:
    counts = {**faults.vectors, **faults.entries, **faults.lists}
    return {kind for kind, count in counts.items() if count}


def test_what_a_run_made_has_no_fault(tx: Transaction) -> None:
    faults = index_faults(tx, serving(tx))
    assert wrong(faults) == set()
    assert faults.n_entries > 3
    assert n_unaccounted(tx, serving(tx)) == 0
    assert chunks_unlike_their_text(tx, serving(tx), all_ids(tx)) == (faults.n_entries, 0)


ONE_ENTRY = "(SELECT chunk_id FROM corpus.index_entries ORDER BY chunk_id LIMIT 1)"


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            f"DELETE FROM corpus.index_entries WHERE chunk_id = {ONE_ENTRY}",
            {"n_chunks_without_entry", "n_listed_without_entry", "n_wrong_sizes", "n_wrong_blocks"},
        ),
        (
            "UPDATE corpus.documents SET deleted_at = now() WHERE uri = 'leave.md'",
            {"n_without_document"},
        ),
        (
            "UPDATE corpus.document_chunks SET lineage = 'another' WHERE document_id = "
            "(SELECT document_id FROM corpus.documents WHERE uri = 'leave.md')",
            {"n_without_chunk"},
        ),
        (
            "UPDATE corpus.document_chunks SET version = 7 WHERE ordinal = 1",
            {"n_mixed_documents"},
        ),
        (
            f"UPDATE corpus.index_entries SET embedding = '[1,0,0]' WHERE chunk_id = {ONE_ENTRY}",
            {"n_wrong_dimensions"},
        ),
        (
            "UPDATE corpus.index_entries SET embedding = (array_fill(0.5, ARRAY[384])::real[])::halfvec "
            f"WHERE chunk_id = {ONE_ENTRY}",
            {"n_not_unit"},
        ),
        (
            "WITH wider AS (INSERT INTO corpus.access_sets (tenant_id, principals, principals_hash) "
            "VALUES (prodgen.current_tenant(), '{group:x}', 'x') RETURNING access_id) "
            "UPDATE corpus.documents SET access_id = (SELECT access_id FROM wider) WHERE uri = 'leave.md'",
            {"n_wrong_rights"},
        ),
        (
            "DELETE FROM corpus.index_terms",
            {"n_entries_not_listed"},
        ),
        (
            "DELETE FROM corpus.index_terms WHERE term = (SELECT min(term) FROM corpus.index_terms)",
            {"n_wrong_lengths"},
        ),
        (
            "UPDATE corpus.index_terms SET access_id = 999 WHERE true",
            {"n_entries_not_listed", "n_listed_without_entry"},
        ),
        (
            f"UPDATE corpus.index_entries SET n_terms = n_terms + 1 WHERE chunk_id = {ONE_ENTRY}",
            {"n_wrong_lengths", "n_wrong_sizes"},
        ),
        ("UPDATE corpus.index_sizes SET n_chunks = n_chunks + 1", {"n_wrong_sizes"}),
        ("DELETE FROM corpus.index_sizes", {"n_wrong_sizes"}),
        ("UPDATE corpus.index_blocks SET n_chunks = n_chunks - 1", {"n_wrong_blocks"}),
    ],
)
def test_a_planted_fault_is_found_in_the_whole_and_in_what_a_run_made(
    tx: Transaction, statement: str, found: set[str]
) -> None:
    tx.connection.execute(statement)
    assert wrong(index_faults(tx, serving(tx))) == found
    assert wrong(index_faults(tx, serving(tx), all_ids(tx))) == found


@pytest.mark.parametrize(
    "fault",
    [
        "UPDATE corpus.document_chunks SET text = text || ' more' WHERE ordinal = 0",
        "UPDATE corpus.document_chunks SET start_char = start_char + 1 WHERE ordinal = 0",
        "UPDATE corpus.document_chunks SET text = E'A line of its own\\n' || text WHERE ordinal = 0",
        "UPDATE corpus.document_chunks SET text = 'Leave' || text WHERE ordinal = 0",
    ],
)
def test_a_chunk_that_does_not_stand_in_its_document_is_found(tx: Transaction, fault: str) -> None:
    tx.connection.execute(fault)
    assert chunks_unlike_their_text(tx, serving(tx), all_ids(tx))[1] == 3


def test_a_document_that_vanished_between_two_stages_is_found(tx: Transaction) -> None:
    tx.connection.execute(
        "DELETE FROM corpus.ledger WHERE stage = 'redacted_documents' AND document_id = "
        "(SELECT min(document_id) FROM corpus.documents)"
    )
    assert n_unaccounted(tx, serving(tx)) == 1


def test_a_sample_of_chunked_documents_is_bounded(tx: Transaction) -> None:
    assert len(checks.chunked_sample(tx, serving(tx).lineage("document_chunks"), limit=2)) == 2


def test_the_longest_chunk_is_that_of_the_largest_profile() -> None:
    profiles = {"code": ChunkingProfile(max_tokens=400), "mail": ChunkingProfile(min_tokens=10)}
    assert largest_max_tokens(ChunkingConfig()) == 250
    assert largest_max_tokens(ChunkingConfig(profiles=profiles)) == 400
