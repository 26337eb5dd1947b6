"""Changing to a model endpoint with vectors of another length: what serves is untouched until the new one is whole."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from prodgen_pipeline.core.configuration import EmbeddingConfig
from prodgen_pipeline.core.errors import ProdgenError
from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.lifecycle import backfill as backfilling
from prodgen_pipeline.lifecycle import cutover
from prodgen_pipeline.lifecycle.backfill import open_backfill
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.serving.search import SearchResult
from prodgen_pipeline.serving.service import QueryService, embedder_of
from prodgen_pipeline.settings import Backfill, EmbeddingService, Settings
from prodgen_pipeline.storage import documents, generations, sources
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant
from prodgen_pipeline_tests.scripted_endpoint import EmbeddingMode, EmbeddingScript, ScriptedEndpoint

N = 24
RUDE = {
    EmbeddingMode.FEWER: "vectors",
    EmbeddingMode.NAN: "endpoint",
    EmbeddingMode.STATUS: "429",
    EmbeddingMode.HTML: "endpoint",
}


class Served:
    """A tenant that is served from the local model, and settings that ask for the endpoint's."""

    def __init__(self, settings: Settings, databases: Databases, tenant: Tenant, folder: Path, url: str) -> None:
        self.databases, self.tenant, self.folder = databases, tenant, folder
        self.before = settings
        self.working = replace(
            settings,
            embedding=EmbeddingConfig(provider="openai", model="scripted", revision="1", dimensions=8),
            embedding_service=EmbeddingService(request_texts=4, requests_in_flight=1, retry_seconds=0.0),
            backfill=Backfill(pause_share=0.0, wait_seconds=0.0), openai_base_url=url,
            openai_api_key=SecretStr("key"),
        )  # fmt: skip

    def sync(self, settings: Settings, run_id: str) -> Run:
        with open_run(settings, self.databases.pipeline, self.tenant, run_id=run_id, kind="sync", actor="test") as run:
            sync_tenant(run)
        return run

    def backfill(self, run_id: str) -> Run:
        with open_backfill(self.working, self.databases.pipeline, self.tenant, run_id=run_id, actor="test") as run:
            backfilling.backfill(run)
        return run

    def search(self, text: str) -> SearchResult:
        service = QueryService(
            self.working, self.databases.serving, embedder=embedder_of(self.working, purpose="one_question")
        )
        return service.search(self.tenant, text, reader=Reader(), k=3)

    def generation(self) -> dict[int, str]:
        with self.databases.pipeline.transaction(self.tenant.tenant_id) as tx:
            return {row["generation_id"]: row["state"] for row in generations.list_all(tx)}


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint() as running:
        yield running


@pytest.fixture
def served(
    settings: Settings, databases: Databases, tenant: Tenant, tmp_path: Path, endpoint: ScriptedEndpoint
) -> Served:
    folder = tmp_path / "store"
    folder.mkdir()
    for number in range(N):
        (folder / f"pump-{number:02}.md").write_text(f"# Pump {number}\n\nPump {number} runs at {number * 10} bar.\n")
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        sources.add(tx, "files", str(folder), include=[], exclude=[], groups=[])
    found = Served(settings, databases, tenant, folder, endpoint.base_url)
    found.sync(settings, "first")
    return found


@pytest.mark.parametrize("mode", RUDE)
def test_a_rude_endpoint_is_a_named_error_and_what_serves_goes_on(
    served: Served, endpoint: ScriptedEndpoint, mode: EmbeddingMode
) -> None:
    endpoint.embeddings.mode, endpoint.embeddings.status = mode, 429
    with pytest.raises(ProdgenError, match=RUDE[mode]) as raised:
        served.backfill("rude")
    assert "Pump" not in str(raised.value)
    assert served.generation() == {1: "serving", 2: "building"}
    assert served.search("How many bar does pump 7 run at?").hits[0].uri == "pump-07.md"


def test_vectors_of_another_length_than_configured_are_a_named_error(
    served: Served, endpoint: ScriptedEndpoint
) -> None:
    endpoint.embeddings.dimensions = 5
    with pytest.raises(ProdgenError, match="dimensions"):
        served.backfill("short")
    assert served.search("pump 7").generation == 1


def test_what_was_paid_for_is_not_paid_for_again_and_then_it_serves(
    served: Served, endpoint: ScriptedEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = endpoint.embeddings
    script.refuses, script.status = "Pump 20 ", 429

    def gives_out_in_the_middle(self: EmbeddingScript) -> EmbeddingMode:
        return EmbeddingMode.STATUS if len(self.embedded) >= N // 2 else EmbeddingMode.OBEDIENT

    with monkeypatch.context() as patched:
        patched.setattr(EmbeddingScript, "next_mode", gives_out_in_the_middle)
        with pytest.raises(ProdgenError, match="429"):
            served.backfill("broken")
    run = served.backfill("whole")
    texts = [text for text in script.embedded if text.startswith("Pump")]
    assert len(texts) == len(set(texts)) == N - 1
    assert run.chunks_embedded < N - 1

    with served.databases.pipeline.transaction(served.tenant.tenant_id) as tx:
        assert [row["reason"] for row in documents.quarantine(tx)] == ["embedding_refused"]
    with open_backfill(served.working, served.databases.pipeline, served.tenant, run_id="cut", actor="test") as cutting:
        blocked = cutover.cut_over(cutting)
        assert blocked.release is None, "a document would be lost"
        assert cutover.cut_over(cutting, accept_losses=1).release is not None
    found = served.search("How many bar does pump 7 run at?")
    assert (found.generation, found.manifest["embedding"]["dimensions"]) == (2, 8)
    assert found.hits[0].uri == "pump-07.md"

    # A live edit reaches what serves and what stands by, each with its own model.
    (served.folder / "pump-03.md").write_text("# Pump 3\n\nPump 3 is out of order since the flood.\n")
    served.sync(served.working, "edit")
    assert served.search("flood").hits[0].text.endswith("since the flood.")
    cutover.roll_back(served.databases.pipeline, served.tenant, "test")
    back = served.search("flood")
    assert (back.generation, back.hits[0].text.endswith("since the flood.")) == (1, True)
