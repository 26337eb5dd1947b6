"""Small documents of our own readers are read in the calling process; every other one is left to a worker."""

import zipfile
from io import BytesIO

import pytest

from prodgen_pipeline.clients.parsers import parse, parse_light
from prodgen_pipeline.core.configuration import ParsingConfig
from prodgen_pipeline.core.errors import DocumentRejected

CONFIG = ParsingConfig()


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("a.md", "# Leave\n\n25 days."),
        ("a.txt", "25 days."),
        ("a.csv", "day,n\nMonday,3\n"),
        ("a.json", '{"days": 25}'),
    ],
)
def test_a_light_document_is_read_as_a_worker_would_read_it(uri: str, text: str) -> None:
    assert parse_light(text.encode(), uri=uri, config=CONFIG) == parse(text.encode(), uri=uri, config=CONFIG)


def archive() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.txt", "hello")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"%PDF-1.7\n", b"<html><body><p>Hello</p></body></html>", archive(), b"word " * 100_000],
    ids=["pdf", "html", "zip", "large"],
)
def test_what_needs_a_library_or_is_large_is_left_to_a_worker_whatever_its_name(data: bytes) -> None:
    assert parse_light(data, uri="a.md", config=CONFIG) is None


def test_an_empty_file_is_rejected_here_too() -> None:
    with pytest.raises(DocumentRejected):
        parse_light(b"", uri="a.md", config=CONFIG)
