"""The chunking stage on a real database: sizes by source, and redacted titles over what is embedded."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from prodgen_pipeline.core.configuration import ChunkingConfig, ChunkingProfile
from prodgen_pipeline.lifecycle.pins import CHUNKED, fingerprints
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import documents, outputs
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.outputs import StoredChunk
from prodgen_pipeline.storage.tenants import Tenant

MAIL = "From: a@example.org\nSubject: Pump for jane.doe@example.org\n\n"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    profiles = {"short": ChunkingProfile(max_tokens=60, min_tokens=10, heading_tokens=15)}
    return replace(settings, chunking=ChunkingConfig(profiles=profiles, sources={"acme/fil*": "short"}))


@pytest.fixture
def chunks(settings: Settings, databases: Databases, tenant: Tenant, sync: Callable[[], Run]) -> list[StoredChunk]:
    """Those of one mail, cut by the profile of its source."""
    sync()
    lineage = fingerprints(settings.pipeline)[CHUNKED]["lineage"]
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return outputs.chunks(tx, lineage, [documents.find(tx, "mail.eml")["document_id"]])


@pytest.fixture
def folder(folder: Path) -> Path:
    sentences = " ".join(f"Sentence {n} is about the pump here." for n in range(30))
    (folder / "mail.eml").write_text(f"{MAIL}{sentences}\n")
    return folder


def test_a_source_is_cut_by_its_profile_under_the_documents_redacted_title(
    chunks: list[StoredChunk],
) -> None:
    assert len(chunks) > 2
    assert max(chunk.n_tokens for chunk in chunks) <= 60
    for chunk in chunks:
        assert chunk.embedding_text.startswith("Pump for email address\n")
        assert chunk.heading_path[0].startswith("Pump for <EMAIL_ADDRESS_")
        assert "jane.doe" not in chunk.embedding_text + chunk.text
