"""The embedding model (BERT encoder, mean pooling, unit length) as an ONNX graph of ONNX Runtime's fused operators.

Only the graph: running it stands in `onnxruntime_engine`. Imported when that is; needs `onnx` (extra `gpu`).
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from onnx import (  # type: ignore[import-not-found]  # in the extra `gpu`, which is not locked
    ModelProto,
    NodeProto,
    TensorProto,
    helper,
    numpy_helper,
)

from prodgen_pipeline.clients.embedding.batching import MAX_TOKENS
from prodgen_pipeline.clients.embedding.numpy_engine import LAYER_NORM_EPSILON, N_HEADS, N_LAYERS
from prodgen_pipeline.clients.embedding.weights import Tensors

Precision = Literal["f16", "f32"]

#: Added to the scores of padding; finite in f16, where -1e9 is not (see `openvino_graph`).
MASKED = -1e4
_FUSED = "com.microsoft"
_OPSET, _IR_VERSION = 20, 9


def build_model(tensors: Tensors, precision: Precision) -> ModelProto:
    """Return the model: ids and mask (n, length) int64 -> vectors (n, dimensions) float32.

    In f16 the weights take 45 MB instead of 90; the last sum over a text is float32 in both.
    """
    return _Graph(tensors, precision).model()


class _Graph:
    """Names follow the tensors' names in the file."""

    def __init__(self, tensors: Tensors, precision: Precision) -> None:
        self._tensors = tensors
        self._type = np.float16 if precision == "f16" else np.float32
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}

    def model(self) -> ModelProto:
        dimensions = self._tensors["embeddings.word_embeddings.weight"].shape[1]
        mask = self._node("Cast", ["mask"], to=TensorProto.INT32)
        x = self._embeddings()
        for layer in range(N_LAYERS):
            x = self._block(x, mask, f"encoder.layer.{layer}.")
        self._pool(x)
        inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["n", "length"]) for n in ("ids", "mask")]
        output = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", dimensions])
        constants = list(self._constants.values())
        graph = helper.make_graph(self._nodes, "all-MiniLM-L6-v2", inputs, [output], constants)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)

    def _embeddings(self) -> str:
        position = self._tensors["embeddings.position_embeddings.weight"][:MAX_TOKENS]
        # There is one segment, so its embedding can be part of the position's.
        position = position + self._tensors["embeddings.token_type_embeddings.weight"][0]
        length = self._node("Shape", ["ids"], start=1, end=2)
        zero = self._integers("zero", 0)
        positions = self._node("Slice", [self._weight("positions", position), zero, length, zero])
        words = self._node("Gather", [self._tensor("embeddings.word_embeddings.weight"), "ids"])
        total, name = self._node("Add", [words, positions]), "embeddings.LayerNorm"
        scale, bias = self._tensor(name + ".weight"), self._tensor(name + ".bias")
        return self._node("LayerNormalization", [total, scale, bias], axis=-1, epsilon=LAYER_NORM_EPSILON)

    def _block(self, x: str, mask: str, name: str) -> str:
        attention, output = name + "attention.self.", name + "attention.output."
        weight, bias = (
            self._weight(attention + part, np.concatenate([self._projection(attention, p, part) for p in _QKV], -1))
            for part in ("weight", "bias")
        )
        context = self._fused("Attention", [x, weight, bias, mask], num_heads=N_HEADS, mask_filter_value=MASKED)
        x = self._add_and_normalise(self._product(context, output + "dense"), x, output)
        hidden = self._product(x, name + "intermediate.dense")
        hidden = self._fused("BiasGelu", [hidden, self._tensor(name + "intermediate.dense.bias")])
        return self._add_and_normalise(self._product(hidden, name + "output.dense"), x, name + "output.")

    def _pool(self, x: str) -> None:
        # Unit length makes dividing by the number of tokens superfluous: the sum points where the mean does.
        wide = self._node("Cast", [x], to=TensorProto.FLOAT)
        kept = self._node("Unsqueeze", [self._node("Cast", ["mask"], to=TensorProto.FLOAT), self._integers("two", 2)])
        pooled = self._node("ReduceSum", [self._node("Mul", [wide, kept]), self._integers("one", 1)], keepdims=0)
        self._nodes.append(helper.make_node("LpNormalization", [pooled], ["vectors"], axis=-1, p=2))

    def _projection(self, name: str, projection: str, part: str) -> NDArray[np.float32]:
        return self._tensors[f"{name}{projection}.{part}"].T

    def _product(self, x: str, name: str) -> str:
        return self._node("MatMul", [x, self._weight(name + ".transposed", self._tensors[name + ".weight"].T)])

    def _add_and_normalise(self, x: str, skipped: str, name: str) -> str:
        norm = name + "LayerNorm"
        inputs = [x, skipped, self._tensor(norm + ".weight"), self._tensor(norm + ".bias")]
        inputs.append(self._tensor(name + "dense.bias"))
        return self._fused("SkipLayerNormalization", inputs, epsilon=LAYER_NORM_EPSILON)

    def _fused(self, operator: str, inputs: list[str], **attributes: float) -> str:
        return self._node(operator, inputs, domain=_FUSED, **attributes)

    def _node(self, operator: str, inputs: list[str], domain: str = "", **attributes: float) -> str:
        output = f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **attributes))
        return output

    def _tensor(self, name: str) -> str:
        return self._weight(name, self._tensors[name])

    def _weight(self, name: str, values: NDArray[np.float32]) -> str:
        return self._constant(name, np.ascontiguousarray(values.astype(self._type)))

    def _integers(self, name: str, *values: int) -> str:
        return self._constant(name, np.array(values, np.int64))

    def _constant(self, name: str, values: NDArray[np.generic]) -> str:
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(values, name)
        return name


_QKV = ("query", "key", "value")
