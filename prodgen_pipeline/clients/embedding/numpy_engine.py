"""The embedding model in plain numpy: ready in a fifth of a second, where OpenVINO takes more than half of one.

For a question typed once, and where OpenVINO does not run. Bulk work belongs to `openvino_engine`, twice as fast.
"""

import ctypes
import math
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from prodgen_pipeline.clients.embedding.batching import model_ids
from prodgen_pipeline.clients.embedding.results import Cost, EmbeddedBatch
from prodgen_pipeline.clients.embedding.weights import Tensors
from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer

FloatArray = NDArray[np.float32]

N_LAYERS, N_HEADS, LAYER_NORM_EPSILON = 6, 12, 1e-12


class NumpyEmbedder:
    """Embeds one text after the other: no padding, so a vector never depends on its neighbours."""

    precision = "f32"

    def __init__(self, tensors: Tensors, tokenizer: WordPieceTokenizer) -> None:
        _use_one_blas_thread()
        self._tensors = tensors
        self._tokenizer = tokenizer
        self.dimensions = tensors["embeddings.word_embeddings.weight"].shape[1]

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Return (n, dimensions) float32 unit vectors in the order of the texts."""
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for batch in self.embed_batches(texts):
            vectors[batch.positions] = batch.vectors
        return vectors

    def embed_batches(self, texts: Sequence[str]) -> Iterator[EmbeddedBatch]:
        """Yield vectors one by one, in order."""
        for row, text in enumerate(texts):
            ids = model_ids(self._tokenizer.ids(text))
            vectors = self._forward(np.array(ids))[np.newaxis]
            yield EmbeddedBatch(positions=[row], vectors=vectors, cost=Cost(n_tokens=len(ids), usd=0.0))

    def _forward(self, ids: NDArray[np.int64]) -> FloatArray:
        weight = self._tensors
        x = weight["embeddings.word_embeddings.weight"][ids]
        x += weight["embeddings.position_embeddings.weight"][: len(ids)]
        x += weight["embeddings.token_type_embeddings.weight"][0]
        x = self._layer_norm(x, "embeddings.LayerNorm")
        for layer in range(N_LAYERS):
            block = f"encoder.layer.{layer}."
            context = self._linear(self._attention(x, block + "attention.self."), block + "attention.output.dense")
            x = self._layer_norm(x + context, block + "attention.output.LayerNorm")
            hidden = _gelu(self._linear(x, block + "intermediate.dense"))
            x = self._layer_norm(x + self._linear(hidden, block + "output.dense"), block + "output.LayerNorm")
        pooled: FloatArray = x.mean(axis=0)
        pooled /= np.float32(np.linalg.norm(pooled))
        return pooled

    def _attention(self, x: FloatArray, name: str) -> FloatArray:
        def heads(projection: str) -> FloatArray:
            return self._linear(x, name + projection).reshape((len(x), N_HEADS, -1)).transpose(1, 0, 2)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores: FloatArray = query @ key.transpose(0, 2, 1)
        scores *= 1 / math.sqrt(query.shape[-1])
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        context: FloatArray = (scores @ value).transpose(1, 0, 2).reshape(x.shape)
        return context

    def _linear(self, x: FloatArray, name: str) -> FloatArray:
        y: FloatArray = x @ self._tensors[name + ".weight"].T
        y += self._tensors[name + ".bias"]
        return y

    def _layer_norm(self, x: FloatArray, name: str) -> FloatArray:
        centred: FloatArray = x - x.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)
        centred *= self._tensors[name + ".weight"] / np.sqrt(variance + LAYER_NORM_EPSILON)
        centred += self._tensors[name + ".bias"]
        return centred


def _use_one_blas_thread() -> None:
    """Keep numpy's OpenBLAS from spreading these small products over all processors, in the whole process.

    Its threads spin while they wait for each other: with both processors busy, a question took 160 to 800 ms instead of
    30 to 60, and four times the CPU time. A numpy built on another library is left as it is.
    """
    spec = find_spec("numpy._core._multiarray_umath")
    library = ctypes.CDLL(spec.origin if spec else None)
    if hasattr(library, "scipy_openblas_set_num_threads64_"):
        library.scipy_openblas_set_num_threads64_(1)


def _gelu(x: FloatArray) -> FloatArray:
    """Return x times the normal distribution function, whose erf (numpy has none) is good to 1.5e-7.

    Abramowitz and Stegun 7.1.26.
    """
    z = np.abs(x) * np.float32(math.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    tail = np.full_like(t, 1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail *= t
        tail += np.float32(coefficient)
    tail *= t
    tail *= np.exp(-z * z)
    # `tail` is now erfc(z), twice the probability beyond |x|.
    return np.where(x < 0, x * tail / 2, x * (1 - tail / 2))
