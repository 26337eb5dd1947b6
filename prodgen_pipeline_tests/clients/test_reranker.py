"""The reranker's client against a real server in every mood."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from prodgen_pipeline.clients.reranker import REST_SECONDS, HttpReranker
from prodgen_pipeline.core.errors import ConfigurationError, EndpointUnavailable
from prodgen_pipeline.serving.service import configured_reranker
from prodgen_pipeline.settings import load_settings
from prodgen_pipeline_tests.rerank_endpoint import Mood, RerankEndpoint

DOCUMENTS = ["parking is free", "annual leave is 25 days", "annual report"]


class Clock:
    """Moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def endpoint() -> Iterator[RerankEndpoint]:
    with RerankEndpoint() as running:
        yield running


@pytest.fixture
def reranker(endpoint: RerankEndpoint) -> Iterator[HttpReranker]:
    client = HttpReranker(url=endpoint.url, model="m", api_key="secret", depth=30, timeout_seconds=0.4)
    yield client
    client.close()


def test_scores_come_in_the_documents_order(reranker: HttpReranker, endpoint: RerankEndpoint) -> None:
    assert reranker.scores("days of annual leave", DOCUMENTS) == [0.0, 0.3, 0.1]
    assert endpoint.requests == [{"model": "m", "query": "days of annual leave", "documents": DOCUMENTS, "top_n": 3}]
    assert endpoint.headers[0]["Authorization"] == "Bearer secret"


def test_without_a_model_or_a_key_none_is_sent(endpoint: RerankEndpoint) -> None:
    client = HttpReranker(url=endpoint.url, model="", api_key=None, depth=30, timeout_seconds=1)
    client.scores("q", DOCUMENTS)
    client.close()
    assert "model" not in endpoint.requests[0]
    assert "Authorization" not in endpoint.headers[0]


@pytest.mark.parametrize("mood", [mood for mood in Mood if mood is not Mood.GOOD])
def test_whatever_is_no_answer_is_one_error_that_quotes_nothing(
    reranker: HttpReranker, endpoint: RerankEndpoint, mood: Mood
) -> None:
    endpoint.mood = mood
    with pytest.raises(EndpointUnavailable) as raised:
        reranker.scores("days of annual leave", DOCUMENTS)
    assert not any(word in str(raised.value) for word in ("annual", "parking", "secret", "<html>"))


def test_an_address_where_nobody_listens_is_unavailable() -> None:
    client = HttpReranker(url="http://127.0.0.1:9/rerank", model="", api_key=None, depth=5, timeout_seconds=0.4)
    with pytest.raises(EndpointUnavailable, match="does not answer"):
        client.scores("q", DOCUMENTS)
    client.close()


def test_after_a_failure_it_rests_and_is_asked_again_later(endpoint: RerankEndpoint) -> None:
    clock = Clock()
    client = HttpReranker(url=endpoint.url, model="", api_key=None, depth=5, timeout_seconds=5, clock=clock)
    endpoint.mood = Mood.ERROR_500
    for _ in range(3):
        with pytest.raises(EndpointUnavailable):
            client.scores("q", DOCUMENTS)
    assert len(endpoint.requests) == 1
    endpoint.mood, clock.now = Mood.GOOD, REST_SECONDS + 1
    assert len(client.scores("q", DOCUMENTS)) == 3
    client.close()


def test_its_address_and_key_come_from_the_environment_and_the_key_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    environment = {
        "PRODGEN_HOME": str(tmp_path / "home"), "PRODGEN_RERANKER_URL": "http://x/rerank",
        "PRODGEN_RERANKER_KEY": "secret", "PRODGEN_RERANKER__DEPTH": "5",
    }  # fmt: skip
    settings = load_settings(environment, working_folder=tmp_path)
    client = configured_reranker(settings)
    assert client is not None
    assert client.depth == 5
    assert "secret" not in str(settings.shown())
    assert configured_reranker(load_settings({"PRODGEN_HOME": str(tmp_path / "home")}, working_folder=tmp_path)) is None
    (tmp_path / "prodgen.toml").write_text('reranker_key = "secret"\n')
    with pytest.raises(ConfigurationError, match="comes from the environment only"):
        load_settings({"PRODGEN_HOME": str(tmp_path / "home")}, working_folder=tmp_path)
