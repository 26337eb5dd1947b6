"""The commands on real parts: two tenants, files, the embedded server, the shapes of the interface."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Prodgen = Callable[..., Any]
STAGES = {
    "raw_documents", "parsed_documents", "cleaned_documents", "deduped_documents", "redacted_documents",
    "document_chunks", "chunk_embeddings",
}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    (folder / "leave.md").write_text(
        "# Leave\n\nEverybody has 25 days of annual leave. Ask your lead two weeks ahead.\n"
    )
    (folder / "copy.md").write_text(
        "# Leave\n\nEverybody has 25 days of annual leave. Ask your lead two weeks ahead.\n"
    )
    (folder / "travel.txt").write_text("Train travel is refunded in full.\n\nWrite to travel@example.org.\n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nbroken")
    return folder


@pytest.fixture
def acme(prodgen: Prodgen, store: Path) -> str:
    """A tenant with documents, made by the first test that wants it."""
    if prodgen("tenant", "add", "acme").code == 0:
        assert prodgen("source", "add", "acme", "files", str(store)).code == 0
        assert prodgen("sync", "acme").code == 0
    return "acme"


def actions(prodgen: Prodgen, tenant: str) -> list[str]:
    return [entry["action"] for entry in prodgen("audit", "export", tenant).lines]


def test_a_folder_becomes_searchable_in_three_commands_and_a_second_sync_does_nothing(
    prodgen: Prodgen, acme: str
) -> None:
    synced = prodgen("sync", acme, "--json").json
    stages = synced["tenants"][acme]["stages"]
    assert set(stages) == STAGES
    assert all(set(counts) == {"done", "unchanged", "removed", "quarantined"} for counts in stages.values())
    assert sum(counts["done"] for counts in stages.values()) == 0
    assert synced["tenants"][acme]["chunks_embedded"] == synced["tenants"][acme]["chunks_reused"] == 0
    assert isinstance(synced["seconds"], float)


def test_documents_are_listed_with_the_fields_of_the_interface(prodgen: Prodgen, acme: str) -> None:
    rows = {row["uri"]: row for row in prodgen("documents", "list", acme, "--json").json}
    states = {uri: row["state"] for uri, row in rows.items()}
    assert sorted(states.values()) == ["duplicate", "quarantined", "served", "served"]
    assert states["broken.pdf"] == "quarantined"
    duplicate = next(row for row in rows.values() if row["state"] == "duplicate")
    assert duplicate["duplicate_of"] in {"leave.md", "copy.md"}
    for row in rows.values():
        assert {"uri", "document_id", "source", "state", "version", "duplicate_of", "title"} <= set(row)


def test_a_document_is_shown_with_its_chunks_and_a_duplicate_with_those_of_its_canonical(
    prodgen: Prodgen, acme: str
) -> None:
    for uri in ("leave.md", "files:copy.md"):
        shown = prodgen("documents", "show", acme, uri, "--json").json
        assert "25 days" in shown["chunks"][0]["text"]
        assert {"chunk_id", "ordinal", "pages", "text"} <= set(shown["chunks"][0])
    assert prodgen("documents", "show", acme, "nowhere.md").code == 1
    history = prodgen("documents", "history", acme, "leave.md", "--json").json
    assert [(each["version"], each["state"] in ("served", "duplicate")) for each in history] == [(1, True)]
    assert {"version", "source_time", "observed_time", "content_hash", "state", "run_id"} <= set(history[0])


def test_what_could_not_be_read_is_quarantined_with_what_to_do_and_strict_says_so(prodgen: Prodgen, acme: str) -> None:
    [row] = prodgen("quarantine", "list", acme, "--json").json
    assert (row["uri"], row["stage"], row["reason"]) == ("broken.pdf", "parsed_documents", "corrupt")
    assert row["message"]
    assert row["since"]
    assert prodgen("sync", acme, "--strict").code == 1
    assert prodgen("quarantine", "retry", acme, "leave.md").code == 1


def test_a_quarantined_document_is_tried_again_or_set_aside(prodgen: Prodgen, acme: str) -> None:
    assert prodgen("quarantine", "retry", acme, "broken.pdf").code == 0
    assert prodgen("sync", acme, "--json").json["tenants"][acme]["stages"]["parsed_documents"]["quarantined"] == 1
    assert prodgen("quarantine", "drop", acme, "broken.pdf").code == 0
    assert prodgen("quarantine", "list", acme, "--json").json == []
    assert prodgen("sync", acme, "--strict").code == 0
    assert prodgen("quarantine", "retry", acme, "broken.pdf").code == 0
    assert prodgen("sync", acme).code == 0
    assert len(prodgen("quarantine", "list", acme, "--json").json) == 1
    assert {"quarantine.retry", "quarantine.drop"} <= set(actions(prodgen, acme))


def test_search_and_ask_answer_as_the_interface_says(prodgen: Prodgen, acme: str) -> None:
    found = prodgen("search", acme, "annual leave", "-k", "1", "--json").json
    assert set(found) == {"hits", "release", "generation", "timings_ms"}
    assert set(found["hits"][0]) == {
        "rank", "score", "uri", "source", "document_id", "version", "chunk_id", "title", "pages", "text",
    }  # fmt: skip
    answer = prodgen("ask", acme, "How many days of annual leave does everybody have?", "--json").json
    assert "25 days" in answer["answer"]
    assert answer["citations"][0]["uri"] in {"leave.md", "copy.md"}
    assert not answer["refused"]
    printed = prodgen("ask", acme, "How many days of annual leave does everybody have?")
    assert printed.out.count("[1]") == 2


def test_a_batch_keeps_order_and_ids_and_names_the_line_that_is_not_as_it_must_be(
    prodgen: Prodgen, acme: str, tmp_path: Path
) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text(
        '{"id": "b", "text": "annual leave"}\n\n{"id": 1, "text": "train travel", "groups": ["staff"]}\n'
    )
    found = prodgen("search", acme, "--batch", str(questions), "-k", "1").lines
    assert [(line["id"], line["hits"][0]["uri"]) for line in found] == [
        ("b", found[0]["hits"][0]["uri"]),
        (1, "travel.txt"),
    ]
    answered = prodgen("ask", acme, "--batch", "-", given=questions.read_bytes())
    assert [line["id"] for line in answered.lines] == ["b", 1]
    broken = prodgen("search", acme, "--batch", "-", given=b'{"id": 1, "text": "leave"}\n{"id": 2}\n')
    assert broken.code == 2
    assert "line 2" in broken.err
    assert len(broken.lines) == 1


def test_a_key_decides_what_its_holder_may_do_and_see(prodgen: Prodgen, acme: str, store: Path) -> None:
    made = prodgen("key", "create", acme, "--user", "ann", "--group", "staff", "--json").json
    key = made["key"]
    assert set(made) == {"key", "key_id"}
    assert prodgen("search", acme, "annual leave", key=key).code == 0
    assert "ann" in prodgen("sync", acme, key=key).err
    assert prodgen("search", acme, "leave", "--user", "bob", key=key).code == 1
    assert prodgen("search", "other", "leave", key=key).code == 1
    rotated = prodgen("key", "rotate", made["key_id"], "--json").json["key"]
    assert prodgen("search", acme, "leave", key=key).code == 1
    assert prodgen("key", "revoke", made["key_id"]).code == 0
    assert prodgen("search", acme, "leave", key=rotated).code == 1
    [record] = [each for each in prodgen("key", "list", acme, "--json").json if each["key_id"] == made["key_id"]]
    assert record["revoked_at"]


def test_a_reader_sees_no_document_of_a_group_that_is_not_its_own(prodgen: Prodgen, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "salaries.md").write_text("# Salaries\n\nThe director earns 90000 a year.\n")
    prodgen("tenant", "add", "groups")
    prodgen("source", "add", "groups", "hr", str(tmp_path / "secret"), "--group", "hr")
    prodgen("sync", "groups")
    outsider = prodgen("key", "create", "groups", "--user", "bob", "--json").json["key"]
    member = prodgen("key", "create", "groups", "--user", "eve", "--group", "hr", "--json").json["key"]
    assert prodgen("documents", "list", "groups", "--json", key=outsider).json == []
    assert prodgen("documents", "show", "groups", "salaries.md", key=outsider).code == 1
    assert prodgen("search", "groups", "salaries", "--json", key=outsider).json["hits"] == []
    assert len(prodgen("documents", "list", "groups", "--json", key=member).json) == 1
    assert prodgen("search", "groups", "salaries", "--group", "hr", "--json").json["hits"]
    assert prodgen("search", "groups", "salaries", "--json").json["hits"] == []


def test_a_source_and_a_tenant_go_with_their_documents(prodgen: Prodgen, store: Path) -> None:
    prodgen("tenant", "add", "leaving")
    prodgen("source", "add", "leaving", "files", str(store), "--include", "*.md")
    prodgen("sync", "leaving")
    assert len(prodgen("documents", "list", "leaving", "--json").json) == 2
    removed = prodgen("source", "remove", "leaving", "files")
    assert (removed.code, "2 documents" in removed.err) == (0, True)
    assert prodgen("source", "list", "leaving", "--json").json == []
    assert prodgen("search", "leaving", "annual leave", "--json").json["hits"] == []
    assert {"tenant.add", "source.add", "source.remove"} <= set(actions(prodgen, "leaving"))
    assert prodgen("tenant", "remove", "leaving").code == 0
    assert "leaving" not in {each["name"] for each in prodgen("tenant", "list", "--json").json}


def test_a_mass_delete_waits_for_a_person(prodgen: Prodgen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRODGEN_OBSERVATION__MIN_DELETE_DOCUMENTS", "1")
    folder = tmp_path / "shrinking"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.md").write_text(f"# {name}\n\nThe document {name} is about {name * 5}.\n")
    prodgen("tenant", "add", "shrinking")
    prodgen("source", "add", "shrinking", "files", str(folder))
    prodgen("sync", "shrinking")
    (folder / "a.md").unlink()
    (folder / "b.md").unlink()
    held = prodgen("sync", "shrinking")
    assert (held.code, "source confirm" in held.err) == (0, True)
    tenants = {each["name"]: each for each in prodgen("status", "--json").json["tenants"]}
    [alert] = tenants["shrinking"]["alerts"]
    assert alert["kind"] == "mass_delete_held_back"
    assert prodgen("source", "confirm", "shrinking", "files").code == 0
    counts = prodgen("sync", "shrinking", "--json").json["tenants"]["shrinking"]["stages"]
    assert counts["raw_documents"]["removed"] == 2


def test_a_source_that_cannot_be_read_fails_the_sync_and_deletes_nothing(prodgen: Prodgen, tmp_path: Path) -> None:
    folder = tmp_path / "moving"
    folder.mkdir()
    (folder / "a.md").write_text("# A\n\nThis stays served.\n")
    prodgen("tenant", "add", "moving")
    prodgen("source", "add", "moving", "files", str(folder))
    prodgen("sync", "moving")
    folder.rename(tmp_path / "elsewhere")
    failed = prodgen("sync", "moving")
    assert (failed.code, "nothing of it was deleted" in failed.err) == (1, True)
    assert [row["state"] for row in prodgen("documents", "list", "moving", "--json").json] == ["served"]


def test_releases_generations_prompts_and_status_show_what_serves(prodgen: Prodgen, acme: str) -> None:
    [generation] = prodgen("generation", "list", acme, "--json").json
    assert generation["state"] == "serving"
    [release, *_] = prodgen("release", "list", "--tenant", acme, "--json").json
    assert (release["state"], release["generation"]) == ("served", 1)
    everywhere = {each["release"]: each["tenants"] for each in prodgen("release", "list", "--json").json}
    assert acme in everywhere[release["release"]]
    assert prodgen("release", "show", release["release"], "--json").json["manifest"]["retrieval"]
    assert prodgen("release", "show", "--tenant", acme, "--json").json["release"] == release["release"]
    assert prodgen("release", "show", "0" * 16).code == 1
    [prompt, *_] = prodgen("prompt", "list", "--json").json
    assert prodgen("prompt", "show", prompt["name"]).out
    tenants = {each["name"]: each for each in prodgen("status", "--json").json["tenants"]}
    assert tenants[acme]["release"] == release["release"]
    assert tenants[acme]["last_run"]["state"] == "done"


def test_golden_questions_are_asked_and_their_scores_kept(prodgen: Prodgen, acme: str, tmp_path: Path) -> None:
    golden = tmp_path / "golden.jsonl"
    case = {"id": "leave", "text": "How many days of annual leave?", "uris": ["leave.md"], "answer": "25 days"}
    golden.write_text(json.dumps(case) + "\n")
    report = prodgen("eval", "run", acme, "--cases", str(golden), "--json").json
    assert (report["n_cases"], report["failing"]) == (1, {})
    assert prodgen("eval", "run", acme).code == 0
