"""The bulk embedding engine: the model compiled by OpenVINO for this processor, batches side by side on its threads.

The graph stands in `openvino_graph`, what goes into a batch in `batching`. Not imported until it is used: importing and
compiling take a good half second.
"""

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prodgen_pipeline.clients.embedding.batching import Batch, length_sorted_batches, model_ids
from prodgen_pipeline.clients.embedding.results import Cost, EmbeddedBatch
from prodgen_pipeline.clients.embedding.weights import Tensors
from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer

# `import openvino` reports itself to Google Analytics and writes a client id into the home folder, unasked, as long as
# its conversion tools can be imported. This product reaches for no network, and does not need them (nor their 0.2 s).
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: "cannot be imported"
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]  # same

import openvino  # noqa: E402  # after the two lines above

from prodgen_pipeline.clients.embedding.openvino_graph import build_graph  # noqa: E402  # imports openvino

Precision = Literal["bf16", "f32"]
_Running = tuple[openvino.InferRequest, Batch]

#: Batches computed side by side. One thread each wastes the least; more of them than this would cost memory.
MAX_STREAMS = 8


class OpenVinoEmbedder:
    """Embeds texts on the processor; safe to call from several threads."""

    def __init__(
        self, tensors: Tensors, tokenizer: WordPieceTokenizer, *, threads: int, precision: Precision | None = None
    ) -> None:
        self.precision: str = precision or fastest_precision()
        self.dimensions = tensors["embeddings.word_embeddings.weight"].shape[1]
        self._tokenizer = tokenizer
        self._tensors = tensors  # the compiled model reads from them
        streams = min(threads, MAX_STREAMS)
        model = openvino.Core().compile_model(
            build_graph(tensors),
            "CPU",
            {
                # Left alone, it takes bf16 wherever the processor knows it, silently.
                "INFERENCE_PRECISION_HINT": self.precision,
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": streams,
                # Several processes would pin themselves to the same cores.
                "ENABLE_CPU_PINNING": False,
            },
        )
        self._idle: SimpleQueue[openvino.InferRequest] = SimpleQueue()
        for _ in range(streams):
            self._idle.put(model.create_infer_request())

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, dimensions) float32 unit vectors in the order of the texts.

        Another thread's call may have to wait until this one is over.
        """
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for batch in self.embed_batches(texts):
            vectors[batch.positions] = batch.vectors
        return vectors

    def embed_batches(self, texts: Sequence[str]) -> Iterator[EmbeddedBatch]:
        """Yield vectors batch by batch, longest texts first.

        The engine is held until the iterator is through or closed: what takes long between two batches makes other
        threads wait.
        """
        running: deque[_Running] = deque()
        with ExitStack() as taken:
            for batch in length_sorted_batches([model_ids(self._tokenizer.ids(text)) for text in texts]):
                request = self._idle_request(taken, block=not running)
                if request is None:
                    done = running.popleft()
                    yield _collect(done)
                    request = done[0]
                request.start_async({"ids": batch.ids, "mask": batch.mask}, share_inputs=True)
                running.append((request, batch))
            while running:
                yield _collect(running.popleft())

    def _idle_request(self, taken: ExitStack, *, block: bool) -> openvino.InferRequest | None:
        """Take an idle request; who has some running (`block` false) gets None where there is none, else waits."""
        try:
            request = self._idle.get(block=block)
        except Empty:
            return None
        taken.callback(self._give_back, request)
        return request

    def _give_back(self, request: openvino.InferRequest) -> None:
        try:
            request.wait()  # returns at once unless an error left it running
        finally:
            self._idle.put(request)


def fastest_precision() -> Precision:
    """Return bf16 where the processor multiplies it in matrix tiles (AMX), else f32.

    Chunks of 256 tokens per CPU-second: 63 in bf16 and 21 in f32 with AMX, but 12 and 20 with avx512_bf16 alone.
    OpenVINO calls both "BF16", so the flag is read here.
    """
    cpuinfo = Path("/proc/cpuinfo")
    return "bf16" if cpuinfo.is_file() and " amx_bf16" in cpuinfo.read_text() else "f32"


def _collect(done: _Running) -> EmbeddedBatch:
    """Wait for a batch and copy its vectors, so that its request is free for the next."""
    request, batch = done
    request.wait()
    vectors = request.get_output_tensor(0).data.copy()
    return EmbeddedBatch(positions=batch.rows, vectors=vectors, cost=Cost(n_tokens=int(batch.mask.sum()), usd=0.0))
