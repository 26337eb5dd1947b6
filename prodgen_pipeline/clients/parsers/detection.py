"""Which format a document is in, by its content; the name's extension only chooses among text formats.

Belongs here: signatures and sniffing. Looking into ZIP and OLE containers is `archives`', text encodings
`decoding`'s.
"""

import re
from pathlib import PurePosixPath

from prodgen_pipeline.clients.parsers import json_reader
from prodgen_pipeline.clients.parsers.archives import ooxml_format, reject_ole, reject_unsupported
from prodgen_pipeline.clients.parsers.content import Content, Format, reject
from prodgen_pipeline.clients.parsers.decoding import decode
from prodgen_pipeline.core.configuration import ParsingConfig
from prodgen_pipeline.core.models import QuarantineReason

_IMAGES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG image"),
    (re.compile(rb"\xff\xd8\xff"), "JPEG image"),
    (re.compile(rb"II\*\0|MM\0\*"), "TIFF image"),
    (re.compile(rb"GIF8[79]a"), "GIF image"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "WebP image"),
    (re.compile(rb"BM.{4}\0{4}.{4}[\x0c\x28\x38\x6c\x7c]\0{3}", re.DOTALL), "BMP image"),
    (re.compile(rb".{4}ftyp(?:heic|heix|mif1|avif)", re.DOTALL), "HEIF image"),
)
_UNSUPPORTED = (
    (re.compile(rb"\{\\rtf"), "RTF"),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "7-Zip archive"),
    (re.compile(rb"\x1f\x8b"), "gzip archive"),
    (re.compile(rb"BZh[1-9]1AY"), "bzip2 archive"),
    (re.compile(rb"\xfd7zXZ\0"), "xz archive"),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "Zstandard archive"),
    (re.compile(rb"Rar!\x1a\x07"), "RAR archive"),
    (re.compile(rb".{257}ustar", re.DOTALL), "tar archive"),
    (re.compile(rb"%!PS"), "PostScript"),
    (re.compile(rb"SQLite format 3\0"), "SQLite database"),
    (re.compile(rb"\x7fELF|MZ.{58,}PE\0\0", re.DOTALL), "executable program"),
    (re.compile(rb"\x00asm|\xca\xfe\xba\xbe"), "executable program"),
    (re.compile(rb"ID3|OggS|fLaC|RIFF....(?:WAVE|AVI )|.{4}ftyp|\x1aE\xdf\xa3", re.DOTALL), "audio or video"),
    (re.compile(rb"PAR1|Obj\x01|ORC"), "columnar data file"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: A PDF may be preceded by up to a kilobyte of something else.
_PDF_HEADER_BYTES = 1024

#: Extensions of source code to the language's lower-case name: no sign in the content tells one language from another.
LANGUAGES = {
    "py": "python", "pyi": "python", "js": "javascript", "mjs": "javascript", "cjs": "javascript", "jsx": "jsx",
    "ts": "typescript", "tsx": "tsx", "java": "java", "kt": "kotlin", "kts": "kotlin", "scala": "scala", "go": "go",
    "rs": "rust", "c": "c", "h": "c", "cc": "cpp", "cpp": "cpp", "cxx": "cpp", "hpp": "cpp", "hh": "cpp",
    "cs": "csharp", "swift": "swift", "php": "php", "rb": "ruby", "dart": "dart", "groovy": "groovy", "lua": "lua",
    "pl": "perl", "r": "r", "sh": "bash", "bash": "bash", "zsh": "bash", "ps1": "powershell", "sql": "sql",
    "css": "css", "scss": "scss", "tf": "hcl", "proto": "protobuf", "graphql": "graphql", "yaml": "yaml", "yml": "yaml",
    "toml": "toml", "ini": "ini", "m": "objectivec", "jl": "julia", "ex": "elixir", "exs": "elixir", "hs": "haskell",
}  # fmt: skip
_EXTENSIONS = {
    **dict.fromkeys(("md", "markdown", "mdown", "mkd", "mkdn", "mdx"), Format.MARKDOWN),
    **dict.fromkeys(("rst", "rest"), Format.RST),
    **dict.fromkeys(("org",), Format.ORG),
    **dict.fromkeys(("html", "htm", "xhtml", "shtml"), Format.HTML),
    **dict.fromkeys(("json", "jsonl", "ndjson", "geojson"), Format.JSON),
    **dict.fromkeys(("csv",), Format.CSV),
    **dict.fromkeys(("tsv", "tab"), Format.TSV),
    **dict.fromkeys(("eml", "email", "mht", "mhtml"), Format.EML),
    **dict.fromkeys(LANGUAGES, Format.SOURCE),
}
#: Text formats whose own mark-up may well contain, or start with, something that looks like another format.
_TRUSTED = frozenset({Format.MARKDOWN, Format.RST, Format.ORG, Format.SOURCE})
_HEAD_CHARS = 65_536


def detect(data: bytes, uri: str, config: ParsingConfig) -> Content:
    """Decide the format and decode text.

    Raises:
        DocumentRejected: `empty`, `needs_ocr`, `encrypted`, `corrupt`, `too_large`, `unsupported_format`, `no_text`.
    """
    if not data:
        reject(QuarantineReason.EMPTY, "The file is empty; supply one with content.")
    extension = PurePosixPath(uri).suffix.lower().lstrip(".")
    binary = _binary_format(data, extension, config)
    if binary is not None:
        return Content(format=binary, data=data, text="", config=config)
    text = decode(data)
    if text is None:
        reject_unsupported(f"Binary data of an unknown kind (extension {extension[:12]!r})")
    if not text.strip("\ufeff\0 \t\n\f\v"):
        reject(QuarantineReason.NO_TEXT, "The file holds nothing but white space.")
    if len(text) > config.max_text_chars:
        message = (
            f"The text has {len(text):,} characters, more than the {config.max_text_chars:,} of parsing.max_text_chars."
        )
        reject(QuarantineReason.TOO_LARGE, message)
    return Content(
        format=text_format(text, extension), data=data, text=text, config=config, name=PurePosixPath(uri).name,
        language=LANGUAGES.get(extension),
    )  # fmt: skip


def _binary_format(data: bytes, extension: str, config: ParsingConfig) -> Format | None:
    """The format by its signature; None for what may be text."""
    if b"%PDF-" in data[:_PDF_HEADER_BYTES]:
        return Format.PDF
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return ooxml_format(data, extension, config)
    if data.startswith(_OLE):
        reject_ole(data)
    for signature, name in _IMAGES:
        if signature.match(data):
            message = f"This {name} needs text recognition (package: Tesseract), which is not available."
            reject(QuarantineReason.NEEDS_OCR, message)
    for signature, name in _UNSUPPORTED:
        if signature.match(data):
            reject_unsupported(name)
    return None


_HTML_START = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!doctype\s+html|<html\b)", re.IGNORECASE | re.DOTALL
)
_HTML_TAG = re.compile(r"<(?:html|head|body|table|div|p|h[1-6]|ul|script|meta|br|span)\b[^<>]*>", re.IGNORECASE)
_XML_START = re.compile(r"\s*<\?(?:xml|xpacket)\b|\s*<[A-Za-z][\w.:-]*\s+xmlns[:=]")
_MAIL_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9-]*:(?:[ \t]|$)")
_MAIL_NAMES = frozenset(
    "from to cc subject date message-id received mime-version return-path delivered-to newsgroups reply-to sender "
    "content-type x-mailer references in-reply-to".split()
)


def text_format(text: str, extension: str = "") -> Format:
    """The format of decoded text.

    Raises:
        DocumentRejected: `unsupported_format` for XML that is not XHTML.
    """
    head = text[:_HEAD_CHARS].lstrip("\ufeff")
    named = _EXTENSIONS.get(extension)
    if _HTML_START.match(head):
        return Format.HTML
    if named in _TRUSTED:
        return named
    if _is_mail(head):
        return Format.EML
    if _XML_START.match(head) and named is not Format.HTML:
        reject_unsupported("XML")
    if named is not None:
        return named
    return _unnamed_format(text, head, extension)


def _unnamed_format(text: str, head: str, extension: str) -> Format:
    """Plain text, unless its content is unmistakably something else; `.txt` claims to be plain text and mostly is."""
    first = head.lstrip()[:1]
    if first == "<" and len(_HTML_TAG.findall(head[:4096])) >= 3:
        return Format.HTML
    if first in ("{", "[") and _is_json(text):
        return Format.JSON
    return Format.TEXT if extension in ("txt", "text", "log") else _marked_up_format(head)


def _is_mail(head: str) -> bool:
    """True for a block of RFC 5322 fields, at least two of them well known, with nothing else in between."""
    known = 0
    for number, line in enumerate(head.splitlines()[:200]):
        if number == 0 and line.startswith("From "):
            continue
        if not line.strip():
            break
        if line[0] in " \t" and number:
            continue
        if not _MAIL_FIELD.match(line):
            return False
        known += line.split(":", 1)[0].lower() in _MAIL_NAMES
    return known >= 2


def _is_json(text: str) -> bool:
    return json_reader.values(text) is not None


_RST_SIGN = re.compile(
    r"^(?:\.\. [\w-]+::|\.\. _[^:]+:|[^\s].*\n(?:={4,}|~{4,}|-{4,}|\^{4,})\n\n)|::\n\n +\S", re.MULTILINE
)
_ORG_SIGN = re.compile(r"^(?:#\+[A-Za-z_]+:|#\+BEGIN_|:PROPERTIES:$|\*{1,6} (?:TODO|DONE) )", re.MULTILINE)
_MARKDOWN_SIGN = re.compile(
    r"^(?:#{1,6} \S|```|~~~|\|.*\|\n\|[ :|-]+\|)|\[[^\[\]\n]{1,300}\]\((?:https?:|#|/|\.)[^)\n]{0,500}\)", re.MULTILINE
)


def _marked_up_format(head: str) -> Format:
    """The mark-up language with the most signs; plain text below two signs."""
    counts = {
        Format.RST: len(_RST_SIGN.findall(head)),
        Format.ORG: len(_ORG_SIGN.findall(head)),
        Format.MARKDOWN: len(_MARKDOWN_SIGN.findall(head)),
    }
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] >= 2 else Format.TEXT
