"""What is inside a ZIP or OLE container, found without unpacking it: which format it is, and whether it is a bomb.

Recognising everything that is not a container is `detection`'s; reading the parts is the readers'.
"""

import io
import zipfile
from typing import NoReturn

from prodgen_pipeline.clients.parsers.content import Format, reject
from prodgen_pipeline.core.configuration import ParsingConfig
from prodgen_pipeline.core.models import QuarantineReason

#: OOXML beyond these is a bomb: real workbooks of repetitive cells reach about 100 to 1 and some thousand parts.
_MAX_RATIO = 200
_MAX_PARTS = 20_000
#: Below this size a high ratio harms nobody.
_RATIO_APPLIES_ABOVE_BYTES = 20_000_000

_OOXML_ROOTS = (("word/", Format.DOCX), ("ppt/", Format.PPTX), ("xl/", Format.XLSX))
#: The `mimetype` part of formats that are ZIP files and have no reader yet.
_MIMETYPES = (
    (b"application/epub+zip", "EPUB"),
    (b"application/vnd.oasis.opendocument.text", "ODT"),
    (b"application/vnd.oasis.opendocument.spreadsheet", "ODS"),
    (b"application/vnd.oasis.opendocument.presentation", "ODP"),
    (b"application/vnd.oasis.opendocument", "OpenDocument"),
)
#: Names of OLE streams, as the container's directory spells them, and the format they give away.
_OLE_STREAMS = (
    ("WordDocument", "DOC"),
    ("Workbook", "XLS"),
    ("Book", "XLS"),
    ("PowerPoint Document", "PPT"),
    ("__properties_version1.0", "MSG"),
    ("VisioDocument", "VSD"),
)


def ooxml_format(data: bytes, extension: str, config: ParsingConfig) -> Format:
    """The OOXML format of a ZIP file that is safe to unpack.

    Raises:
        DocumentRejected: `corrupt`, `encrypted`, `too_large`, or `unsupported_format` naming what the container is.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            mimetype = archive.read("mimetype")[:200] if _has_mimetype(parts) else b""
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, ValueError, OSError) as error:
        name = extension.upper() if extension in ("docx", "pptx", "xlsx") else "ZIP"
        message = f"This {name} file is damaged or cut short ({type(error).__name__}); supply an intact copy."
        reject(QuarantineReason.CORRUPT, message)
    for signature, name in _MIMETYPES:
        if mimetype.startswith(signature):
            reject_unsupported(name)
    found = _by_parts(parts)
    _refuse_bombs(parts, len(data), config)
    if any(part.flag_bits & 1 for part in parts):
        reject(QuarantineReason.ENCRYPTED, f"This {found} file is encrypted; supply a copy without a password.")
    return found


def _has_mimetype(parts: list[zipfile.ZipInfo]) -> bool:
    """True for a small, readable `mimetype` part, where OpenDocument and EPUB state their type."""
    return any(part.filename == "mimetype" and part.file_size < 200 and not part.flag_bits & 1 for part in parts)


def _by_parts(parts: list[zipfile.ZipInfo]) -> Format:
    names = {part.filename.replace("\\", "/").lstrip("/") for part in parts}
    if "xl/workbook.bin" in names:
        reject_unsupported("XLSB")
    if any(name.lower().endswith(".fdseq") for name in names):
        reject_unsupported("XPS")
    if "[Content_Types].xml" in names:
        for root, found in _OOXML_ROOTS:
            if any(name.startswith(root) for name in names):
                return found
        reject_unsupported("Office theme or unknown OOXML")
    reject_unsupported("ZIP archive")


def _refuse_bombs(parts: list[zipfile.ZipInfo], n_bytes: int, config: ParsingConfig) -> None:
    """Judge by the declared sizes: `zipfile` never unpacks more than a part declares."""
    declared = sum(part.file_size for part in parts)
    ratio = declared / max(n_bytes, 1)
    if len(parts) > _MAX_PARTS:
        reject(QuarantineReason.TOO_LARGE, f"The container has {len(parts):,} parts, more than {_MAX_PARTS:,}.")
    if declared > config.max_memory_bytes // 2 or (ratio > _MAX_RATIO and declared > _RATIO_APPLIES_ABOVE_BYTES):
        message = f"The container would unpack to {declared:,} bytes, {ratio:.0f} times its size; it looks like a bomb."
        reject(QuarantineReason.TOO_LARGE, message)


def reject_ole(data: bytes) -> NoReturn:
    """Refuse an OLE container: encrypted OOXML as `encrypted`, everything else as `unsupported_format`."""
    if _names_stream(data, "EncryptedPackage"):
        reject(QuarantineReason.ENCRYPTED, "This Office file is encrypted; supply a copy without a password.")
    name = next((name for stream, name in _OLE_STREAMS if _names_stream(data, stream)), "OLE container")
    reject_unsupported(name)


def _names_stream(data: bytes, stream: str) -> bool:
    return (stream + "\0").encode("utf-16-le") in data


def reject_unsupported(name: str) -> NoReturn:
    """Refuse a recognised format that has no reader."""
    reject(QuarantineReason.UNSUPPORTED_FORMAT, f"{name} is not supported; supply the document as PDF, DOCX or text.")
