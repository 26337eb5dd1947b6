"""From a folder to redacted text, the vault and the record of what was replaced; and the master key."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from prodgen_pipeline.core.configuration import RedactionConfig
from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.core.redaction import PSEUDONYM, VERSION
from prodgen_pipeline.governance import vault
from prodgen_pipeline.governance.secrets import run_secrets
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import documents, sources
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant
from prodgen_pipeline.storage.vault import redactions

NAMES = ("Dr. Anna Maria Schmidt", "anna schmidt", "Schmidt, Anna")
#: Names are given, so that nothing here depends on what finds them.
NAMED = RedactionConfig(deny={"PERSON": (*NAMES, "Bert Brecht")})


def synced(settings: Settings, databases: Databases, tenant: Tenant, folder: Path, **texts: str) -> Run:
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(text)
    with open_run(
        settings, databases.pipeline, tenant, run_id=f"run-{'-'.join(sorted(texts))}", kind="sync", actor="test"
    ) as run:
        sync_tenant(run)
    return run


def with_actions(settings: Settings, **actions: str) -> Settings:
    return replace(settings, redaction=replace(NAMED, actions=actions))


@pytest.fixture
def files(databases: Databases, tenant: Tenant, tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        sources.add(tx, "files", str(folder), include=[], exclude=[], groups=[])
    return folder


def served(databases: Databases, tenant: Tenant, uri: str) -> str:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        found = documents.find(tx, uri)
        return "\n".join(chunk["text"] for chunk in documents.chunks(tx, found["document_id"]))


def test_one_person_of_two_documents_has_one_token_and_can_be_revealed(
    settings: Settings, databases: Databases, tenant: Tenant, files: Path
) -> None:
    own = with_actions(settings)
    synced(own, databases, tenant, files,
           order="Dr. Anna Maria Schmidt ordered a pump. Write to anna.schmidt@example.org.\n",
           visit="Minutes of the visit. Schmidt, Anna was there, and Bert Brecht.\n")  # fmt: skip
    order, visit = served(databases, tenant, "order.md"), served(databases, tenant, "visit.md")
    assert not re.search("(?i)anna|schmidt|brecht", order + visit)
    person = PSEUDONYM.search(order).group()
    assert {match.group() for match in PSEUDONYM.finditer(order)} == {person}
    assert person in visit
    assert len({match.group() for match in PSEUDONYM.finditer(visit)}) == 2
    secret = run_secrets(own, databases.pipeline, tenant.tenant_id)
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert vault.reveal(tx, secret, "local:ada", person, reason="a test").values == (
            "Dr. Anna Maria Schmidt", "Schmidt, Anna", "anna.schmidt@example.org",
        )  # fmt: skip


def test_the_record_says_type_place_rule_and_version_and_never_the_value(
    settings: Settings, databases: Databases, tenant: Tenant, files: Path
) -> None:
    text = "# Order\n\nBert Brecht wrote to bert@example.org.\n"
    synced(with_actions(settings), databases, tenant, files, order=text)
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        rows = tx.connection.execute("SELECT entities, elements FROM corpus.redacted_documents").fetchall()
        counts = redactions(tx, int(documents.find(tx, "order.md")["document_id"]))
    ((entities, elements),) = rows
    assert [each["label"] for each in entities] == ["PERSON", "EMAIL_ADDRESS"]
    assert counts == {"EMAIL_ADDRESS": 1, "PERSON": 1}
    for each in entities:
        assert each["rule"]
        assert (each["version"], each["action"]) == (VERSION, "token")
        assert each["token"] in json.dumps(elements)
    assert not re.search("(?i)bert|brecht", json.dumps(entities))


@pytest.mark.parametrize(
    ("action", "expected", "n_kept"),
    [
        ("mask", "*********** paid.", 0),
        ("drop", "paid.", 0),
        ("keep", "Bert Brecht paid.", 0),
        ("token", "<PERSON_", 1),
    ],
)
def test_a_type_is_treated_as_its_action_says_and_only_what_has_a_token_is_kept(
    settings: Settings, databases: Databases, tenant: Tenant, files: Path, action: str, expected: str, n_kept: int
) -> None:
    synced(with_actions(settings, PERSON=action), databases, tenant, files, note="Bert Brecht paid.\n")
    assert expected in served(databases, tenant, "note.md")
    assert ("Brecht" in served(databases, tenant, "note.md")) == (action == "keep")
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert tx.connection.execute("SELECT count(*) FROM corpus.originals").fetchone() == (n_kept,)


def test_hashed_values_are_equal_where_they_are_equal_and_cannot_be_revealed(
    settings: Settings, databases: Databases, tenant: Tenant, files: Path
) -> None:
    own = with_actions(settings, PERSON="hash")
    texts = {"one": "Bert Brecht paid the first bill.\n", "two": "And BERT BRECHT paid the other.\n"}
    synced(own, databases, tenant, files, **texts)
    hashes = [re.findall(r"\b[0-9a-f]{64}\b", served(databases, tenant, f"{name}.md")) for name in texts]
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 1


@pytest.mark.parametrize("damage", ["lost", "wrong"])
def test_without_the_master_key_nothing_is_indexed_in_clear_and_the_run_stops_with_one_line(
    settings: Settings, databases: Databases, tenant: Tenant, files: Path, damage: str
) -> None:
    own = with_actions(settings)
    synced(own, databases, tenant, files, note="Bert Brecht paid.\n")
    key = settings.require_home() / "keys" / "master.key"
    key.unlink()
    if damage == "wrong":
        key.write_text("another key of sufficient length\n")
    with pytest.raises(ConfigurationError, match="master key") as error:
        synced(own, databases, tenant, files, note="Bert Brecht paid twice.\n", more="Anna Schmidt paid, too.\n")
    assert "\n" not in str(error.value)
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert [row["uri"] for row in documents.list_all(tx)] == ["note.md"]
        stored = tx.connection.execute("SELECT elements::text FROM corpus.redacted_documents").fetchall()
    assert not any(name in str(stored) for name in ("Brecht", "Anna"))
