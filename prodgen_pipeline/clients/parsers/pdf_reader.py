"""PDF with text through pypdfium2: paragraphs and headings from the place and size of the lines, with page numbers.

Not through unstructured, whose PDF reader needs pdfminer, OpenCV and, for its extra, torch. Tables and columns keep
the order of the file and have no structure yet; pages that are only pictures need text recognition.
"""

import ctypes
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from prodgen_pipeline.clients.parsers.content import Content, limit_pages, list_item, paragraph, reject, title
from prodgen_pipeline.core.models import Element, ParsedDocument, QuarantineReason

LIBRARY = "pypdfium2"

#: With fewer visible characters per page than this, on average, a document with pictures is a scan.
_MIN_CHARS_PER_PAGE = 16
#: A line this much larger than the body's is a heading.
_HEADING_SCALE = 1.15
_MAX_HEADING_CHARS = 200
_MAX_BOLD_HEADING_CHARS = 120
#: In a document with more bold text than this, bold tells nothing.
_MAX_BOLD_SHARE = 0.3
_SAME_SIZE = 0.93
#: A gap between base lines larger than this times the usual one starts a paragraph.
_GAP_SCALE = 1.35
_ITEM = re.compile(r"(?:[•‣◦▪●○■□·\uf0b7\uf0a7]|[-–*]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+(?=\S)")
_BULLET = re.compile(r"(?:[•‣◦▪●○■□·\uf0b7\uf0a7]|[-–*])\s+")
_FILE_NAME_TITLE = re.compile(
    r"(?:.*\.\w{2,4}|untitled.*|slide \d+|powerpoint presentation|microsoft \w+ - .*|.{0,3})$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One line of a page: places and size in points, `bottom` counted upwards from the page's edge."""

    text: str
    left: float
    bottom: float
    right: float
    size: float
    #: Its first and its last character are in a bold font.
    is_bold: bool


def read(content: Content) -> ParsedDocument:
    """Elements in the order of the file's text.

    Raises:
        DocumentRejected: `encrypted`, `needs_ocr`, `no_text`, `corrupt`, `too_large`.
    """
    with _opened(content.data) as document:
        limit_pages(len(document), content.config)
        pages = [_lines(document, number) for number in range(len(document))]
        n_chars = sum(len(line.text.replace(" ", "")) for page in pages for line in page)
        if n_chars < _MIN_CHARS_PER_PAGE * max(len(pages), 1) and _has_picture(document):
            message = "This PDF is a scan and needs text recognition (package: Tesseract), which is not available."
            reject(QuarantineReason.NEEDS_OCR, message)
        if not n_chars:
            reject(QuarantineReason.NO_TEXT, "This PDF holds no text and no picture of any.")
        heading = document.get_metadata_dict().get("Title", "").strip()
    style = _style(pages)
    elements = tuple(
        element for number, page in enumerate(pages, start=1) for element in _elements(page, number, style)
    )
    return ParsedDocument(
        elements=elements, title=None if _FILE_NAME_TITLE.match(heading) else heading, n_pages=len(pages)
    )


def _opened(data: bytes) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            reject(QuarantineReason.ENCRYPTED, "This PDF is encrypted; supply a copy that opens without a password.")
        raise


def _lines(document: pdfium.PdfDocument, number: int) -> list[_Line]:
    """The lines of one page. A page that cannot be loaded rejects the document: its text would be missing unseen."""
    try:
        page = document[number]
    except pdfium.PdfiumError:
        reject(QuarantineReason.CORRUPT, f"Page {number + 1} of this PDF is damaged; supply an intact copy.")
    text_page = page.get_textpage()
    try:
        return list(_page_lines(text_page))
    finally:
        text_page.close()
        page.close()


def _page_lines(text_page: pdfium.PdfTextPage) -> Iterator[_Line]:
    """Cut the page's characters at the line ends that pdfium finds; outer characters give a line's place."""
    n_chars = text_page.count_chars()
    if n_chars <= 0:
        return
    units = (ctypes.c_ushort * (n_chars * 2 + 2))()
    n_units = pdfium_c.FPDFText_GetText(text_page, 0, n_chars, units)
    raw = bytes(memoryview(units).cast("B")[: max(n_units - 1, 0) * 2]).decode("utf-16-le", "replace")
    at = 0
    for line in re.split("\r\n|\r|\n", raw):
        yield from _line(text_page, line, raw, at)
        at += len(line)
        at += 2 if raw[at : at + 2] == "\r\n" else 1


def _line(text_page: pdfium.PdfTextPage, line: str, raw: str, at: int) -> Iterator[_Line]:
    visible = line.strip()
    if not visible:
        return
    start = at + line.index(visible[0])
    end = start + len(visible) - 1
    first, last = _box(text_page, start), _box(text_page, end)
    middle = _box(text_page, (start + end) // 2)
    yield _Line(
        text=_clean(visible),
        left=first[0],
        bottom=min(first[1], middle[1]),
        right=last[2],
        size=round(max(first[3] - first[1], middle[3] - middle[1]), 1),
        is_bold=_is_bold(text_page, start) and _is_bold(text_page, end),
    )


def _box(text_page: pdfium.PdfTextPage, index: int) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of a character's line box; zeros where pdfium knows none."""
    box = pdfium_c.FS_RECTF()
    found = pdfium_c.FPDFText_GetLooseCharBox(text_page, index, box)
    return (box.left, box.bottom, box.right, box.top) if found else (0.0, 0.0, 0.0, 0.0)


_BOLD = re.compile(rb"bold|black|heavy|semibd|demi|medi$|cmbx|sfbx|[-,]bd", re.IGNORECASE)
_FONT_NAME_BYTES = 128


def _is_bold(text_page: pdfium.PdfTextPage, index: int) -> bool:
    """By the font's name: its declared weight is wrong or missing as often as right."""
    name = ctypes.create_string_buffer(_FONT_NAME_BYTES)
    flags = ctypes.c_int()
    length = pdfium_c.FPDFText_GetFontInfo(text_page, index, name, _FONT_NAME_BYTES, flags)
    return 0 < length <= _FONT_NAME_BYTES and _BOLD.search(name.value) is not None


def _clean(text: str) -> str:
    """Keep the line end where pdfium joins a word cut at a line's end, marked U+FFFE or U+0002; cleaning decides."""
    return re.sub("[\ufffe\x02]", "-\n", text)


def _has_picture(document: pdfium.PdfDocument) -> bool:
    """True when one of the first pages shows a picture."""
    for number in range(min(len(document), 20)):
        page = document[number]
        if any(True for _ in page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE], max_depth=5)):
            return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Style:
    """How a document sets its headings."""

    #: Sizes clearly above the one that most characters have, largest first; those nearly equal are one level.
    levels: dict[float, int]
    body_size: float
    #: Bold lines of the body's size are headings, unless the body is bold itself.
    bold_is_heading: bool


def _style(pages: Sequence[Sequence[_Line]]) -> _Style:
    weights: Counter[float] = Counter()
    n_bold = 0
    for page in pages:
        for line in page:
            weights[line.size] += len(line.text)
            n_bold += len(line.text) if line.is_bold else 0
    body = max(weights, key=lambda size: weights[size], default=0.0)
    levels: dict[float, int] = {}
    level, above = 0, float("inf")
    for size in sorted((size for size in weights if size > body * _HEADING_SCALE), reverse=True):
        if size < above * _SAME_SIZE:
            level, above = level + 1, size
        levels[size] = level
    return _Style(levels=levels, body_size=body, bold_is_heading=n_bold < weights.total() * _MAX_BOLD_SHARE)


def _level(group: Sequence[_Line], text: str, style: _Style) -> int | None:
    """The heading level of a group of lines; None for body text."""
    if len(text) > _MAX_HEADING_CHARS or not any(map(str.isalpha, text)):
        return None
    if group[0].size in style.levels:
        return style.levels[group[0].size]
    is_short_bold = (
        style.bold_is_heading and len(text) <= _MAX_BOLD_HEADING_CHARS and all(line.is_bold for line in group)
    )
    is_body_size = group[0].size >= style.body_size * _SAME_SIZE
    if is_short_bold and is_body_size and not text.endswith((".", ":", ",", ";")):
        return max(style.levels.values(), default=0) + 1
    return None


def _elements(lines: Sequence[_Line], page: int, style: _Style) -> Iterator[Element]:
    for group in _groups(lines):
        text = _joined(group)
        level = _level(group, text, style)
        if level is not None:
            yield title(text.replace("-\n", "-"), level, page)
        elif _ITEM.match(text):
            yield list_item(_BULLET.sub("", text, count=1), page)
        else:
            yield paragraph(text, page)


def _groups(lines: Sequence[_Line]) -> Iterator[list[_Line]]:
    """Lines that belong to one paragraph."""
    gap = _usual_gap(lines)
    group: list[_Line] = []
    for line in lines:
        if group and _starts_paragraph(group, line, gap):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _usual_gap(lines: Sequence[_Line]) -> float:
    gaps = [round(above.bottom - below.bottom, 1) for above, below in zip(lines, lines[1:], strict=False)]
    near = [gap for gap, line in zip(gaps, lines, strict=False) if 0 < gap < 3 * max(line.size, 1)]
    return Counter(near).most_common(1)[0][0] if near else 0.0


def _starts_paragraph(group: Sequence[_Line], line: _Line, gap: float) -> bool:
    """True when the line does not go on with the group: another row, size, weight or indentation, or a list item."""
    above = group[-1]
    step = above.bottom - line.bottom
    if abs(step) < 0.6 * max(above.size, line.size) and line.left > above.left:
        # The same row: a superscript, or the next cell of something like a table.
        return line.left > above.right + 3 * max(above.size, line.size)
    if step < 0 or step > max(gap, above.size) * _GAP_SCALE:
        return True
    if abs(line.size - above.size) > 0.1 * above.size or line.is_bold != above.is_bold or _ITEM.match(line.text):
        return True
    return _is_last_of_paragraph(group, line) or _is_indented(group, line)


def _is_last_of_paragraph(group: Sequence[_Line], line: _Line) -> bool:
    """True when the line above ends a sentence well before the right edge."""
    above = group[-1]
    left = min(member.left for member in group)
    right = max(line.right, *(member.right for member in group))
    return above.right < left + 0.8 * (right - left) and above.text.endswith((".", ":", "!", "?"))


def _is_indented(group: Sequence[_Line], line: _Line) -> bool:
    """True for a first line that stands further right than the text above; an item's own lines do as well."""
    above = group[-1]
    return line.left > above.left + above.size and len(group) > 1 and not _ITEM.match(group[0].text)


def _joined(lines: Sequence[_Line]) -> str:
    """One text on one line, but for the line ends within words that were cut."""
    return " ".join(re.sub(r"[^\S\n]+", " ", line.text) for line in lines)
