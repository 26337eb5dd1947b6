"""The attack suite on a database in which every table has rows of two tenants, some of which not all may read."""

from collections.abc import Callable

import psycopg
import pytest

from prodgen_pipeline.evaluation.attacks.walk import Report, walk
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant
from prodgen_pipeline_tests import index_rows
from prodgen_pipeline_tests.rows_of_every_table import fill, tables_of_tenants


@pytest.fixture
def two_tenants(databases: Databases, make_tenant: Callable[[str], Tenant]) -> list[Tenant]:
    made = [make_tenant("one"), make_tenant("two")]
    for tenant in made:
        with databases.pipeline.transaction(tenant.tenant_id) as tx:
            index_rows.open_generation(tx)
            for principals in (["*"], ["group:board"], ["user:ada"]):
                index_rows.write_documents(tx, [["alpha beta"], ["gamma"]], principals=principals, prefix=principals[0])
    with psycopg.connect(databases.addresses.owner) as owner:
        fill(owner, [tenant.tenant_id for tenant in made])
    return made


def told(report: Report) -> list[str]:
    return sorted(
        f"{each.role} as {each.attacker}: {each.attack} on {each.target} ({each.n_rows} rows, {each.sqlstate})"
        for each in [*report.gained, *report.undecided]
    )


def test_nobody_gains_a_row_of_another_tenant_or_without_rights(
    databases: Databases, two_tenants: list[Tenant], capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(databases.addresses.owner) as owner:
        tables = tables_of_tenants(owner)
        for table in tables:
            there = owner.execute(f"SELECT count(DISTINCT tenant_id) FROM {table}").fetchone()
            assert there == (2,), f"nothing to gain in {table}"
    report = walk(databases.pipeline, databases.serving, max_pairs=1)
    with capsys.disabled():
        print(f"\n{report.n_attempts:,} attempts, {report.n_refused:,} refused, {report.n_rows} rows gained")
    assert told(report) == []
    assert set(tables) <= report.targets
    assert report.n_attempts > 10_000


#: What somebody could do to the schema one day, with the relation or function through which rows leak then.
HOLES = {
    "corpus.sources": "ALTER TABLE corpus.sources DISABLE ROW LEVEL SECURITY",
    "corpus.pseudonyms": "CREATE POLICY opened ON corpus.pseudonyms USING (true)",
    "corpus.index_terms": (
        "CREATE POLICY opened ON corpus.index_terms FOR SELECT TO prodgen_serving "
        "USING (tenant_id = prodgen.current_tenant())"
    ),
    "corpus.runs": "GRANT TRUNCATE ON corpus.runs TO prodgen_pipeline",
    "corpus.shown": (
        "CREATE VIEW corpus.shown AS SELECT * FROM corpus.documents; GRANT SELECT ON corpus.shown TO prodgen_serving"
    ),
    "corpus.due_seq": "GRANT USAGE, SELECT ON corpus.due_seq TO prodgen_serving",
    "corpus.told(integer)": (
        "CREATE FUNCTION corpus.told(tenant integer) RETURNS bigint LANGUAGE sql SECURITY DEFINER "
        "AS 'SELECT count(*) FROM corpus.documents WHERE tenant_id = $1'; "
        "GRANT EXECUTE ON FUNCTION corpus.told TO prodgen_serving"
    ),
    "prodgen.tenants": (
        "DROP POLICY pipeline_removes ON prodgen.tenants; "
        "CREATE POLICY opened ON prodgen.tenants FOR DELETE TO prodgen_pipeline USING (true)"
    ),
}


def test_every_kind_of_hole_is_found(databases: Databases, two_tenants: list[Tenant]) -> None:
    with psycopg.connect(databases.addresses.owner) as owner:
        for hole in HOLES.values():
            owner.execute(hole)
    report = walk(databases.pipeline, databases.serving, max_pairs=1, only=list(HOLES))
    assert {each.target for each in report.gained} == set(HOLES)
    lists = {each.attacker for each in report.gained if each.target == "corpus.index_terms"}
    assert lists == {"a transaction without a reader", "a reader whom no document names"}


def test_nothing_is_changed_by_the_attacks(databases: Databases, two_tenants: list[Tenant]) -> None:
    def contents() -> list[tuple[object, ...]]:
        with psycopg.connect(databases.addresses.owner) as owner:
            summed = "SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {} t"
            return [owner.execute(summed.format(table)).fetchone() for table in tables_of_tenants(owner)]

    before = contents()
    walk(databases.pipeline, databases.serving, max_pairs=1, only=["corpus.documents", "prodgen.tenants"])
    assert contents() == before
