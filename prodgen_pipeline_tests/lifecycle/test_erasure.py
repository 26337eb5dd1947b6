"""After an erasure the value is in no table, file or log; with one step left out it is."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from prodgen_pipeline.core.errors import NotFound, UsageError
from prodgen_pipeline.evaluation.erasure_scan import scan
from prodgen_pipeline.governance import holds, receipts
from prodgen_pipeline.lifecycle import backfill as backfilling
from prodgen_pipeline.lifecycle import cutover, retention
from prodgen_pipeline.lifecycle.backfill import open_backfill
from prodgen_pipeline.lifecycle.erasure import (
    erase_document,
    erase_subject,
    naming_subject,
    open_erasure,
    subject_key,
)
from prodgen_pipeline.lifecycle.erasure_steps import DOCUMENT_STEPS, SUBJECT_STEPS
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.lifecycle.verification import index_faults, n_unaccounted
from prodgen_pipeline.settings import Backfill, Settings
from prodgen_pipeline.storage import documents, generations
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.embedded.binaries import program_folder
from prodgen_pipeline.storage.tenants import Tenant

MAIL, NAME = "zenobia.quill@example.org", "Zenobia Quill"


@pytest.fixture
def corpus(sync: Callable[..., Run], databases: Databases, tenant: Tenant, folder: Path, settings: Settings) -> Path:
    """Somebody in two files, in two versions of one of them, in an answer, a golden question, a sample and a log."""
    (folder / "letter.md").write_text(f"# Letter\n\n{NAME} ({MAIL}) wrote about the broken heating in hall nine.\n")
    (folder / "list.csv").write_text(f"name,mail\n{NAME},{MAIL}\nOther,other@example.org\n")
    sync()
    (folder / "letter.md").write_text(
        f"# Letter\n\n{NAME} ({MAIL}) wrote again about the heating. "
        "It was mended within a day of the second letter.\n\nQuestions go to desk@example.org as before.\n"
    )
    sync()
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        document_id = documents.find(tx, "letter.md")["document_id"]
        release = tx.dicts("cli.releases")[0]["release_id"]
        tx.run(
            "search.record_answer", answer_id="a1", actor="user:x", release_id=release, generation_id=1,
            question=f"who is {NAME}", answer="It was mended within a day of the second letter.", refused=False,
            reason=None, tier="extractive", model=None, usd=0, timings_ms=Jsonb({}),
            evidence=Jsonb([{"n": 1, "chunk_id": "1", "document_id": document_id, "version": 2}]),
        )  # fmt: skip
        tx.run(
            "evaluation.keep_case", case_id="c1", question=f"What did {NAME} write about?", uris=["letter.md"],
            answer="heating", refuse=False, slice="plain",
        )  # fmt: skip
        tx.run("alerts.raise", kind="test", object="", severity="info", message=f"the file of {NAME} is odd")
    with databases.serving.transaction(tenant.tenant_id) as tx:
        tx.run(
            "recall.keep_sample", release_id=release, generation_id=1, principals=["*"], question=f"{NAME} letter",
            filters=Jsonb({}), k=10, plan="exact", at_most=100,
        )  # fmt: skip
    logs = settings.require_home() / "logs"
    logs.mkdir(exist_ok=True)
    (logs / "prodgen.log").write_text(f"one line about {NAME}\n")
    return folder


@pytest.fixture
def erase(settings: Settings, databases: Databases, tenant: Tenant) -> Callable[..., dict[str, Any]]:
    """Erases a document or a subject."""

    def erase(kind: str, what: str, **options: Any) -> dict[str, Any]:
        with open_erasure(settings, databases.pipeline, tenant, actor="test") as run:
            call = erase_document if kind == "document" else erase_subject
            return call(run, what, scan=scan, **options)

    return erase


def everything(databases: Databases, settings: Settings) -> bytes:
    """A dump of the database, and all files of the home but the server's own; lower case."""
    program = program_folder(18) / "pg_dump"
    dump = subprocess.run(  # noqa: S603 - our own program and address
        [program, "--data-only", "--inserts", databases.addresses.owner], capture_output=True, check=True
    ).stdout
    home = settings.require_home()
    return b"\n".join([dump, *(path.read_bytes() for path in home.rglob("*") if path.is_file())]).lower()


def left_of(databases: Databases, settings: Settings, *values: str) -> list[str]:
    found = everything(databases, settings)
    return [value for value in values if value.lower().encode() in found]


def well(databases: Databases, tenant: Tenant) -> None:
    """The index is as the documents say, and every document is accounted for."""
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        [generation] = generations.living(tx)
        faults = index_faults(tx, generation)
        assert not any([*faults.vectors.values(), *faults.entries.values(), *faults.lists.values()]), faults
        assert n_unaccounted(tx, generation) == 0
        assert tx.value("ledger.pending") == 0


def text_of(databases: Databases, tenant: Tenant, uri: str) -> str:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        chunks = documents.chunks(tx, documents.find(tx, uri)["document_id"])
    return "\n".join(chunk["text"] for chunk in chunks)


def states(databases: Databases, tenant: Tenant) -> dict[str, str]:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return {row["uri"]: row["state"] for row in documents.list_all(tx)}


def test_an_erased_person_is_found_nowhere_and_the_rest_of_the_text_stays(
    corpus: Path, erase: Callable[..., dict[str, Any]], databases: Databases, settings: Settings, tenant: Tenant
) -> None:
    assert left_of(databases, settings, NAME, MAIL) == [NAME, MAIL]
    mail, name = erase("subject", MAIL), erase("subject", NAME)
    assert (mail["verified"], name["verified"]) == (True, True), (mail["scan"], name["scan"])
    assert left_of(databases, settings, NAME, MAIL) == []
    text = text_of(databases, tenant, "letter.md")
    assert "<ERASED>" in text
    assert "It was mended within a day of the second letter." in text
    assert states(databases, tenant)["letter.md"] == "served"
    assert "travel" in text_of(databases, tenant, "travel.txt").lower()
    well(databases, tenant)


#: What stands in clear before the erasure, beside what detection has replaced: as if it had missed the name.
READABLE = [
    "raw_bytes", "parsed_text", "cleaned_text", "redacted_text", "chunk_texts", "answers", "evaluation_cases",
    "search_samples", "notes", "pseudonyms", "logs",
]  # fmt: skip


@pytest.mark.parametrize("left_out", READABLE)
def test_with_one_step_left_out_the_scan_finds_what_is_left(
    corpus: Path, erase: Callable[..., dict[str, Any]], left_out: str
) -> None:
    receipt = erase("subject", NAME, steps={name: step for name, step in SUBJECT_STEPS.items() if name != left_out})
    assert not receipt["verified"]
    assert receipt["scan"]["left"]


def test_without_its_main_step_an_erased_document_is_found_again(
    corpus: Path, erase: Callable[..., dict[str, Any]]
) -> None:
    steps = {name: step for name, step in DOCUMENT_STEPS.items() if name != "whole_documents"}
    assert not erase("document", "letter.md", steps=steps)["verified"]
    assert erase("document", "letter.md")["verified"]


def test_without_suppression_an_edited_file_brings_the_person_back(
    corpus: Path, erase: Callable[..., dict[str, Any]], sync: Callable[..., Run], databases: Databases,
    settings: Settings,
) -> None:  # fmt: skip
    erase("subject", NAME, steps={name: step for name, step in SUBJECT_STEPS.items() if name != "suppress"})
    with (corpus / "letter.md").open("a") as file:
        file.write("\nOne more line.\n")
    sync()
    assert left_of(databases, settings, NAME) == [NAME]


def test_every_step_of_an_erasure_has_a_test_that_misses_it() -> None:
    looked_at = {"suppress", "hide_held", "whole_documents", "index_again", "document_facts"}
    assert {*READABLE, *looked_at} == set(SUBJECT_STEPS)
    assert set(DOCUMENT_STEPS) <= set(SUBJECT_STEPS)


def test_an_erased_document_is_gone_and_does_not_come_back_while_its_store_offers_it(
    corpus: Path, erase: Callable[..., dict[str, Any]], sync: Callable[..., Run], databases: Databases,
    settings: Settings, tenant: Tenant,
) -> None:  # fmt: skip
    line = "It was mended within a day of the second letter."
    receipt = erase("document", "letter.md")
    assert receipt["verified"], receipt["scan"]
    assert receipt["removed"]["whole_documents"]["versions"] == 2
    assert left_of(databases, settings, line, "broken heating in hall nine") == []
    assert sync().counts["raw_documents"].done == 0
    (corpus / "copy.md").write_bytes((corpus / "letter.md").read_bytes())
    (corpus / "letter.md").write_text("# Letter\n\nAnother text at the same address, which is blocked as well.\n")
    assert sync().counts["raw_documents"].done == 0
    assert set(states(databases, tenant)) == {"leave.md", "travel.txt", "list.csv"}
    assert left_of(databases, settings, line) == []
    (corpus / "letter.md").unlink()
    sync()
    (corpus / "letter.md").write_text("# Letter\n\nSomething new, long after the old letter was gone.\n")
    sync()
    assert states(databases, tenant)["letter.md"] == "served"
    well(databases, tenant)


def test_a_file_that_names_an_erased_person_is_read_in_memory_and_nothing_of_it_is_kept(
    corpus: Path, erase: Callable[..., dict[str, Any]], sync: Callable[..., Run], databases: Databases,
    settings: Settings, tenant: Tenant,
) -> None:  # fmt: skip
    erase("subject", NAME)
    (corpus / "new.md").write_text("# New\n\nThe new file is about QUILL,\n  Zenobia and about nobody else.\n")
    (corpus / f"{NAME}.md").write_text("# Notes\n\nIts name alone says whom it is about.\n")
    with (corpus / "letter.md").open("a") as file:
        file.write("\nOne more line.\n")
    assert sync().counts["raw_documents"].quarantined == 2
    assert left_of(databases, settings, NAME, "quill,", "nobody else", "One more line") == []
    assert states(databases, tenant)["letter.md"] == "served"
    assert states(databases, tenant)["new.md"] == "quarantined"
    assert sync().counts["raw_documents"].quarantined == 0
    (corpus / "new.md").write_text("# New\n\nThe new file is about nobody.\n")
    sync()
    assert states(databases, tenant)["new.md"] == "served"


def test_a_touched_file_does_not_bring_its_bytes_back(
    corpus: Path, erase: Callable[..., dict[str, Any]], sync: Callable[..., Run], databases: Databases,
    settings: Settings,
) -> None:  # fmt: skip
    erase("subject", NAME)
    (corpus / "letter.md").touch()
    assert sync().counts["raw_documents"].unchanged == 1
    assert left_of(databases, settings, NAME) == []


def test_an_interrupted_erasure_goes_on_and_its_receipt_says_so(
    corpus: Path, erase: Callable[..., dict[str, Any]], databases: Databases, settings: Settings, tenant: Tenant
) -> None:
    def die(work: object) -> dict[str, int]:
        raise KeyboardInterrupt

    for step in ("raw_bytes", "chunk_texts", "pseudonyms", "logs"):
        with pytest.raises(KeyboardInterrupt):
            erase("subject", NAME, steps={**SUBJECT_STEPS, step: die})
    receipt = erase("subject", NAME)
    assert (receipt["resumed"], receipt["verified"]) == (4, True), receipt
    assert receipt["found"]["documents"] == 2
    assert left_of(databases, settings, NAME) == []
    well(databases, tenant)
    with pytest.raises(KeyboardInterrupt):
        erase("document", "letter.md", steps={**DOCUMENT_STEPS, "answers": die})
    receipt = erase("document", "letter.md")
    assert (receipt["resumed"], receipt["verified"], receipt["found"]["whole_documents"]) == (1, True, 1)


def test_a_receipt_is_signed_and_holds_no_value(
    corpus: Path, erase: Callable[..., dict[str, Any]], settings: Settings, databases: Databases, tenant: Tenant
) -> None:
    receipt = json.loads(json.dumps(erase("subject", NAME)))
    assert "quill" not in json.dumps(receipt).lower()
    with open_erasure(settings, databases.pipeline, tenant, actor="test") as run:
        secret = run.secret(receipts.RECEIPTS)
    assert receipts.verify(receipt, secret)
    assert not receipts.verify({**receipt, "verified": False}, secret)
    assert not receipts.verify(receipt, b"another tenant's secret")
    assert not receipts.verify({key: value for key, value in receipt.items() if key != "signature"}, secret)


def test_what_a_hold_keeps_is_hidden_and_erased_when_the_last_hold_goes(
    corpus: Path, erase: Callable[..., dict[str, Any]], databases: Databases, settings: Settings, tenant: Tenant,
    sync: Callable[..., Run],
) -> None:  # fmt: skip
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        first = holds.on_document(tx, "test", "letter.md", "a case")
        second = holds.on_source(tx, "test", "files", "another case")
    receipt = erase("document", "letter.md")
    assert [each["why"] for each in receipt["held_back"]] == ["legal hold"]
    assert states(databases, tenant)["letter.md"] == "deleted"
    assert left_of(databases, settings, "second letter") == ["second letter"]
    assert sync().counts["raw_documents"].done == 0
    for hold in (first, second):
        with databases.pipeline.transaction(tenant.tenant_id) as tx:
            holds.release(tx, "test", hold)
        gone = retention.release_due(settings, databases.pipeline, tenant, actor="test")
    assert gone == {"erasure": 1}
    assert left_of(databases, settings, "second letter") == []
    with databases.pipeline.transaction(tenant.tenant_id) as tx, pytest.raises(NotFound):
        holds.release(tx, "test", first)


def test_a_hold_on_a_person_keeps_all_that_names_them(
    corpus: Path, erase: Callable[..., dict[str, Any]], databases: Databases, settings: Settings, tenant: Tenant
) -> None:
    with open_erasure(settings, databases.pipeline, tenant, actor="test") as run:
        naming = naming_subject(run, MAIL)
        with databases.pipeline.transaction(tenant.tenant_id) as tx:
            hold = holds.on_subject(tx, "test", subject_key(run, MAIL), "a case", **naming)
    receipt = erase("subject", MAIL)
    assert len(receipt["held_back"]) == 2
    assert left_of(databases, settings, MAIL) == [MAIL]
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        holds.release(tx, "test", hold)
    assert retention.release_due(settings, databases.pipeline, tenant, actor="test") == {"erasure": 2}
    assert left_of(databases, settings, MAIL) == []


def test_a_subject_that_is_too_short_is_refused(erase: Callable[..., dict[str, Any]], corpus: Path) -> None:
    with pytest.raises(UsageError, match="3 letters"):
        erase("subject", "- a")


@pytest.mark.parametrize("first", ["erasure", "backfill"])
def test_a_backfill_of_an_erased_version_begins_from_its_redacted_text(
    corpus: Path, erase: Callable[..., dict[str, Any]], databases: Databases, settings: Settings, tenant: Tenant,
    first: str,
) -> None:  # fmt: skip
    parsing = replace(settings.parsing, timeout_seconds=settings.parsing.timeout_seconds + 1)
    working = replace(settings, parsing=parsing, backfill=Backfill(pause_share=0.0, wait_seconds=0.0))
    (corpus / "twin.md").write_bytes((corpus / "letter.md").read_bytes())
    with open_run(settings, databases.pipeline, tenant, run_id="twins", kind="sync", actor="test") as run:
        sync_tenant(run)
    if first == "erasure":
        erase("subject", NAME)
    with open_backfill(working, databases.pipeline, tenant, run_id="next", actor="test") as run:
        opened = backfilling.open_next(run)
    if first == "backfill":
        erase("subject", NAME)
    with open_backfill(working, databases.pipeline, tenant, run_id="on", actor="test") as run:
        assert opened.generation is not None
        backfilling.build(run, opened.generation)
        done = cutover.cut_over(run)
    assert done.release is not None, done.checks
    now = states(databases, tenant)
    assert (now.pop("twin.md"), set(now.values())) == ("duplicate", {"served"})
    assert "mended within a day of the second letter" in text_of(databases, tenant, "letter.md")
    assert "<ERASED>" in text_of(databases, tenant, "letter.md")
    assert left_of(databases, settings, NAME) == []
    erase("subject", MAIL)
    assert left_of(databases, settings, MAIL) == []
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        for generation in generations.living(tx):
            faults = index_faults(tx, generation)
            assert not any([*faults.vectors.values(), *faults.entries.values(), *faults.lists.values()]), faults
            assert n_unaccounted(tx, generation) == 0
