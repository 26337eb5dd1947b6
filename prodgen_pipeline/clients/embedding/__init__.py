"""Text to vectors: the seam that the other rooms see. `embedder_for` chooses, everything else has the same shape.

Behind it stand the local engines (OpenVINO, numpy, ONNX Runtime on a GPU) and the endpoint (`endpoint`). Which files
the local model has stands in `weights`, its text side in `clients.tokenizer`, what it will cost in `costs`. Engines are
imported when first asked for.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from prodgen_pipeline.clients.embedding.results import Cost, EmbeddedBatch, RejectedText
from prodgen_pipeline.core.configuration import EmbeddingConfig
from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.settings import EmbeddingService

__all__ = [
    "Cost",
    "EmbeddedBatch",
    "Embedder",
    "Purpose",
    "RejectedText",
    "embedder_for",
    "local_embedder",
    "query_embedder",
    "refuse_unusable",
    "runs_on_processor",
]

logger = logging.getLogger(__name__)

#: "bulk": many texts, nobody waits. "query": questions, one after the other. "one_question": a command's only one.
Purpose = Literal["bulk", "query", "one_question"]


class Embedder(Protocol):
    """Turns texts into unit vectors. Safe to share between threads."""

    @property
    def dimensions(self) -> int:
        """Length of a vector."""

    @property
    def precision(self) -> str:
        """What it computes in: "bf16", "f16" or "f32". Vectors of them may be mixed (neighbour overlap .997)."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, dimensions) float32, L2-normalised, in the order of the texts; no texts give (0, dimensions).

        Texts beyond the local model's 256 word pieces are cut there.

        Raises:
            RejectedText: an endpoint takes others, but not one of these.
            ProdgenError: as `endpoint.embedder.EndpointEmbedder.embed_batches`; the local engines raise none.
        """

    def embed_batches(self, texts: Sequence[str]) -> Iterator[EmbeddedBatch]:
        """Yield the same vectors in batches as they are done, in any order, so that each can be kept at once.

        Every position is in one batch or among its rejected texts. What an endpoint's failure leaves undone is raised
        after the last batch that was paid for. Raises as `embed`, but for RejectedText.
        """


def embedder_for(
    config: EmbeddingConfig,
    service: EmbeddingService,
    *,
    purpose: Purpose,
    api_key: str | None = None,
    base_url: str | None = None,
    threads: int | None = None,
) -> Embedder:
    """Return the embedder of a configuration, one per process and set of arguments; nothing is sent to an endpoint yet.

    `threads` concerns the local bulk engine; None means every processor this process may run on.

    Raises:
        ConfigurationError: as `refuse_unusable`; the model's files are missing or damaged; a GPU is demanded and there
            is none.
    """
    refuse_unusable(config, api_key=api_key, base_url=base_url)
    if config.provider != "local":
        return _endpoint_embedder(config, service, api_key, base_url, purpose == "bulk", os.getpid())
    if purpose == "one_question":
        return query_embedder()
    if purpose == "bulk" and (on_gpu := _gpu_embedder(service.device, os.getpid())) is not None:
        return on_gpu
    return local_embedder(threads=threads)


def refuse_unusable(config: EmbeddingConfig, *, api_key: str | None, base_url: str | None) -> None:
    """Raise ConfigurationError for an unknown provider, another local model, or an endpoint without address and key."""
    installed = EmbeddingConfig()
    if config.provider == "openai":
        if api_key is None and base_url is None:
            raise ConfigurationError(
                'embedding.provider is "openai", but neither OPENAI_BASE_URL nor OPENAI_API_KEY is set: set them, '
                'or embedding.provider = "local"'
            )
    elif config.provider != "local":
        raise ConfigurationError(f'embedding.provider is "{config.provider}": it can be "local" or "openai"')
    elif config != installed:
        name = next(
            name for name in ("model", "revision", "dimensions") if getattr(config, name) != getattr(installed, name)
        )
        raise ConfigurationError(
            f"embedding.{name} is set, but the local model is {installed.model}, revision {installed.revision}, of "
            f'{installed.dimensions} dimensions: leave it out, or set embedding.provider = "openai"'
        )


def runs_on_processor(config: EmbeddingConfig, service: EmbeddingService) -> bool:
    """Say whether bulk embedding is work for this machine's processors, worth spreading over worker processes.

    An endpoint and a GPU are used from one process: requests are in flight side by side, batches fill the GPU.

    Raises:
        ConfigurationError: a GPU is demanded and there is none.
    """
    return config.provider == "local" and _gpu_embedder(service.device, os.getpid()) is None


def local_embedder(*, threads: int | None = None) -> Embedder:
    """Return the bulk engine (OpenVINO), one per process and number of threads; takes about half a second to make.

    `threads` None means every processor this process may run on. Where OpenVINO cannot be imported, the numpy engine
    does its work with a warning.

    Raises:
        ConfigurationError: the model's files are missing or damaged.
    """
    # By process, too: the engine's threads do not exist in a forked child.
    return _bulk_engine(threads or _available_processors(), os.getpid())


@cache
def query_embedder() -> Embedder:
    """Return the engine that starts fast (numpy, f32), one per process: for commands that embed one question.

    It sets numpy's BLAS to one thread, for the whole process.

    Raises:
        ConfigurationError: the model's files are missing or damaged.
    """
    from prodgen_pipeline.clients.embedding.numpy_engine import NumpyEmbedder
    from prodgen_pipeline.clients.embedding.weights import tensors
    from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer

    return NumpyEmbedder(tensors(), WordPieceTokenizer.load())


@cache
def _bulk_engine(threads: int, _process: int) -> Embedder:
    from prodgen_pipeline.clients.embedding.weights import tensors
    from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer

    try:
        from prodgen_pipeline.clients.embedding.openvino_engine import OpenVinoEmbedder
    except ImportError as error:
        logger.warning("OpenVINO cannot be imported (%s): embedding with numpy, at half the speed", error)
        return query_embedder()
    return OpenVinoEmbedder(tensors(), WordPieceTokenizer.load(), threads=threads)


@cache
def _gpu_embedder(device: str, _process: int) -> Embedder | None:
    """The engine on a GPU; None where there is none or `device` does not want it."""
    # Looking for a package costs a millisecond, importing one that has no GPU a second.
    if device == "cpu" or (device == "auto" and find_spec("onnxruntime") is None):
        return None
    from prodgen_pipeline.clients.embedding.weights import tensors
    from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer

    try:
        from prodgen_pipeline.clients.embedding import onnxruntime_engine

        if not onnxruntime_engine.gpu_is_there():
            raise ConfigurationError("this ONNX Runtime knows no NVIDIA GPU")
        return onnxruntime_engine.OnnxRuntimeEmbedder(tensors(), WordPieceTokenizer.load())
    except (ImportError, ConfigurationError) as error:
        if device == "gpu":
            raise ConfigurationError(
                f'embedding_service.device is "gpu", but none can be used ({error}): install the extra `gpu` on a '
                'machine with an NVIDIA GPU, or set "auto"'
            ) from error
        logger.info("no GPU for embedding (%s): the processor does it", error)
        return None


@cache
def _endpoint_embedder(
    config: EmbeddingConfig,
    service: EmbeddingService,
    api_key: str | None,
    base_url: str | None,
    is_bulk: bool,
    _process: int,
) -> Embedder:
    from prodgen_pipeline.clients.embedding.endpoint.embedder import EndpointEmbedder
    from prodgen_pipeline.clients.embedding.endpoint.limits import shared_limits
    from prodgen_pipeline.clients.embedding.endpoint.patience import SystemClock
    from prodgen_pipeline.clients.embedding.endpoint.requests import EmbeddingsApi

    clock = SystemClock()
    return EndpointEmbedder(
        config,
        service,
        api=EmbeddingsApi(base_url=base_url, api_key=api_key, model=config.model, clock=clock),
        limits=shared_limits(base_url, config.model, service.requests_per_minute, service.tokens_per_minute),
        total_seconds=None if is_bulk else service.question_seconds,
        clock=clock,
    )


def _available_processors() -> int:
    # Not on macOS.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
