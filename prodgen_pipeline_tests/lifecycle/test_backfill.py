"""The next generation: opened, built beside the one that serves, kept in step, cut over, taken back, reclaimed."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from prodgen_pipeline.core.configuration import ChunkingConfig, CleaningConfig, DeduplicationConfig, EmbeddingConfig
from prodgen_pipeline.core.errors import Busy, NotFound, UsageError
from prodgen_pipeline.governance import audit, releases
from prodgen_pipeline.lifecycle import backfill as backfilling
from prodgen_pipeline.lifecycle import cutover, reclaiming
from prodgen_pipeline.lifecycle.backfill import Opened, open_backfill
from prodgen_pipeline.lifecycle.cutover import CutOver
from prodgen_pipeline.lifecycle.cutover_checks import Judged
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.settings import Backfill, Settings
from prodgen_pipeline.storage import checks, documents, generations, observing, tenants
from prodgen_pipeline.storage.connection import Addresses, Databases
from prodgen_pipeline.storage.tenants import Tenant
from prodgen_pipeline_tests.scripted_endpoint import ScriptedEndpoint

SMALL = ChunkingConfig(max_tokens=32, min_tokens=8, heading_tokens=8)
QUICK = Backfill(pause_share=0.0, wait_seconds=0.0)
LONG = "\n\n".join(
    f"Paragraph {n} says that machine {n} stands in hall {n} and is oiled every {n} weeks." for n in range(12)
)


@pytest.fixture
def working(settings: Settings) -> Settings:
    """The settings after somebody asked for smaller chunks."""
    return replace(settings, chunking=SMALL, backfill=QUICK)


@pytest.fixture
def backfill(databases: Databases, tenant: Tenant) -> Callable[..., tuple[Opened, Run]]:
    """Runs one backfill under some settings."""
    numbers = itertools.count()

    def run_once(settings: Settings) -> tuple[Opened, Run]:
        name = f"backfill-{next(numbers)}"
        with open_backfill(settings, databases.pipeline, tenant, run_id=name, actor="test") as run:
            return backfilling.backfill(run), run

    return run_once


@pytest.fixture
def cut_over(databases: Databases, tenant: Tenant) -> Callable[..., CutOver]:
    """Cuts over under some settings; keyword arguments go to `cutover.cut_over`."""

    def run_once(settings: Settings, **options: Any) -> CutOver:
        with open_backfill(settings, databases.pipeline, tenant, run_id="cut-over", actor="test") as run:
            return cutover.cut_over(run, **options)

    return run_once


def states(databases: Databases, tenant: Tenant) -> dict[int, str]:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return {row["generation_id"]: row["state"] for row in generations.list_all(tx)}


def indexed(databases: Databases, generation: int) -> dict[str, list[str]]:
    """Texts in a generation's index by address."""
    with psycopg.connect(databases.addresses.owner) as connection:
        rows = connection.execute(
            "SELECT d.uri, k.text FROM corpus.index_entries e JOIN corpus.documents d USING (document_id) "
            "JOIN corpus.document_chunks k USING (chunk_id) WHERE e.generation_id = %s ORDER BY d.uri, k.ordinal",
            (generation,),
        ).fetchall()
    found: dict[str, list[str]] = {}
    for uri, text in rows:
        found.setdefault(uri, []).append(text)
    return found


def served_state(databases: Databases, tenant: Tenant) -> list[dict[str, Any]]:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return documents.list_all(tx)


def test_a_backfill_builds_beside_what_serves_and_the_cut_over_switches(
    sync: Callable[[], Run], backfill: Any, cut_over: Any, working: Settings, databases: Databases, tenant: Tenant,
    folder: Path,
) -> None:  # fmt: skip
    (folder / "long.md").write_text(f"# Halls\n\n{LONG}\n")
    sync()
    before = indexed(databases, 1)
    opened, run = backfill(working)
    assert (opened.outcome, opened.first_stage, opened.n_documents) == ("opened", "document_chunks", 3)
    assert states(databases, tenant) == {1: "serving", 2: "building"}
    assert indexed(databases, 1) == before
    assert len(indexed(databases, 2)["long.md"]) > len(before["long.md"])
    done = cut_over(working)
    assert done.release is not None
    assert [(each.name, each.passed) for each in done.checks] == [
        ("documents", True), ("conservation", True), ("contents", True), ("recall", True), ("golden_set", None),
    ]  # fmt: skip
    assert states(databases, tenant) == {1: "standby", 2: "serving"}
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert releases.require_served(tx).generation_id == 2
        match = checks.index_match(tx, 2)
        actions = [entry["action"] for entry in audit.entries(tx)]
    assert (match.n_served_not_indexed, match.n_indexed_not_served, match.n_miscounted) == (0, 0, 0)
    assert actions.count("generation.cutover") == 1
    assert run.chunks_embedded > 0


def test_the_same_configuration_opens_nothing_and_a_second_backfill_goes_on_with_the_first(
    sync: Callable[[], Run], backfill: Any, settings: Settings, working: Settings, databases: Databases, tenant: Tenant
) -> None:
    sync()
    assert backfill(settings)[0].outcome == "current"
    assert states(databases, tenant) == {1: "serving"}
    backfill(working)
    opened, run = backfill(working)
    assert (opened.outcome, run.chunks_embedded) == ("resumed", 0)
    assert states(databases, tenant) == {1: "serving", 2: "building"}


def test_another_configuration_replaces_what_is_under_construction_and_leaves_no_row_of_it(
    sync: Callable[[], Run], backfill: Any, working: Settings, databases: Databases, tenant: Tenant
) -> None:
    sync()
    backfill(working)
    other = replace(working, chunking=replace(SMALL, max_tokens=40))
    opened, _ = backfill(other)
    assert (opened.outcome, opened.other) == ("replaced", 2)
    assert states(databases, tenant) == {1: "serving", 2: "reclaimed", 3: "building"}
    assert indexed(databases, 2) == {}
    assert set(indexed(databases, 3)) == {"leave.md", "travel.txt"}


def test_a_tenant_without_an_index_has_nothing_to_build_from(
    backfill: Any, cut_over: Any, working: Settings, databases: Databases, tenant: Tenant
) -> None:
    with pytest.raises(NotFound, match="prodgen sync acme"):
        backfill(working)
    with pytest.raises(NotFound, match="under construction"):
        cut_over(working)
    with pytest.raises(NotFound):
        cutover.roll_back(databases.pipeline, tenant, "test")


def test_a_change_that_leaves_texts_equal_embeds_only_the_others(
    sync: Callable[[], Run], backfill: Any, working: Settings, folder: Path
) -> None:
    (folder / "long.md").write_text(f"# Halls\n\n{LONG}\n")
    first = sync()
    _, run = backfill(working)
    # The two short documents keep their one chunk each.
    assert (first.chunks_reused, run.chunks_reused) == (0, 2)


def test_live_edits_deletes_renames_and_copies_reach_the_generation_under_construction(
    sync: Callable[[], Run], backfill: Any, cut_over: Any, working: Settings, databases: Databases, tenant: Tenant,
    folder: Path,
) -> None:  # fmt: skip
    (folder / "gone.md").write_text("# Gone\n\nThis will be deleted.\n")
    (folder / "copy.md").write_bytes((folder / "leave.md").read_bytes())
    sync()
    backfill(working)
    (folder / "travel.txt").write_text("Only buses are refunded now.\n")
    (folder / "gone.md").unlink()
    (folder / "leave.md").rename(folder / "zz-leave.md")
    (folder / "copy.md").write_text("Something else altogether.\n")
    (folder / "new.md").write_text("# New\n\nThis came late.\n")
    sync()
    assert "gone.md" not in indexed(databases, 2)
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        # What only the generation under construction waits for asks for no live run.
        assert observing.standing(tx).n_pending == 0
    assert cut_over(working).release is not None
    assert indexed(databases, 2) == {
        "copy.md": ["Something else altogether."],
        "new.md": ["New\n\nThis came late."],
        "travel.txt": ["Only buses are refunded now."],
        "zz-leave.md": ["Leave\n\nEverybody has 25 days of annual leave. Ask your lead two weeks ahead."],
    }
    assert {row["uri"]: row["state"] for row in served_state(databases, tenant)} == {
        "copy.md": "served", "gone.md": "deleted", "new.md": "served", "travel.txt": "served", "zz-leave.md": "served",
    }  # fmt: skip


def test_rolling_back_gives_what_was_served_and_live_edits_were_kept_up_there(
    sync: Callable[[], Run], backfill: Any, cut_over: Any, working: Settings, databases: Databases, tenant: Tenant,
    folder: Path,
) -> None:  # fmt: skip
    sync()
    before, index_before = served_state(databases, tenant), indexed(databases, 1)
    backfill(working)
    cut_over(working)
    release = cutover.roll_back(databases.pipeline, tenant, "test")
    assert release.generation_id == 1
    assert (served_state(databases, tenant), indexed(databases, 1)) == (before, index_before)
    assert states(databases, tenant) == {1: "serving", 2: "standby"}
    (folder / "travel.txt").write_text("Only buses are refunded now.\n")
    sync()
    assert (
        indexed(databases, 1)["travel.txt"] == indexed(databases, 2)["travel.txt"] == ["Only buses are refunded now."]
    )
    # And forward again.
    assert cutover.roll_back(databases.pipeline, tenant, "test").generation_id == 2


def test_what_stands_by_is_reclaimed_when_its_soak_time_is_over_and_no_row_stays(
    sync: Callable[[], Run], backfill: Any, cut_over: Any, working: Settings, databases: Databases, tenant: Tenant
) -> None:
    sync()
    backfill(working)
    cut_over(working)
    assert reclaiming.reclaim(working, databases.pipeline, tenant, actor="test") == []
    soaked = replace(working, backfill=replace(QUICK, soak_hours=0.0))
    assert reclaiming.reclaim(soaked, databases.pipeline, tenant, actor="test") == [1]
    assert states(databases, tenant) == {1: "reclaimed", 2: "serving"}
    left = rows_outside(databases.addresses, [2])
    assert {name: n for name, n in left.items() if n} == {}
    with pytest.raises(NotFound, match="stands by"):
        cutover.roll_back(databases.pipeline, tenant, "test")
    run = sync()
    assert run.chunks_embedded == 0


def rows_outside(addresses: Addresses, living: list[int]) -> dict[str, int]:
    """Rows that belong to no living generation, by table."""
    counts = {}
    with psycopg.connect(addresses.owner) as connection:
        for table in ("index_entries", "index_terms", "index_blocks", "index_sizes"):
            counts[table] = connection.execute(
                f"SELECT count(*) FROM corpus.{table} WHERE generation_id <> ALL (%s)", (living,)
            ).fetchone()[0]
        for table in ("ledger", "parsed_documents", "deduped_documents", "redacted_documents", "document_chunks"):
            counts[table] = connection.execute(
                f"SELECT count(*) FROM corpus.{table} WHERE lineage NOT IN (SELECT p.value ->> 'lineage' FROM "
                "corpus.generations g CROSS JOIN jsonb_each(g.pins) p WHERE g.generation_id = ANY (%s)) "
                "AND lineage <> ''",
                (living,),
            ).fetchone()[0]
    return counts


def test_a_generation_with_another_way_of_deduplicating_changes_what_is_said_at_its_cut_over_only(
    sync: Callable[[], Run], backfill: Any, cut_over: Any, settings: Settings, databases: Databases, tenant: Tenant,
    folder: Path,
) -> None:  # fmt: skip
    (folder / "zz-copy.md").write_bytes((folder / "leave.md").read_bytes())
    sync()
    before = served_state(databases, tenant)
    apart = replace(settings, deduplication=DeduplicationConfig(exact=False), backfill=QUICK)
    backfill(apart)
    assert served_state(databases, tenant) == before
    cut_over(apart)
    assert {row["uri"]: row["state"] for row in served_state(databases, tenant)} == {
        "leave.md": "served", "travel.txt": "served", "zz-copy.md": "served",
    }  # fmt: skip
    # And the other way round: the one that stands by knows it as a copy, which must not be said of it now.
    (folder / "zz-copy.md").write_text("Changed.\n")
    sync()
    (folder / "zz-copy.md").write_bytes((folder / "leave.md").read_bytes())
    sync()
    assert {row["uri"]: row["state"] for row in served_state(databases, tenant)}["zz-copy.md"] == "served"
    cutover.roll_back(databases.pipeline, tenant, "test")
    assert {row["uri"]: row["state"] for row in served_state(databases, tenant)}["zz-copy.md"] == "duplicate"


def test_a_copy_takes_over_in_every_generation_when_its_canonical_document_goes(
    sync: Callable[[], Run], backfill: Any, cut_over: Any, working: Settings, databases: Databases, tenant: Tenant,
    folder: Path,
) -> None:  # fmt: skip
    (folder / "zz-copy.md").write_bytes((folder / "leave.md").read_bytes())
    sync()
    with open_backfill(working, databases.pipeline, tenant, run_id="opened-only", actor="test") as run:
        backfilling.open_next(run)
    # Nothing is built yet: what waits is inherited too.
    (folder / "leave.md").unlink()
    sync()
    backfill(working)
    assert set(indexed(databases, 2)) == {"travel.txt", "zz-copy.md"}
    assert cut_over(working).release is not None
    states_now = {row["uri"]: row["state"] for row in served_state(databases, tenant)}
    assert states_now == {"leave.md": "deleted", "travel.txt": "served", "zz-copy.md": "served"}


@pytest.mark.parametrize(
    "change",
    [
        {"cleaning": CleaningConfig(rules=("encoding", "unicode", "control_characters"))},
        {"parsing": {"max_pages": 4_000}},
    ],
)
def test_a_change_of_an_early_stage_is_built_from_there(
    sync: Callable[[], Run], backfill: Any, cut_over: Any, settings: Settings, databases: Databases, tenant: Tenant,
    folder: Path, change: dict[str, Any],
) -> None:  # fmt: skip
    (folder / "zz-copy.md").write_bytes((folder / "leave.md").read_bytes())
    sync()
    given = {
        name: replace(getattr(settings, name), **it) if isinstance(it, dict) else it for name, it in change.items()
    }
    early = replace(settings, backfill=QUICK, **given)
    _, run = backfill(early)
    assert run.chunks_embedded == 0
    before = served_state(databases, tenant)
    assert cut_over(early).release is not None
    assert served_state(databases, tenant) == before
    assert indexed(databases, 2) == indexed(databases, 1)


def test_a_document_that_the_new_generation_cannot_hold_is_in_the_way_unless_accepted(
    sync: Callable[[], Run], backfill: Any, cut_over: Any, settings: Settings, databases: Databases, tenant: Tenant,
    folder: Path,
) -> None:  # fmt: skip
    (folder / "long.md").write_text(f"# Halls\n\n{LONG}\n")
    sync()
    strict = replace(settings, parsing=replace(settings.parsing, max_text_chars=300), backfill=QUICK)
    backfill(strict)
    blocked = cut_over(strict)
    assert blocked.release is None
    assert [each.name for each in blocked.checks if each.passed is False] == ["documents"]
    assert states(databases, tenant) == {1: "serving", 2: "building"}
    assert cut_over(strict, accept_losses=1).release is not None
    assert {row["uri"]: row["state"] for row in served_state(databases, tenant)}["long.md"] == "quarantined"
    cutover.roll_back(databases.pipeline, tenant, "test")
    assert {row["uri"]: row["state"] for row in served_state(databases, tenant)}["long.md"] == "served"


def test_a_worse_golden_set_is_in_the_way_and_a_forced_cut_over_says_why_in_the_audit_log(
    sync: Callable[[], Run], backfill: Any, cut_over: Any, working: Settings, databases: Databases, tenant: Tenant
) -> None:
    sync()
    backfill(working)
    recalls = {1: 0.9, 2: 0.8}

    def judge(generation: generations.Generation) -> Judged:
        return Judged(n_cases=20, recall=recalls[generation.generation_id])

    assert cut_over(working, judge=judge).release is None
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        kept = {row["generation_id"]: row["checks"] for row in generations.list_all(tx)}
    assert [each["name"] for each in kept[2]["checks"] if each["passed"] is False] == ["golden_set"]
    assert cut_over(working, judge=judge, force_reason="the golden set is out of date").release is not None
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        [entry] = [each for each in audit.entries(tx) if each["action"] == "generation.cutover"]
    assert entry["details"]["forced"] == "the golden set is out of date"


def test_a_generation_that_is_not_complete_cannot_serve_and_only_one_backfill_works_at_a_time(
    sync: Callable[[], Run], cut_over: Any, working: Settings, databases: Databases, tenant: Tenant
) -> None:
    sync()
    with open_backfill(working, databases.pipeline, tenant, run_id="opened-only", actor="test") as run:
        backfilling.open_next(run)
        with (
            pytest.raises(Busy, match="another backfill"),
            tenants.backfill_lock(databases.pipeline, tenant, wait_seconds=0.0),
        ):
            pass
    with pytest.raises(UsageError, match="not complete"):
        cut_over(working)


def test_another_model_of_another_dimension_is_built_beside_served_and_taken_back(
    sync: Callable[[], Run], backfill: Any, cut_over: Any, settings: Settings, databases: Databases, tenant: Tenant,
    folder: Path,
) -> None:  # fmt: skip
    sync()
    with ScriptedEndpoint() as endpoint:
        other = replace(
            settings,
            embedding=EmbeddingConfig(provider="openai", model="scripted", revision="1", dimensions=8),
            openai_base_url=endpoint.base_url,
            backfill=QUICK,
        )
        opened, run = backfill(other)
        assert (opened.first_stage, run.chunks_embedded) == ("chunk_embeddings", 2)
        assert cut_over(other).release is not None
    assert dimensions(databases) == {1: {384}, 2: {8}}
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert releases.require_served(tx).manifest["embedding"]["dimensions"] == 8
    assert cutover.roll_back(databases.pipeline, tenant, "test").manifest["embedding"]["dimensions"] == 384
    # The endpoint of what stands by is gone: what serves is kept current, and somebody is told.
    (folder / "travel.txt").write_text("Only buses are refunded now.\n")
    sync()
    assert indexed(databases, 1)["travel.txt"] == ["Only buses are refunded now."]
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert [(row["kind"], row["object"]) for row in tx.dicts("alerts.open")] == [("standby_behind", "generation:2")]
    # Reclaimed, with the vectors that nobody uses any more.
    assert reclaiming.reclaim(settings, databases.pipeline, tenant, actor="test", now=True) == [2]
    assert dimensions(databases) == {1: {384}}
    with psycopg.connect(databases.addresses.owner) as connection:
        assert connection.execute("SELECT DISTINCT vector_dims(embedding) FROM corpus.chunk_embeddings").fetchall() == [
            (384,)
        ]


def dimensions(databases: Databases) -> dict[int, set[int]]:
    with psycopg.connect(databases.addresses.owner) as connection:
        rows = connection.execute("SELECT DISTINCT generation_id, vector_dims(embedding) FROM corpus.index_entries")
        found: dict[int, set[int]] = {}
        for generation, length in rows:
            found.setdefault(generation, set()).add(length)
        return found


def test_a_version_that_only_the_new_generation_refuses_is_still_said_to_be_served(
    sync: Callable[[], Run], backfill: Any, settings: Settings, databases: Databases, tenant: Tenant, folder: Path
) -> None:
    (folder / "long.md").write_text(f"# Halls\n\n{LONG}\n")
    sync()
    backfill(replace(settings, parsing=replace(settings.parsing, max_text_chars=300), backfill=QUICK))
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        document = documents.find(tx, "long.md")
        [version] = documents.history(tx, document["document_id"])
    assert (document["state"], version["state"]) == ("served", "served")


def test_an_index_that_is_large_gets_its_vector_index_and_its_recall_is_checked(
    sync: Callable[[], Run], backfill: Any, cut_over: Any, working: Settings, databases: Databases, tenant: Tenant,
    folder: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(backfilling, "EXACT_CHUNKS", 10)
    (folder / "long.md").write_text(f"# Halls\n\n{LONG}\n")
    sync()
    backfill(working)
    done = cut_over(working)
    recall = next(each for each in done.checks if each.name == "recall")
    assert (recall.passed, recall.figures["recall"]) == (True, 1.0)
    soaked = replace(working, backfill=replace(QUICK, soak_hours=0.0))
    cutover.roll_back(databases.pipeline, tenant, "test")
    assert reclaiming.reclaim(soaked, databases.pipeline, tenant, actor="test") == [2]
    with psycopg.connect(databases.addresses.owner) as connection:
        names = connection.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'index_entries_vectors%'")
        assert [name for (name,) in names if name.endswith("_2")] == []


def test_a_third_generation_shares_what_only_the_one_that_stands_by_has(
    sync: Callable[[], Run], backfill: Any, cut_over: Any, working: Settings, settings: Settings, databases: Databases,
    tenant: Tenant, folder: Path,
) -> None:  # fmt: skip
    (folder / "long.md").write_text(f"# Halls\n\n{LONG}\n")
    sync()
    backfill(working)
    cut_over(working)
    # The first way of cutting, which stands by, under another model: nothing is cut again.
    with ScriptedEndpoint() as endpoint:
        third = replace(
            settings,
            embedding=EmbeddingConfig(provider="openai", model="scripted", revision="1", dimensions=8),
            openai_base_url=endpoint.base_url,
            backfill=QUICK,
        )
        opened, run = backfill(third)
        assert (opened.first_stage, opened.n_documents) == ("document_chunks", 3)
        assert run.counts["document_chunks"].done == 0
        (folder / "travel.txt").write_text("Only buses are refunded now.\n")
        sync()
        assert cut_over(third).release is not None
    assert indexed(databases, 3) == indexed(databases, 1)
    assert indexed(databases, 3)["travel.txt"] == ["Only buses are refunded now."]
