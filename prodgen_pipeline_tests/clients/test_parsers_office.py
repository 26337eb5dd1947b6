"""The readers that stand on libraries: DOCX, PPTX, XLSX, HTML, e-mail, PDF. The files are made here."""

import contextlib
import datetime as dt
import io
import subprocess
import sys
import zipfile

import docx
import openpyxl
import pptx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pptx.util import Inches

from prodgen_pipeline.clients.parsers import parse
from prodgen_pipeline.core.configuration import ParsingConfig
from prodgen_pipeline.core.errors import DocumentRejected
from prodgen_pipeline.core.models import ElementType, ParsedDocument

CONFIG = ParsingConfig()
TITLE, PARAGRAPH, ITEM = ElementType.TITLE, ElementType.PARAGRAPH, ElementType.LIST_ITEM
TABLE, CODE, HEADER = ElementType.TABLE, ElementType.CODE, ElementType.MAIL_HEADER


def read(data: bytes, uri: str = "x") -> ParsedDocument:
    return parse(data, uri=uri, config=CONFIG)


def pairs(document: ParsedDocument) -> list[tuple[ElementType, str]]:
    return [(element.type, element.text) for element in document.elements]


def saved(file: object) -> bytes:
    buffer = io.BytesIO()
    file.save(buffer)  # type: ignore[attr-defined]  # a document of any of the three libraries
    return buffer.getvalue()


def rewritten(data: bytes, part: str, old: bytes, new: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as package, zipfile.ZipFile(buffer, "w") as copy:
        for name in package.namelist():
            text = package.read(name)
            copy.writestr(name, text.replace(old, new) if part in ("*", name) else text)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def word_file() -> bytes:
    document = docx.Document()
    document.core_properties.title = "The property"
    document.sections[0].header.paragraphs[0].text = "Running head"
    document.add_heading("Chapter", 1)
    document.add_paragraph("The committee met on Tuesday")
    document.add_heading("Part", 2)
    document.add_paragraph("one", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for row, texts in zip(table.rows, [("Name", "Value"), ("x", "007")], strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    return saved(document)


def test_docx_becomes_typed_elements_with_headings_by_style_only(word_file: bytes) -> None:
    document = read(word_file, "a.docx")
    assert pairs(document) == [
        (ElementType.PAGE_HEADER, "Running head"),
        (TITLE, "Chapter"),
        (PARAGRAPH, "The committee met on Tuesday"),
        (TITLE, "Part"),
        (ITEM, "one"),
        (TABLE, "Name\tValue\nx\t007"),
    ]
    assert document.title == "The property"
    assert [element.level for element in document.elements if element.type is TITLE] == [1, 2]
    assert document.elements[-1].has_header


def test_a_docx_named_as_text_is_still_a_docx(word_file: bytes) -> None:
    assert read(word_file, "notes.txt").media_type.endswith("wordprocessingml.document")


def test_macro_and_template_files_are_read_like_documents(word_file: bytes) -> None:
    template = rewritten(
        word_file, "[Content_Types].xml", b"wordprocessingml.document.main", b"wordprocessingml.template.main"
    )
    assert template != word_file
    assert pairs(read(template)) == pairs(read(word_file))


def test_content_controls_and_text_boxes_lose_nothing(word_file: bytes) -> None:
    space = b'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    control = b"<w:sdt %s><w:sdtContent><w:p><w:r><w:t>in a control</w:t></w:r></w:p></w:sdtContent></w:sdt>" % space
    box = b"<w:p %s><w:r><w:t>anchor</w:t><w:pict><w:txbxContent><w:p><w:r><w:t>in a box</w:t></w:r></w:p>" % space
    box += b"</w:txbxContent></w:pict></w:r></w:p>"
    changed = rewritten(word_file, "word/document.xml", b"<w:tbl>", control + box + b"<w:tbl>")
    texts = [element.text for element in read(changed).elements]
    assert texts[-4:-1] == ["in a control", "anchor", "in a box"]


def test_a_style_derived_from_a_heading_is_a_heading() -> None:
    document = docx.Document()
    style = document.styles.add_style("House Heading", docx.enum.style.WD_STYLE_TYPE.PARAGRAPH)
    style.base_style = document.styles["Heading 2"]
    document.add_paragraph("Named by the house", style="House Heading")
    (element,) = read(saved(document)).elements
    assert (element.type, element.level) == (TITLE, 2)


def test_pptx_reads_slide_by_slide_with_notes_last() -> None:
    deck = pptx.Presentation()
    for number in (1, 2):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"Slide {number}"
        slide.placeholders[1].text = "Short body line"
        slide.notes_slide.notes_text_frame.text = f"Note {number}"
    table = deck.slides[1].shapes.add_table(2, 2, Inches(1), Inches(5), Inches(4), Inches(1)).table
    for row, texts in enumerate([("k", "v"), ("x", "1")]):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    document = read(saved(deck), "a.pptx")
    assert pairs(document) == [
        (TITLE, "Slide 1"),
        (PARAGRAPH, "Short body line"),
        (PARAGRAPH, "Note 1"),
        (TITLE, "Slide 2"),
        (PARAGRAPH, "Short body line"),
        (TABLE, "k\tv\nx\t1"),
        (PARAGRAPH, "Note 2"),
    ]
    assert [element.page for element in document.elements] == [1, 1, 1, 2, 2, 2, 2]
    assert document.n_pages == 2


@pytest.fixture(scope="module")
def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Budget"
    sheet.append(["Overview"])
    sheet.append(["id", "amount", "day", "note"])
    sheet.append(["007", 123456789.125, dt.date(2024, 1, 2), "two\nlines"])
    sheet.append([7, 0.1, None, True])
    sheet.append([])
    sheet.append(["Footer"])
    book.create_sheet("Sheet2").append(["x", "y"])
    return saved(book)


def test_xlsx_values_stay_as_they_were_stored(workbook: bytes) -> None:
    document = read(workbook, "a.xlsx")
    assert pairs(document) == [
        (TITLE, "Budget"),
        (PARAGRAPH, "Overview"),
        (TABLE, "id\tamount\tday\tnote\n007\t123456789.125\t2024-01-02\ttwo lines\n7\t0.1\t\tTRUE"),
        (PARAGRAPH, "Footer"),
        (TABLE, "x\ty"),
    ]
    assert [element.page for element in document.elements] == [1, 1, 1, 1, 2]
    assert document.elements[2].has_header
    assert document.n_pages == 2


def test_strict_workbooks_are_read(workbook: bytes) -> None:
    strict = workbook
    for kind in (b"spreadsheetml", b"officeDocument", b"drawingml"):
        old = b"http://schemas.openxmlformats.org/" + kind + b"/2006/"
        strict = rewritten(strict, "*", old, b"http://purl.oclc.org/ooxml/" + kind + b"/")
    assert strict != workbook
    assert pairs(read(strict)) == pairs(read(workbook))


def test_too_many_sheets_or_slides_are_too_large(workbook: bytes) -> None:
    with pytest.raises(DocumentRejected, match="2 sheets") as raised:
        parse(workbook, uri="a.xlsx", config=ParsingConfig(max_pages=1))
    assert raised.value.reason == "too_large"


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_a_damaged_docx_gives_a_document_or_a_reason(word_file: bytes, data: st.DataObject) -> None:
    damaged = bytearray(word_file)
    for _ in range(data.draw(st.integers(1, 20))):
        damaged[data.draw(st.integers(4, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(30, len(damaged)))])
    with contextlib.suppress(DocumentRejected):
        read(cut, "a.docx")


HTML = """<html><head><title>The page</title><script>var x;</script></head><body>
<form><h1>Head</h1><p>Prose with <b>bold</b> text.</p></form>
<details><summary>Question</summary>Answer</details>
<ul><li>one<li>two</ul>
<table role="presentation"><tr><td>
  <p>Inside a layout</p>
  <table><tr><th>k</th><th>v</th><th>w</th></tr><tr><td rowspan=2>x</td><td colspan=2>wide</td></tr>
  <tr><td>1</td><td>2</td></tr></table>
</td></tr></table>
<figure><pre><code class="language-python">x = 1
y = 2</code></pre><figcaption>Caption</figcaption></figure><div>7</div></body></html>"""


def test_html_keeps_what_stands_in_forms_details_figures_and_layouts() -> None:
    document = read(HTML.encode(), "a.html")
    assert document.title == "The page"
    assert pairs(document) == [
        (TITLE, "Head"),
        (PARAGRAPH, "Prose with bold text."),
        (PARAGRAPH, "Question"),
        (PARAGRAPH, "Answer"),
        (ITEM, "one"),
        (ITEM, "two"),
        (PARAGRAPH, "Inside a layout"),
        (TABLE, "k\tv\tw\nx\twide\t\nx\t1\t2"),
        (CODE, "x = 1\ny = 2"),
        (PARAGRAPH, "Caption"),
        (PARAGRAPH, "7"),
    ]
    assert [element.language for element in document.elements if element.type is CODE] == ["python"]


def test_html_nested_beyond_what_can_be_read_whole_is_refused() -> None:
    with pytest.raises(DocumentRejected, match="nested too deep"):
        read(b"<html>" + b"<div>" * 5_000 + b"x" + b"</div>" * 5_000 + b"<p>tail</p></html>")


def test_external_entities_are_not_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("secret") / "secret.txt"
    secret.write_text("PLANTED")
    page = f'<!DOCTYPE html [<!ENTITY e SYSTEM "file://{secret}">]><html><p>text &e; end</p></html>'
    assert "PLANTED" not in str(read(page.encode()).elements)


MAIL = b"""From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>
To: Ann <ann@example.org>,
 Bob <bob@example.org>
Subject: =?utf-8?b?R3LDvMOfZQ==?=
Date: Mon, 01 Jan 2024 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=B

--B
Content-Type: multipart/alternative; boundary=C

--C
Content-Type: text/plain

plain form
--C
Content-Type: text/html; charset=does-not-exist
Content-Transfer-Encoding: quoted-printable

<p>Sch=C3=B6ne Gr=C3=BC=C3=9Fe</p><ul><li>one</li></ul>
--C--
--B
Content-Type: application/octet-stream
Content-Disposition: attachment; filename=x.bin

ignored
--B--
"""
MAIL_PAIRS = [
    (HEADER, "From: Jörg <joerg@example.org>"),
    (HEADER, "To: Ann <ann@example.org>, Bob <bob@example.org>"),
    (HEADER, "Date: Mon, 01 Jan 2024 10:00:00 +0000"),
    (HEADER, "Subject: Grüße"),
    (PARAGRAPH, "Schöne Grüße"),
    (ITEM, "one"),
]


@pytest.mark.parametrize("encoding", ["ascii", "utf-16", "utf-16-le"])
def test_a_message_gives_its_fields_and_its_best_body(encoding: str) -> None:
    document = read(MAIL.decode("ascii").encode(encoding), "a.eml")
    assert pairs(document) == MAIL_PAIRS
    assert document.title == "Grüße"


def pdf(*pages: list[tuple[str, int, int, int, str]], image: bool = False) -> bytes:
    """A PDF of lines `(text, x, y, size, font)`, fonts F1 (plain) and F2 (bold)."""
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /%s >>"
    fonts = b"<< /F1 %s /F2 %s >>" % (font % b"Helvetica", font % b"Helvetica-Bold")
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids = []
    for lines in pages:
        text = b"".join(
            f"BT /{name} {size} Tf {x} {y} Td ({line}) Tj ET\n".encode() for line, x, y, size, name in lines
        )
        if image:
            text += b"q 100 0 0 100 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /G ID \xff EI Q\n"
        objects.append(b"<< /Length %d >> stream\n%s endstream" % (len(text), text))
        page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents %d 0 R /Resources << /Font %s >> >>"
        objects.append(page % (len(objects), fonts))
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(kids))
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    return bytes(out)


PAGE = [
    ("Annual Report", 50, 750, 24, "F1"),
    ("First paragraph of the body text, which runs on for", 50, 700, 10, "F1"),
    ("a second line and stops.", 50, 688, 10, "F1"),
    ("Section in bold", 50, 660, 10, "F2"),
    ("Second paragraph of ordinary body text in this report.", 50, 640, 10, "F1"),
    ("1. an item", 50, 628, 10, "F1"),
]


def test_pdf_lines_become_paragraphs_headings_and_items_with_pages() -> None:
    document = read(pdf(PAGE, [("Text of the second page, also of ordinary size.", 50, 700, 10, "F1")]), "a.pdf")
    assert pairs(document) == [
        (TITLE, "Annual Report"),
        (PARAGRAPH, "First paragraph of the body text, which runs on for a second line and stops."),
        (TITLE, "Section in bold"),
        (PARAGRAPH, "Second paragraph of ordinary body text in this report."),
        (ITEM, "1. an item"),
        (PARAGRAPH, "Text of the second page, also of ordinary size."),
    ]
    assert [element.level for element in document.elements if element.type is TITLE] == [1, 2]
    assert [element.page for element in document.elements] == [1, 1, 1, 1, 1, 2]
    assert (document.n_pages, document.title) == (2, "Annual Report")


def test_a_pdf_of_pictures_needs_text_recognition_and_an_empty_one_has_no_text() -> None:
    with pytest.raises(DocumentRejected, match="Tesseract") as scan:
        read(pdf([], image=True))
    assert scan.value.reason == "needs_ocr"
    with pytest.raises(DocumentRejected) as empty:
        read(pdf([]))
    assert empty.value.reason == "no_text"


def test_a_pdf_with_too_many_pages_is_too_large() -> None:
    with pytest.raises(DocumentRejected, match="2 pages"):
        parse(pdf(PAGE, PAGE), uri="a.pdf", config=ParsingConfig(max_pages=1))


def test_a_pdf_with_a_password_is_encrypted() -> None:
    lock = b"/Encrypt << /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -4 >> /ID [<00><00>] /Root" % (
        b"11" * 32,
        b"22" * 32,
    )
    with pytest.raises(DocumentRejected) as raised:
        read(pdf(PAGE).replace(b"/Root", lock))
    assert raised.value.reason == "encrypted"


OFFLINE = """
import pathlib, socket, subprocess, sys
attempts = []
def refuse(*args, **kwargs):
    attempts.append(args)
    raise OSError("no network in this test")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = subprocess.Popen.__init__ = refuse
from prodgen_pipeline.clients.parsers import parse
from prodgen_pipeline.core.configuration import ParsingConfig
for uri in ("a.html", "a.eml", "a.docx"):
    data = pathlib.Path(sys.argv[1], uri).read_bytes()
    print(len(parse(data, uri=uri, config=ParsingConfig()).elements))
print("attempts", attempts, "torch", "torch" in sys.modules)
"""


def test_nothing_is_fetched_reported_or_started(tmp_path_factory: pytest.TempPathFactory, word_file: bytes) -> None:
    folder = tmp_path_factory.mktemp("offline")
    for name, data in (("a.html", HTML.encode()), ("a.eml", MAIL), ("a.docx", word_file)):
        (folder / name).write_bytes(data)
    command = [sys.executable, "-c", OFFLINE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    assert done.stdout.split("\n")[:4] == ["11", "6", "6", "attempts [] torch False"]
