"""Render blocks as DOCX, PPTX and XLSX, byte for byte the same on every run.

Belongs here: the three zip-based formats. Does not: PDF (pdf.py), the markup (markup.py).
"""

import io
import re
import zipfile
from collections.abc import Callable

import docx
import openpyxl
import pptx
from markup import Block, Source
from openpyxl.styles import Font
from pptx.util import Inches, Pt

_MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_TITLE_SLIDE, _TITLE_AND_CONTENT, _TITLE_ONLY = 0, 1, 5
_WORD_STYLES = {"paragraph": None, "item": "List Bullet", "step": "List Number"}


def render_docx(source: Source) -> bytes:
    """Render a Word document with real headings, lists and tables."""
    document = docx.Document()
    _describe(document.core_properties, source)
    for block in source.blocks:
        if block.kind == "heading":
            document.add_heading(block.text, level=block.level)
        elif block.kind == "page_break":
            document.add_page_break()
        elif block.kind == "table":
            table = document.add_table(rows=0, cols=len(block.rows[0]), style="Table Grid")
            for row in block.rows:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
        else:
            document.add_paragraph(block.text, style=_WORD_STYLES[block.kind])
    return _fixed(document.save, source)


def render_pptx(source: Source) -> bytes:
    """Render a presentation: a title slide, then a slide per second-level heading; `Note: ` is a speaker's note."""
    presentation = pptx.Presentation()
    _describe(presentation.core_properties, source)
    for heading, content in _sections(source.blocks):
        has_table = any(block.kind == "table" for block in content)
        layout = _TITLE_SLIDE if heading.level == 1 else _TITLE_ONLY if has_table else _TITLE_AND_CONTENT
        slide = presentation.slides.add_slide(presentation.slide_layouts[layout])
        slide.shapes.title.text = heading.text
        notes = [block.text.removeprefix("Note: ") for block in content if block.text.startswith("Note: ")]
        if notes:
            slide.notes_slide.notes_text_frame.text = "\n".join(notes)
        texts = [block.text for block in content if block.text and not block.text.startswith("Note: ")]
        if texts:
            slide.placeholders[1].text_frame.text = "\n".join(texts)
        for block in content:
            if block.kind == "table":
                _add_slide_table(slide, block)
    return _fixed(presentation.save, source)


def render_xlsx(source: Source) -> bytes:
    """Render a workbook: a sheet per heading, its table under a bold, frozen header; numbers are stored as numbers."""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    _describe(workbook.properties, source)
    for heading, content in _sections(source.blocks):
        sheet = workbook.create_sheet(heading.text)
        for row in content[0].rows:
            sheet.append([_number(cell) for cell in row])
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        sheet.freeze_panes = "A2"
    return _fixed(workbook.save, source)


def _sections(blocks: tuple[Block, ...]) -> list[tuple[Block, list[Block]]]:
    """Group blocks under the heading before them."""
    sections: list[tuple[Block, list[Block]]] = []
    for block in blocks:
        if block.kind == "heading":
            sections.append((block, []))
        else:
            sections[-1][1].append(block)
    return sections


def _add_slide_table(slide: "pptx.slide.Slide", block: Block) -> None:
    n_rows, n_columns = len(block.rows), len(block.rows[0])
    frame = slide.shapes.add_table(n_rows, n_columns, Inches(0.5), Inches(1.6), Inches(9), Inches(0.4) * n_rows)
    for y, row in enumerate(block.rows):
        for x, text in enumerate(row):
            cell = frame.table.cell(y, x)
            cell.text = text
            cell.text_frame.paragraphs[0].runs[0].font.size = Pt(14)


def _number(text: str) -> int | float | str:
    if re.fullmatch(r"\d+", text):
        return int(text)
    return float(text) if re.fullmatch(r"\d+\.\d+", text) else text


def _describe(properties: object, source: Source) -> None:
    """Set title, author and time; the three libraries spell the author differently."""
    author = "creator" if hasattr(properties, "creator") else "author"
    values = {author: source.author, "title": source.title, "created": source.created_at, "modified": source.created_at}
    for name, value in values.items():
        setattr(properties, name, value)


def _fixed(save: Callable[[io.BytesIO], None], source: Source) -> bytes:
    """Save and zip again with fixed times: the libraries stamp members (and openpyxl the properties) with now."""
    saved, fixed = io.BytesIO(), io.BytesIO()
    save(saved)
    stamp = source.created_at.isoformat().encode() + b"Z"
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/core.xml":
                data = _MODIFIED.sub(rb"\g<1>" + stamp, data)
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 3
            new.writestr(info, data)
    return fixed.getvalue()
