"""What a file is, by its bytes: formats, encodings, and everything that is turned away before any reader sees it."""

import contextlib
import io
import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.clients.parsers import parse
from prodgen_pipeline.clients.parsers.archives import ooxml_format
from prodgen_pipeline.clients.parsers.content import Format, storable
from prodgen_pipeline.clients.parsers.decoding import decode
from prodgen_pipeline.clients.parsers.detection import detect, text_format
from prodgen_pipeline.core.configuration import ParsingConfig
from prodgen_pipeline.core.errors import DocumentRejected

CONFIG = ParsingConfig()


def reason_for(data: bytes, uri: str = "file.bin", config: ParsingConfig = CONFIG) -> str:
    with pytest.raises(DocumentRejected) as raised:
        parse(data, uri=uri, config=config)
    return raised.value.reason


def package(**parts: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("__", "/"), data)
    return buffer.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512


def ole(stream: str) -> bytes:
    return OLE + (stream + "\0").encode("utf-16-le") + b"\0" * 64


@pytest.mark.parametrize(
    ("data", "uri", "reason"),
    [
        (b"", "a.txt", "empty"),
        (b" \n\t\r\n", "a.md", "no_text"),
        (b"\xef\xbb\xbf", "a.txt", "no_text"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "a.txt", "needs_ocr"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 40, "a.pdf", "needs_ocr"),
        (b"II*\0" + b"\1" * 40, "a", "needs_ocr"),
        (b"{\\rtf1 hello}", "a.doc", "unsupported_format"),
        (b"7z\xbc\xaf\x27\x1c" + b"\0" * 40, "a.docx", "unsupported_format"),
        (b"\x1f\x8b\x08" + b"\0" * 40, "a.gz", "unsupported_format"),
        (b"a.txt" + b"\0" * 252 + b"ustar\x0000", "a.tar", "unsupported_format"),
        (bytes(range(256)) * 20, "a.txt", "unsupported_format"),
        (b"<?xml version='1.0'?><a>text</a>", "a.xml", "unsupported_format"),
        (package(**{"a.txt": b"hello"}), "a.zip", "unsupported_format"),
        (package(mimetype=b"application/epub+zip"), "a.epub", "unsupported_format"),
        (package(mimetype=b"application/vnd.oasis.opendocument.text"), "a.odt", "unsupported_format"),
        (b"PK\x03\x04" + b"\x14\0" * 60, "a.docx", "corrupt"),
        (b"%PDF-1.7\nnothing more", "a.pdf", "corrupt"),
        (b'{"a": [1, 2', "a.json", "corrupt"),
        (b"[" * 200_000, "a.json", "corrupt"),
        (ole("EncryptedPackage"), "a.docx", "encrypted"),
        (ole("WordDocument"), "a.doc", "unsupported_format"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(data: bytes, uri: str, reason: str) -> None:
    assert reason_for(data, uri) == reason


@pytest.mark.parametrize(
    ("data", "name"),
    [(ole("WordDocument"), "DOC"), (ole("Workbook"), "XLS"), (b"{\\rtf1}", "RTF"), (package(a=b"x"), "ZIP archive")],
)
def test_an_unsupported_format_is_named(data: bytes, name: str) -> None:
    with pytest.raises(DocumentRejected, match=f"^{name} is not supported; supply the document as"):
        parse(data, uri="x", config=CONFIG)


def test_a_scan_is_told_which_package_it_needs() -> None:
    with pytest.raises(DocumentRejected, match="Tesseract"):
        parse(b"\x89PNG\r\n\x1a\n" + b"\0" * 40, uri="scan.png", config=CONFIG)


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = package(**{"[Content_Types].xml": b"<Types/>", "word__document.xml": b"\0" * 60_000_000})
    assert len(bomb) < 100_000
    assert reason_for(bomb, "bomb.docx") == "too_large"
    small = ParsingConfig(max_memory_bytes=1_000_000)
    with pytest.raises(DocumentRejected, match="unpack"):
        ooxml_format(package(**{"[Content_Types].xml": b"", "word__document.xml": b"\1" * 900_000}), "docx", small)


def test_an_encrypted_zip_part_is_encrypted() -> None:
    data = bytearray(package(**{"[Content_Types].xml": b"<Types/>", "word__document.xml": b"x"}))
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    assert reason_for(bytes(data), "a.docx") == "encrypted"


def test_limits_on_bytes_and_characters_hold() -> None:
    assert reason_for(b"x" * 11, "a.txt", ParsingConfig(max_document_bytes=10)) == "too_large"
    assert reason_for(b"x" * 11, "a.txt", ParsingConfig(max_text_chars=10)) == "too_large"
    assert parse(b"x" * 10, uri="a.txt", config=ParsingConfig(max_text_chars=10)).elements[0].text == "x" * 10


def test_the_name_chooses_only_among_text_formats() -> None:
    text = "# One\n\ntwo\n"
    assert text_format(text, "md") is Format.MARKDOWN
    assert text_format(text, "txt") is Format.TEXT
    assert text_format(text, "rst") is Format.RST
    assert detect(b"%PDF-1.4 ...", "notes.md", CONFIG).format is Format.PDF


MAIL = "From: a@example.org\nTo: b@example.org\nSubject: hello\n\nText.\n"


@pytest.mark.parametrize(
    ("text", "extension", "expected"),
    [
        ("<!DOCTYPE html><html><p>x</p></html>", "txt", Format.HTML),
        ("<html><body>x</body></html>", "md", Format.HTML),
        ('<?xml version="1.0"?><!DOCTYPE html><html/>', "", Format.HTML),
        ("<p align=center>logo</p>\n\n# Project\n", "md", Format.MARKDOWN),
        (MAIL, "txt", Format.EML),
        ("From someone Mon Jan  1\n" + MAIL, "", Format.EML),
        ("PEP: 8\nTitle: Style\nAuthor: Someone\n\nText\n", "rst", Format.RST),
        ("Note: this\nWarning: that\n\ntext", "", Format.TEXT),
        ('{"a": 1}', "", Format.JSON),
        ('{"a": 1}\n{"a": 2}\n', "txt", Format.JSON),
        ("[see below] and then", "", Format.TEXT),
        ("# A\n\ntext\n\n## B\n\n```\ncode\n```\n", "", Format.MARKDOWN),
        ("Title\n=====\n\n.. note:: x\n\n.. code:: y\n", "", Format.RST),
        ("#+TITLE: x\n#+AUTHOR: y\n* TODO z\n", "", Format.ORG),
        ("a,b\n1,2\n", "csv", Format.CSV),
        ("Just words.\n", "xyz", Format.TEXT),
    ],
)
def test_text_formats_are_told_apart(text: str, extension: str, expected: Format) -> None:
    assert text_format(text, extension) is expected


GERMAN = "Die Größe der Übung: schöne Grüße aus Köln, für 5 €."
RUSSIAN = "Договор аренды нежилого помещения заключён между сторонами на следующих условиях и действует один год. " * 3


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((GERMAN, encoding) for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252")),
        ("Plain English text in sixteen bits.", "utf-16-le"),
        ("Plain English text in sixteen bits.", "utf-16-be"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        ("住所は東京都千代田区です。電話番号を確認してください。契約の期間は一年とします。" * 3, "shift_jis"),
    ],
)
def test_text_is_decoded_in_any_encoding(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_a_declared_encoding_is_used_where_utf_8_does_not_fit() -> None:
    page = '<html><head><meta charset="iso-8859-2"></head><p>Łódź źle</p></html>'
    assert decode(page.encode("iso-8859-2")) == page
    lying = '<html><head><meta charset="shift_jis"></head><p>für</p></html>'
    assert decode(lying.encode("utf-8")) == lying


def test_line_ends_become_line_feeds() -> None:
    assert decode(b"a\r\nb\rc\n") == "a\nb\nc\n"


@given(st.text(st.characters(codec=None, exclude_categories=[])))
@settings(deadline=None, max_examples=50)
def test_storable_text_can_be_encoded_and_holds_no_nul(text: str) -> None:
    kept = storable(text)
    assert "\0" not in kept
    assert len(kept) == len(text)
    kept.encode("utf-8")


def test_nul_and_lone_surrogates_do_not_reach_the_elements() -> None:
    document = parse(json.dumps({"a": "x\0y\ud800z"}).encode(), uri="a.json", config=CONFIG)
    assert document.elements[0].text == "a: x\ufffdy\ufffdz"


@given(
    st.binary(min_size=1, max_size=400), st.sampled_from(["a.md", "a.rst", "a.org", "a.csv", "a.json", "a.txt", "a"])
)
@settings(deadline=None, max_examples=150)
def test_any_bytes_give_a_document_or_a_reason(data: bytes, uri: str) -> None:
    with contextlib.suppress(DocumentRejected):
        document = parse(data, uri=uri, config=CONFIG)
        assert document.elements
        assert all(element.text.strip() for element in document.elements)
