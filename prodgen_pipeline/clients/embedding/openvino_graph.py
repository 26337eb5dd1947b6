"""The embedding model (BERT encoder, mean pooling, unit length) as an OpenVINO graph over the mapped weights.

Only the graph: precision, threads and running it stand in `openvino_engine`. Imported when that is.
"""

import math

import numpy as np
from openvino import Model, Node
from openvino import opset13 as ops

from prodgen_pipeline.clients.embedding.batching import MAX_TOKENS
from prodgen_pipeline.clients.embedding.numpy_engine import LAYER_NORM_EPSILON, N_HEADS, N_LAYERS
from prodgen_pipeline.clients.embedding.weights import Tensors

#: Added to the scores of padding. Larger, and bf16 turns the vectors into garbage without an error (-1e30: cosine .15).
MASKED = -1e4


def build_graph(tensors: Tensors) -> Model:
    """Return the model: ids (n, length) int32, mask (n, length) float32 -> vectors (n, dimensions) float32."""
    return _Graph(tensors).model()


class _Graph:
    """Names follow the tensors' names in the file."""

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors
        self._dimensions = tensors["embeddings.word_embeddings.weight"].shape[1]

    def model(self) -> Model:
        ids = ops.parameter([-1, -1], np.int32, name="ids")
        mask = ops.parameter([-1, -1], np.float32, name="mask")
        padding = ops.multiply(ops.subtract(_scalar(1), ops.unsqueeze(mask, _integers(1, 2))), _scalar(MASKED))
        x = self._embeddings(ids)
        for layer in range(N_LAYERS):
            x = self._block(x, padding, f"encoder.layer.{layer}.")
        # Unit length makes dividing by the number of tokens superfluous: the sum points where the mean does.
        pooled = ops.reduce_sum(ops.multiply(x, ops.unsqueeze(mask, _integers(2))), _integers(1))
        vectors = ops.normalize_l2(pooled, _integers(1), 1e-24, "max")
        return Model([ops.result(vectors)], [ids, mask], "all-MiniLM-L6-v2")

    def _embeddings(self, ids: Node) -> Node:
        position = self._tensors["embeddings.position_embeddings.weight"][:MAX_TOKENS]
        # There is one segment, so its embedding can be part of the position's.
        position = position + self._tensors["embeddings.token_type_embeddings.weight"][0]
        length = ops.gather(ops.shape_of(ids), _integers(1), _integers(0))
        positions = ops.slice(ops.constant(position), _integers(0), length, _integers(1), _integers(0))
        words = ops.gather(self._constant("embeddings.word_embeddings.weight"), ids, _integers(0))
        return self._layer_norm(ops.add(words, positions), "embeddings.LayerNorm")

    def _block(self, x: Node, padding: Node, name: str) -> Node:
        context = self._linear(self._attention(x, padding, name + "attention.self."), name + "attention.output.dense")
        x = self._layer_norm(ops.add(context, x), name + "attention.output.LayerNorm")
        hidden = ops.gelu(self._linear(x, name + "intermediate.dense"), "erf")
        return self._layer_norm(ops.add(self._linear(hidden, name + "output.dense"), x), name + "output.LayerNorm")

    def _attention(self, x: Node, padding: Node, name: str) -> Node:
        # Spelled out: `scaled_dot_product_attention` was up to a tenth slower here.
        size = self._dimensions // N_HEADS
        query, key, value = (
            ops.transpose(
                ops.reshape(self._linear(x, name + part), _integers(0, 0, N_HEADS, size), True), _integers(0, 2, 1, 3)
            )
            for part in ("query", "key", "value")
        )
        scores = ops.multiply(ops.matmul(query, key, False, True), _scalar(1 / math.sqrt(size)))
        context = ops.matmul(ops.softmax(ops.add(scores, padding), -1), value, False, False)
        context = ops.transpose(context, _integers(0, 2, 1, 3))
        return ops.reshape(context, _integers(0, 0, self._dimensions), True)

    def _linear(self, x: Node, name: str) -> Node:
        product = ops.matmul(x, self._constant(name + ".weight"), False, True)
        return ops.add(product, self._constant(name + ".bias"))

    def _layer_norm(self, x: Node, name: str) -> Node:
        normal = ops.mvn(x, _integers(-1), True, LAYER_NORM_EPSILON, "INSIDE_SQRT")
        scaled = ops.multiply(normal, self._constant(name + ".weight"))
        return ops.add(scaled, self._constant(name + ".bias"))

    def _constant(self, name: str) -> Node:
        return ops.constant(self._tensors[name], shared_memory=True)


def _scalar(value: float) -> Node:
    return ops.constant(np.float32(value))


def _integers(*values: int) -> Node:
    return ops.constant(np.array(values, np.int64))
