"""The body of an answer to /v1/embeddings, read with suspicion: one finite unit vector a text, or a named failure.

Pure. Nothing of the body gets into a message: a rude endpoint quotes the texts.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prodgen_pipeline.clients.embedding.endpoint.failures import BadVectors, NotNumbers, TryLater, WrongLength

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one request brought."""

    #: (n_texts, dimensions) float32 unit vectors in the order of the texts.
    vectors: Vectors
    #: None where the endpoint does not count.
    n_tokens: int | None


def parse(content: bytes) -> dict[str, Any]:
    """Read the JSON object; a proxy's error page or half an answer raises TryLater."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise TryLater("it answers with what is no JSON") from None
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        raise TryLater("it answers with what is no list of embeddings")
    return body


def counted_tokens(body: dict[str, Any]) -> int | None:
    """Tokens that the endpoint says it was paid for."""
    usage = body.get("usage")
    for name in ("prompt_tokens", "total_tokens"):
        value = usage.get(name) if isinstance(usage, dict) else None
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def unit_vectors(body: dict[str, Any], n_texts: int, dimensions: int) -> Vectors:
    """Return (n_texts, dimensions) float32 unit vectors in the order of the texts.

    Numbers may come as a list or as base64 of little-endian float32, whichever was asked for.

    Raises:
        BadVectors: more or fewer than one vector a text, or an index twice, missing or out of range.
        NotNumbers: a vector is not made of numbers, not finite, or zero.
        WrongLength: a vector does not have `dimensions` numbers.
    """
    raw = _by_index(body["data"], n_texts)
    vectors = np.empty((n_texts, dimensions), np.float32)
    for row, value in enumerate(raw):
        numbers = _numbers(value)
        if len(numbers) != dimensions:
            raise WrongLength(len(numbers))
        vectors[row] = _unit(numbers)
    return vectors


def _by_index(data: list[Any], n_texts: int) -> list[Any]:
    if len(data) != n_texts:
        raise BadVectors(f"{len(data)} vectors for {n_texts} texts")
    by_index: dict[int, Any] = {}
    for item in data:
        index = item.get("index") if isinstance(item, dict) else None
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < n_texts:
            raise BadVectors("a vector without a valid index")
        if index in by_index:
            raise BadVectors(f"two vectors with the index {index}")
        by_index[index] = item.get("embedding")
    return [by_index[index] for index in range(n_texts)]


def _numbers(value: object) -> Vectors:
    # A number beyond float32 becomes infinite, which `_unit` refuses.
    with np.errstate(over="ignore"):
        try:
            if isinstance(value, str):
                return np.frombuffer(base64.b64decode(value, validate=True), np.dtype("<f4")).astype(np.float32)
            if not isinstance(value, list) or not all(type(number) in (int, float) for number in value):
                raise NotNumbers("a vector that is not made of numbers")
            return np.array(value, np.float64).astype(np.float32)
        except (binascii.Error, ValueError, OverflowError):
            raise NotNumbers("a vector that is not made of numbers") from None


def _unit(numbers: Vectors) -> Vectors:
    # In double precision: the squares of small float32 numbers would vanish.
    wide = numbers.astype(np.float64)
    length = np.linalg.norm(wide)
    if not np.isfinite(length):
        raise NotNumbers("a vector with NaN or infinity in it")
    if length == 0:
        raise NotNumbers("a vector of zeros")
    return (wide / length).astype(np.float32)
