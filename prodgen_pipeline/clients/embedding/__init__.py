"""Text to vectors: the seam that the other rooms see, and the local engines behind it.

An engine is anything with the members of `Embedder`. Which files the local model has stands in `weights`, its text side
in `clients.tokenizer`. The engines are imported when first asked for.
"""

import logging
import os
from collections.abc import Sequence
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)


class Embedder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def dimensions(self) -> int:
        """Length of a vector."""

    @property
    def precision(self) -> str:
        """What it computes in: "bf16" or "f32". Vectors of both may be mixed (neighbour overlap .997)."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, dimensions) float32, L2-normalised, in the order of the texts; no texts give (0, dimensions).

        Texts beyond the model's 256 word pieces are cut there.
        """


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


def _available_processors() -> int:
    # Not on macOS.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
