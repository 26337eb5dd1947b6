"""`prodgen backfill` and `prodgen generation`, from a changed configuration to a reclaimed index."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Prodgen = Callable[..., Any]
QUICK = "[backfill]\npause_share = 0.0\nwait_seconds = 0.0\n"
SMALL = "[chunking]\nmax_tokens = 32\nmin_tokens = 8\nheading_tokens = 8\n" + QUICK


@pytest.fixture
def tenant(prodgen: Prodgen, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A synced tenant with a golden case."""
    # A command lowers its own priority for good, and here it is the tests' process.
    monkeypatch.setattr("os.nice", lambda increment: 0)
    name = request.node.name.replace("_", "-")[:40]
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "leave.md").write_text("# Leave\n\nEverybody has 25 days of annual leave a year. Ask two weeks ahead.\n")
    halls = "\n\n".join(f"Machine {n} stands in hall {n} and is oiled every {n} weeks by its crew." for n in range(9))
    (folder / "halls.md").write_text(f"# Halls\n\n{halls}\n")
    golden = tmp_path / "golden.jsonl"
    golden.write_text(json.dumps({"id": "1", "text": "How many days of annual leave?", "uris": ["leave.md"]}) + "\n")
    prodgen("tenant", "add", name)
    prodgen("source", "add", name, "files", str(folder))
    assert prodgen("sync", name).code == 0
    assert prodgen("eval", "run", name, "--cases", str(golden)).code == 0
    return name


def configure(tmp_path: Path, text: str) -> None:
    (tmp_path / "prodgen.toml").write_text(text)


def test_a_changed_chunk_size_is_planned_built_cut_over_taken_back_and_reclaimed(
    prodgen: Prodgen, tenant: str, tmp_path: Path
) -> None:
    assert prodgen("backfill", tenant, "--dry-run", "--json").json["first_stage"] is None
    configure(tmp_path, SMALL)
    plan = prodgen("backfill", tenant, "--dry-run", "--json").json
    assert (plan["first_stage"], plan["n_documents"], plan["usd"], plan["is_estimate"]) == (
        "document_chunks", 2, 0.0, True,
    )  # fmt: skip
    assert "about" in prodgen("backfill", tenant, "--dry-run").out
    assert [row["state"] for row in prodgen("generation", "list", tenant, "--json").json] == ["serving"]

    built = prodgen("backfill", tenant, "--json").json
    assert (built["outcome"], built["generation"], built["cutover"]) == ("opened", 2, None)
    assert built["chunks_embedded"] > 0
    rows = {row["generation"]: row for row in prodgen("generation", "list", tenant, "--json").json}
    assert (rows[2]["state"], rows[2]["done"], rows[2]["due"]) == ("building", 2, 0)

    done = prodgen("generation", "cutover", tenant, "--json").json
    assert (done["generation"], done["state"]) == (2, "serving")
    golden = next(check for check in done["checks"] if check["name"] == "golden_set")
    assert (golden["passed"], golden["figures"]["recall"]) == (True, 1.0)
    assert prodgen("search", tenant, "annual leave").code == 0
    [now, *_] = prodgen("release", "list", "--tenant", tenant, "--json").json
    assert now["generation"] == 2
    assert prodgen("backfill", tenant, "--json").json["outcome"] == "current"

    back = prodgen("generation", "rollback", tenant, "--json").json
    assert back["generation"] == 1
    assert prodgen("backfill", tenant, "--json").json["outcome"] == "stands by"
    assert prodgen("generation", "reclaim", tenant, "--json").json == {"reclaimed": []}
    assert prodgen("generation", "reclaim", tenant, "--now", "--json").json == {"reclaimed": [2]}
    failed = prodgen("generation", "rollback", tenant)
    assert (failed.code, "stands by" in failed.err) == (1, True)
    assert "reclaimed" in prodgen("generation", "list", tenant).out


def test_a_check_in_the_way_is_exit_1_and_names_itself(prodgen: Prodgen, tenant: str, tmp_path: Path) -> None:
    configure(tmp_path, "[parsing]\nmax_text_chars = 200\n" + QUICK)
    blocked = prodgen("backfill", tenant, "--cutover")
    assert (blocked.code, "documents FAILED" in blocked.err) == (1, True)
    assert [row["state"] for row in prodgen("generation", "list", tenant, "--json").json] == ["serving", "building"]
    forced = prodgen("generation", "cutover", tenant, "--force", "halls are closed", "--json")
    assert forced.json["state"] == "serving"


def test_a_tenant_without_an_index_is_told_to_sync(prodgen: Prodgen) -> None:
    prodgen("tenant", "add", "never-synced")
    for arguments in (["backfill", "never-synced"], ["backfill", "never-synced", "--dry-run"]):
        ended = prodgen(*arguments)
        assert (ended.code, "prodgen sync never-synced" in ended.err) == (1, True)
    assert prodgen("generation", "cutover", "never-synced").code == 1
