"""Render blocks as a PDF: with a text layer, or as a scan that holds nothing but a picture.

Belongs here: layout on A4 and the PDF syntax it needs. Does not: the markup (markup.py), other formats (office.py).

Nothing is compressed with zlib, whose output differs between its implementations: the bytes are the same everywhere.
"""

import random
import textwrap
from dataclasses import dataclass
from itertools import groupby

from markup import Block, Source
from PIL import Image, ImageDraw, ImageFont

_WIDTH, _HEIGHT, _MARGIN, _TOP, _BOTTOM = 595, 842, 56, 770, 64
_REGULAR, _BOLD = "F1", "F2"
#: Mean width of a Helvetica character in units of the font size, a little generous: no line may leave the page.
_CHARACTER_WIDTH = 0.52
_SCAN_WIDTH, _SCAN_HEIGHT = 1240, 1754  # A4 at 150 dots per inch


@dataclass(frozen=True, slots=True)
class _Run:
    """A piece of text at a place, in points from the lower left corner."""

    x: float
    y: float
    font: str
    size: float
    text: str


class _Layout:
    """Places blocks from top to bottom and starts pages as needed."""

    def __init__(self) -> None:
        self.pages: list[list[_Run]] = [[]]
        self._y = float(_TOP)

    def add(self, block: Block) -> None:
        if block.kind == "page_break":
            self._new_page()
        elif block.kind == "table":
            for n, row in enumerate(block.rows):
                self._add_row(row, _BOLD if n == 0 else _REGULAR, _MARGIN, _column_width(block), 9)
            self._y -= 8
        elif block.kind == "heading":
            self._y -= 6
            self._add_row(
                (block.text,), _BOLD, _MARGIN, _WIDTH - 2 * _MARGIN, 17 if block.level == 1 else 12.5, room=60
            )
            self._y -= 4
        elif block.kind == "paragraph":
            self._add_row((block.text,), _REGULAR, _MARGIN, _WIDTH - 2 * _MARGIN, 10.5)
            self._y -= 6
        else:
            self._add_row(("• " + block.text,), _REGULAR, _MARGIN + 12, _WIDTH - 2 * _MARGIN - 12, 10.5)
            self._y -= 2

    def _add_row(
        self, cells: tuple[str, ...], font: str, left: float, width: float, size: float, room: float = 0
    ) -> None:
        """Place cells side by side, each wrapped to `width`, on a new page when less than `room` points are left."""
        leading = size * 1.35
        wrapped = [textwrap.wrap(cell, int(width / (size * _CHARACTER_WIDTH))) for cell in cells]
        height = leading * max(len(lines) for lines in wrapped)
        if self._y - max(height, room) < _BOTTOM:
            self._new_page()
        for column, lines in enumerate(wrapped):
            for n, line in enumerate(lines):
                self.pages[-1].append(_Run(left + column * width, self._y - n * leading, font, size, line))
        self._y -= height

    def _new_page(self) -> None:
        self.pages.append([])
        self._y = float(_TOP)


def _column_width(table: Block) -> float:
    return (_WIDTH - 2 * _MARGIN) / len(table.rows[0])


def render_pdf(source: Source) -> bytes:
    """Render text pages in Helvetica, with the title as running header and the page number as footer."""
    layout = _Layout()
    for block in source.blocks:
        layout.add(block)
    contents = []
    for n, runs in enumerate(layout.pages, start=1):
        header = _Run(_MARGIN, 806, _REGULAR, 8, source.title)
        footer = _Run(_WIDTH / 2 - 20, 36, _REGULAR, 8, f"Page {n} of {len(layout.pages)}")
        contents.append("\n".join(_text_operator(run) for run in (header, *runs, footer)).encode("cp1252"))
    fonts = " ".join(
        f"/{name} << /Type /Font /Subtype /Type1 /BaseFont /{base} /Encoding /WinAnsiEncoding >>"
        for name, base in ((_REGULAR, "Helvetica"), (_BOLD, "Helvetica-Bold"))
    )
    return _assemble(source, contents, f"<< /Font << {fonts} >> >>".encode())


def render_scan(source: Source) -> bytes:
    """Render one page that is a black and white picture of the text, with the specks of an old scanner glass."""
    picture = Image.new("1", (_SCAN_WIDTH, _SCAN_HEIGHT), 1)
    draw, y = ImageDraw.Draw(picture), 140
    for block in source.blocks:
        font = ImageFont.load_default(size=40 if block.kind == "heading" else 26)
        for line in textwrap.wrap(("- " if block.kind == "item" else "") + block.text, 68):
            draw.text((130, y), line, fill=0, font=font)
            y += 56 if block.kind == "heading" else 38
        y += 16
    specks = random.Random(1998)  # noqa: S311 - dirt, not a secret; the seed makes every build the same
    for _ in range(400):
        picture.putpixel((specks.randrange(_SCAN_WIDTH), specks.randrange(_SCAN_HEIGHT)), 0)
    data = _run_length(picture.tobytes())
    image = (
        f"<< /Type /XObject /Subtype /Image /Width {_SCAN_WIDTH} /Height {_SCAN_HEIGHT} /ColorSpace /DeviceGray "
        f"/BitsPerComponent 1 /Filter /RunLengthDecode /Length {len(data)} >>"
    )
    page = f"{_WIDTH} 0 0 {_HEIGHT} 0 0 cm /Scan Do".encode()
    return _assemble(source, [page], b"<< /XObject << /Scan 4 0 R >> >>", _stream(image, data))


def _text_operator(run: _Run) -> str:
    escaped = run.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /{run.font} {run.size:g} Tf {run.x:.1f} {run.y:.1f} Td ({escaped}) Tj ET"


def _run_length(data: bytes) -> bytes:
    """Encode as PDF's RunLengthDecode reads it: runs as (257 - n, byte), single bytes as (0, byte), then 128."""
    encoded = bytearray()
    for byte, group in groupby(data):
        n_left = sum(1 for _ in group)
        while n_left > 0:
            n = min(n_left, 128)
            encoded += bytes((257 - n, byte)) if n > 1 else bytes((0, byte))
            n_left -= n
    return bytes(encoded) + b"\x80"


def _stream(dictionary: str, data: bytes) -> bytes:
    return dictionary.encode() + b"\nstream\n" + data + b"\nendstream"


def _assemble(source: Source, contents: list[bytes], resources: bytes, *extra: bytes) -> bytes:
    """Number the objects (catalog, pages, information, `extra`, then page and content in turn) and index them."""
    first = 4 + len(extra)
    kids = " ".join(f"{first + 2 * n} 0 R" for n in range(len(contents)))
    info = (
        f"<< /Title ({source.title}) /Author ({source.author}) /CreationDate (D:{source.created_at:%Y%m%d%H%M%S}Z) >>"
    )
    pages = f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} /MediaBox [0 0 {_WIDTH} {_HEIGHT}] /Resources "
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", pages.encode() + resources + b" >>", info.encode("cp1252"), *extra]
    for n, content in enumerate(contents):
        objects.append(f"<< /Type /Page /Parent 2 0 R /Contents {first + 2 * n + 1} 0 R >>".encode())
        objects.append(_stream(f"<< /Length {len(content)} >>", content))
    file, offsets = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(file))
        file += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    index = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = f"xref\n0 {size}\n0000000000 65535 f \n{index}trailer\n<< /Size {size} /Root 1 0 R /Info 3 0 R >>\n"
    return bytes(file) + trailer.encode() + f"startxref\n{len(file)}\n%%EOF\n".encode()
