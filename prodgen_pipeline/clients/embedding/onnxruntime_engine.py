"""The bulk embedding engine on an NVIDIA GPU: the model run by ONNX Runtime, one large batch after the other.

Needs the extra `gpu` (onnxruntime-gpu, onnx), which is not among the locked dependencies; not imported without it.
Tried: on the processor (CPUExecutionProvider, f32 and f16, lowest cosine to the numpy engine .999998), and
onnxruntime-gpu on a machine without a GPU, where it is passed over or, if demanded, refused. Not tried: on a GPU, for
there was none; neither its speed nor f16's quality there is known. `bench engine` says both where there is one.
"""

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import onnxruntime  # type: ignore[import-not-found]  # in the extra `gpu`, which is not locked
from numpy.typing import NDArray

from prodgen_pipeline.clients.embedding.batching import length_sorted_batches, model_ids
from prodgen_pipeline.clients.embedding.onnx_graph import Precision, build_model
from prodgen_pipeline.clients.embedding.results import Cost, EmbeddedBatch
from prodgen_pipeline.clients.embedding.weights import Tensors
from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer
from prodgen_pipeline.core.errors import ConfigurationError

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
#: A GPU wants far more in a batch than a processor, which is fastest with 8.
MAX_BATCH_TEXTS = 256
MAX_BATCH_TOKENS = 32_768
_FATAL = 4


class OnnxRuntimeEmbedder:
    """Embeds texts through one ONNX Runtime provider; safe to call from several threads."""

    def __init__(
        self,
        tensors: Tensors,
        tokenizer: WordPieceTokenizer,
        *,
        provider: str = CUDA,
        precision: Precision = "f16",
        threads: int = 0,
    ) -> None:
        """`threads` 0 leaves their number to ONNX Runtime.

        Raises:
            ConfigurationError: the provider cannot run here.
        """
        self.precision: str = precision
        self.dimensions = tensors["embeddings.word_embeddings.weight"].shape[1]
        self._tokenizer = tokenizer
        self._lock = threading.Lock()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # It prints what it cannot load; what to do about it is said below, once.
        options.log_severity_level = _FATAL
        model = build_model(tensors, precision).SerializeToString()
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=list(dict.fromkeys((provider, CPU))))
        except Exception as error:  # the library has no class for "the device has no memory left"
            raise ConfigurationError(f"ONNX Runtime cannot load the model on {provider} ({error})") from error
        # Without the GPU's libraries it takes the processor, silently.
        if self._session.get_providers()[0] != provider:
            raise ConfigurationError(
                f"ONNX Runtime cannot use {provider} here: install the GPU's driver and the CUDA libraries that "
                f'onnxruntime-gpu {onnxruntime.__version__} wants, or set embedding_service.device = "cpu"'
            )

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, dimensions) float32 unit vectors in the order of the texts."""
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for batch in self.embed_batches(texts):
            vectors[batch.positions] = batch.vectors
        return vectors

    def embed_batches(self, texts: Sequence[str]) -> Iterator[EmbeddedBatch]:
        """Yield vectors batch by batch, longest texts first."""
        sequences = [model_ids(self._tokenizer.ids(text)) for text in texts]
        for batch in length_sorted_batches(sequences, max_texts=MAX_BATCH_TEXTS, max_tokens=MAX_BATCH_TOKENS):
            ids = {"ids": batch.ids.astype(np.int64), "mask": batch.mask.astype(np.int64)}
            # One batch fills a GPU; two at a time would only need twice its memory.
            with self._lock:
                [vectors] = self._session.run(["vectors"], ids)
            yield EmbeddedBatch(
                positions=batch.rows, vectors=vectors, cost=Cost(n_tokens=int(batch.mask.sum()), usd=0.0)
            )


def gpu_is_there() -> bool:
    """Whether this ONNX Runtime was built for NVIDIA GPUs; whether one can be used shows when the engine is made."""
    return CUDA in onnxruntime.get_available_providers()
