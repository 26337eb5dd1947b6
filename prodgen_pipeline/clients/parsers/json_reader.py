"""JSON and JSON Lines: records as tables where they are uniform, else one paragraph of `path: value` lines per object.

A light reader: unstructured only reads JSON that it has written itself.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from prodgen_pipeline.clients.parsers.content import Content, paragraph, reject, table
from prodgen_pipeline.core.models import Element, ParsedDocument, QuarantineReason

LIBRARY = "json"

#: A string longer than this is a text of its own, not a field of a record.
_LONG_CHARS = 200


def read(content: Content) -> ParsedDocument:
    """Elements in the order of the document.

    Raises:
        DocumentRejected: `corrupt` when it is neither JSON nor JSON Lines.
    """
    found = values(content.text)
    if found is None:
        reject(QuarantineReason.CORRUPT, "This is neither JSON nor JSON Lines; supply an intact copy.")
    root = found[0] if len(found) == 1 else found
    return ParsedDocument(elements=tuple(_elements(root, "")), title=_title(root))


def values(text: str) -> list[Any] | None:
    """The document's value, or its lines' values; None when the text is neither JSON nor JSON Lines."""
    try:
        return [json.loads(text)]
    except RecursionError:  # nested thousands deep
        return None
    except ValueError:
        pass
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) < 2 or not all(line.lstrip()[0] in "{[" for line in lines):
        return None
    try:
        return [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        return None


def _title(root: object) -> str | None:
    title = root.get("title") if isinstance(root, dict) else None
    return title if isinstance(title, str) else None


def _elements(value: object, path: str) -> Iterator[Element]:
    if isinstance(value, list):
        yield from _list_elements(value, path)
    elif isinstance(value, dict):
        yield from _object_elements(value, path)
    elif (text := _scalar(value)) is not None:
        yield paragraph(f"{path}: {text}" if path else text)


def _list_elements(items: list[Any], path: str) -> Iterator[Element]:
    keys = _uniform_keys(items)
    if keys:
        rows = [[_scalar(item[key]) or "" for key in keys] for item in items]
        yield table([keys, *rows], has_header=True)
    elif all(_is_field(item) for item in items):
        joined = ", ".join(text for item in items if (text := _scalar(item)) is not None)
        yield paragraph(f"{path}: {joined}" if path else joined)
    else:
        for item in items:
            yield from _elements(item, path)


def _object_elements(record: dict[str, Any], path: str) -> Iterator[Element]:
    """One paragraph of the object's own short fields, then its long texts, objects and lists in order."""
    names = {key: f"{path}.{key}" if path else key for key in record}
    lines = [
        f"{names[key]}: {_scalar(value)}" for key, value in record.items() if _is_field(value) and value is not None
    ]
    if lines:
        yield paragraph("\n".join(lines))
    for key, value in record.items():
        if not _is_field(value):
            yield from _elements(value, names[key])


def _uniform_keys(items: Sequence[Any]) -> list[str] | None:
    """The keys that every one of at least two flat objects has, in order; None for anything else."""
    first = items[0] if len(items) > 1 else None
    if not isinstance(first, dict) or not first:
        return None
    keys = first.keys()
    uniform = all(
        isinstance(item, dict) and item.keys() == keys and all(map(_is_field, item.values())) for item in items
    )
    return list(first) if uniform else None


def _is_field(value: object) -> bool:
    return not isinstance(value, dict | list) and not (isinstance(value, str) and len(value) > _LONG_CHARS)


def _scalar(value: object) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value)
