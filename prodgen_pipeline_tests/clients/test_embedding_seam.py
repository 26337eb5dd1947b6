"""Which embedder a configuration gets, under which name its vectors are kept, and what they will cost."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.clients.embedding import (
    Embedder,
    embedder_for,
    local_embedder,
    query_embedder,
    refuse_unusable,
    runs_on_processor,
)
from prodgen_pipeline.clients.embedding.costs import estimate, measured_rate
from prodgen_pipeline.clients.embedding.endpoint.embedder import EndpointEmbedder
from prodgen_pipeline.core.configuration import EmbeddingConfig
from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.settings import EmbeddingService, load_settings
from prodgen_pipeline_tests.scripted_endpoint import ScriptedEndpoint, scripted_vector

LOCAL = EmbeddingConfig()
REMOTE = EmbeddingConfig(provider="openai", model="scripted", revision="1", dimensions=8)
CPU = EmbeddingService(device="cpu")
NAMES = st.text(alphabet="ab/@%1", min_size=1, max_size=4)


def test_the_local_model_has_an_engine_for_many_texts_and_one_that_starts_fast() -> None:
    assert embedder_for(LOCAL, CPU, purpose="bulk", threads=1) is local_embedder(threads=1)
    assert embedder_for(LOCAL, CPU, purpose="query") is local_embedder()
    assert embedder_for(LOCAL, CPU, purpose="one_question") is query_embedder()


def test_an_endpoint_is_asked_under_the_configured_name() -> None:
    with ScriptedEndpoint() as endpoint:
        embedder = embedder_for(REMOTE, CPU, purpose="bulk", api_key="k", base_url=endpoint.base_url)
        assert isinstance(embedder, EndpointEmbedder)
        assert embedder is embedder_for(REMOTE, CPU, purpose="bulk", api_key="k", base_url=endpoint.base_url)
        vector = np.array(scripted_vector("a question"))
        assert np.allclose(embedder.embed(["a question"])[0], vector / np.linalg.norm(vector), atol=1e-6)
        assert endpoint.embeddings.requests[0]["model"] == "scripted"
        assert (embedder.dimensions, embedder.precision) == (8, "f32")
        embedder._api.close()


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (replace(LOCAL, model="another"), "embedding.model"),
        (replace(LOCAL, revision="2"), "embedding.revision"),
        (replace(LOCAL, dimensions=100), "embedding.dimensions"),
        (replace(LOCAL, provider="elsewhere"), "embedding.provider"),
        (REMOTE, "OPENAI_BASE_URL"),
    ],
)
def test_what_cannot_be_used_is_one_line_that_says_what_to_set(config: EmbeddingConfig, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as caught:
        embedder_for(config, CPU, purpose="bulk")
    assert "\n" not in str(caught.value)


def test_an_address_or_a_key_is_enough_for_an_endpoint() -> None:
    refuse_unusable(REMOTE, api_key="k", base_url=None)
    refuse_unusable(REMOTE, api_key=None, base_url="http://127.0.0.1:9/v1")


def test_only_the_local_model_on_the_processor_is_worth_worker_processes() -> None:
    assert runs_on_processor(LOCAL, CPU)
    assert not runs_on_processor(REMOTE, CPU)


def test_a_gpu_that_is_demanded_and_not_there_is_said_and_none_is_missed_otherwise() -> None:
    code = """
import sys
sys.modules["onnxruntime"] = None
from prodgen_pipeline.clients.embedding import embedder_for, runs_on_processor
from prodgen_pipeline.core.configuration import EmbeddingConfig
from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.settings import EmbeddingService
try:
    embedder_for(EmbeddingConfig(), EmbeddingService(device="gpu"), purpose="bulk")
except ConfigurationError as error:
    assert "the extra `gpu`" in str(error), error
else:
    raise SystemExit("no error")
del sys.modules["onnxruntime"]
assert "openvino" not in sys.modules
assert embedder_for(EmbeddingConfig(), EmbeddingService(device="gpu"), purpose="one_question").precision == "f32"
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@settings(deadline=None, max_examples=100)
@given(one=st.tuples(NAMES, NAMES, NAMES, st.integers(1, 3)), other=st.tuples(NAMES, NAMES, NAMES, st.integers(1, 3)))
def test_vectors_share_a_name_exactly_when_their_configurations_are_equal(
    one: tuple[str, str, str, int], other: tuple[str, str, str, int]
) -> None:
    first, second = (
        EmbeddingConfig(provider=provider, model=model, revision=revision, dimensions=dimensions)
        for provider, model, revision, dimensions in (one, other)
    )
    assert (first.vector_space == second.vector_space) == (one == other)


def test_the_name_of_a_vector_space_is_readable() -> None:
    assert LOCAL.vector_space == "local/all-MiniLM-L6-v2@gt-0.1.0/384/float"
    assert replace(REMOTE, model="BAAI/bge-m3").vector_space == "openai/BAAI%2Fbge-m3@1/8/float"


def test_an_estimate_has_a_price_for_an_endpoint_and_seconds_only_where_a_rate_is_known() -> None:
    service = EmbeddingService(usd_per_million_tokens=0.5, tokens_per_minute=60_000)
    remote, local = estimate(REMOTE, service, 2_000_000), estimate(LOCAL, service, 2_000_000)
    assert (remote.n_tokens, remote.usd, remote.seconds) == (2_000_000, 1.0, 2_000.0)
    assert (local.usd, local.seconds) == (0.0, None)
    assert estimate(LOCAL, service, 1_000, tokens_per_second=500).seconds == 2.0
    assert estimate(REMOTE, EmbeddingService(), 1_000).seconds is None
    assert (remote + remote).usd == 2.0
    assert (remote + local).seconds is None


def test_a_measured_rate_is_tokens_by_the_clock() -> None:
    ticks = iter(range(100))
    rate = measured_rate(query_embedder(), seconds=2.0, clock=lambda: float(next(ticks)))
    # The clock is read before, and before every 16 texts: 1 and 2 seconds have passed when it is asked.
    assert rate == 16 * 252 / 2


@pytest.mark.parametrize("embedder", [query_embedder, local_embedder])
def test_batches_of_a_local_engine_hold_every_text_once_with_its_vector_and_tokens(embedder: type[Embedder]) -> None:
    texts = [*["a few words here"] * 9, "", "word " * 300]
    batches = list(embedder().embed_batches(texts))
    assert sorted(position for batch in batches for position in batch.positions) == list(range(11))
    together = embedder().embed(texts)
    for batch in batches:
        assert np.array_equal(batch.vectors, together[batch.positions])
        assert batch.rejected == ()
    # With [CLS] and [SEP]; a text is cut at 256.
    assert sum(batch.cost.n_tokens for batch in batches) == 9 * 6 + 2 + 256
    assert sum(batch.cost.usd for batch in batches) == 0


def test_the_engine_is_free_again_when_its_batches_are_left_half_way() -> None:
    batches = local_embedder(threads=1).embed_batches(["some text"] * 40)
    next(batches)
    batches.close()
    assert local_embedder(threads=1).embed(["some text"]).shape == (1, 384)


@pytest.mark.parametrize(
    ("name", "value"),
    [("DEVICE", "tpu"), ("REQUESTS_IN_FLIGHT", "0"), ("REQUESTS_PER_MINUTE", "-1"), ("TIMEOUT_SECONDS", "0")],
)
def test_a_setting_that_could_not_work_is_refused_by_name(name: str, value: str, tmp_path) -> None:
    with pytest.raises(ConfigurationError, match=f"embedding_service.{name.lower()}"):
        load_settings({f"PRODGEN_EMBEDDING_SERVICE__{name}": value}, working_folder=tmp_path)
