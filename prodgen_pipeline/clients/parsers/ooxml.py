"""Office Open XML files brought into the form that python-docx, python-pptx and openpyxl read.

Belongs here: repairs of a package before a library opens it, so that nothing is lost or refused that Word itself
shows. Recognising packages and refusing bombs is `archives`'.

- Templates, slide shows and files with macros differ in one content type, by which the libraries refuse them.
- "Strict" files use other namespaces, under which the libraries find nothing.
- Content controls and text boxes hold paragraphs, phonetic guides and formulas runs, where python-docx does not look.
- A style derived from a heading is a heading; unstructured goes by the built-in names only.
"""

import io
import re
import zipfile
from collections.abc import Callable

from lxml import etree

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")
_TRANSITIONAL = rb"http://schemas.openxmlformats.org/\1/2006/\2"
_VARIANT = re.compile(
    rb"application/vnd\.(?:ms-word\.document\.macroEnabled(?:Template)?|ms-word\.template\.macroEnabled(?:Template)?"
    rb"|openxmlformats-officedocument\.wordprocessingml\.template)\.main\+xml"
)
_VARIANT_SLIDES = re.compile(
    rb"application/vnd\.(?:ms-powerpoint\.\w+\.macroEnabled|openxmlformats-officedocument\.presentationml\.(?:slideshow|template))"
    rb"\.main\+xml"
)
_OFFICE = b"application/vnd.openxmlformats-officedocument."


def normalised(data: bytes) -> bytes:
    """The package with its repairs; the same bytes where there is nothing to repair."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        names = package.namelist()
        is_strict = any(b"purl.oclc.org/ooxml" in package.read(name) for name in names if name == "_rels/.rels")
        repairs = {name: repair for name in names if (repair := _repair_of(name, is_strict))}
        changed: dict[str, bytes] = {}
        for name, repair in repairs.items():
            before = package.read(name)
            after = repair(before)
            if after != before:
                changed[name] = after
        return _rewritten(package, changed) if changed else data


def core_title(data: bytes) -> str | None:
    """The title in an Office file's own properties."""
    return _core_property(_core_properties(data), "{http://purl.org/dc/elements/1.1/}title") or None


#: Properties that say what a file is. Who made and changed it stands there too, and is left there.
_CORE_METADATA = {
    "category": "{http://schemas.openxmlformats.org/package/2006/metadata/core-properties}category",
    "keywords": "{http://schemas.openxmlformats.org/package/2006/metadata/core-properties}keywords",
    "language": "{http://purl.org/dc/elements/1.1/}language",
    "created": "{http://purl.org/dc/terms/}created",
}


def core_metadata(data: bytes) -> dict[str, str]:
    """Category, keywords, language and time of creation, as an Office file's own properties have them."""
    root = _core_properties(data)
    return {name: _core_property(root, tag) for name, tag in _CORE_METADATA.items()}


def _core_properties(data: bytes) -> etree._Element | None:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        if "docProps/core.xml" not in package.namelist():
            return None
        properties = package.read("docProps/core.xml")
    try:
        return _tree(properties)
    except etree.XMLSyntaxError:  # the document itself may still be whole
        return None


def _core_property(root: etree._Element | None, tag: str) -> str:
    return "" if root is None else (root.findtext(tag) or "").strip()


_NOTE_PARTS = (("word/footnotes.xml", "footnote"), ("word/endnotes.xml", "endnote"))


def note_texts(data: bytes) -> list[str]:
    """The footnotes and endnotes of a DOCX file, each on one line."""
    texts: list[str] = []
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        names = set(package.namelist())
        for part, tag in _NOTE_PARTS:
            if part in names:
                notes = _tree(_transitional(package.read(part))).iter(f"{_WORD}{tag}")
                texts += (" ".join("".join(_note_text(note)).split()) for note in notes)
    return [text for text in texts if text]


def _note_text(note: etree._Element) -> list[str]:
    """Pieces of text, with a space between paragraphs."""
    return [" " if piece.tag == f"{_WORD}p" else piece.text or "" for piece in note.iter(f"{_WORD}p", f"{_WORD}t")]


def _rewritten(package: zipfile.ZipFile, changed: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as copy:
        for name in dict.fromkeys(package.namelist()):
            copy.writestr(name, changed[name] if name in changed else package.read(name))
    return buffer.getvalue()


def _repair_of(name: str, is_strict: bool) -> Callable[[bytes], bytes] | None:
    own = _REPAIRS.get(name)
    if not is_strict or not name.endswith((".xml", ".rels")):
        return own
    return (lambda data: own(_transitional(data))) if own else _transitional


def _transitional(data: bytes) -> bytes:
    return _STRICT.sub(_TRANSITIONAL, data)


def _plain_content_types(data: bytes) -> bytes:
    data = _VARIANT.sub(_OFFICE + b"wordprocessingml.document.main+xml", data)
    return _VARIANT_SLIDES.sub(_OFFICE + b"presentationml.presentation.main+xml", data)


def _tree(data: bytes) -> etree._Element:
    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False))


def _serialised(root: etree._Element) -> bytes:
    data: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
    return data


_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_HIDING = re.compile(rb":(?:sdt|txbxContent|ruby|oMath)\b")


def _flat_body(data: bytes) -> bytes:
    """The main document with everything opened that hides text; a text box follows the paragraph that anchors it."""
    if not _HIDING.search(data):
        return data
    root = _tree(data)
    _open_runs(root)
    etree.strip_elements(root, _FALLBACK, with_tail=False)
    for box in list(root.iter(f"{_WORD}txbxContent")):
        anchor = next((parent for parent in box.iterancestors() if parent.tag == f"{_WORD}p"), None)
        if anchor is not None:
            for block in reversed(box):
                anchor.addnext(block)
    etree.strip_elements(root, f"{_WORD}sdtPr", f"{_WORD}sdtEndPr", with_tail=False)
    etree.strip_tags(root, f"{_WORD}sdt", f"{_WORD}sdtContent")
    return _serialised(root)


def _open_runs(root: etree._Element) -> None:
    """Make the base text of phonetic guides and the characters of formulas runs of their paragraph."""
    for ruby in list(root.iter(f"{_WORD}ruby")):
        outer = ruby.getparent()
        runs = list(ruby.iterfind(f"{_WORD}rubyBase/{_WORD}r"))
        if outer is not None and outer.tag == f"{_WORD}r":
            for run in reversed(runs):
                outer.addnext(run)
            outer.remove(ruby)
    properties = {part.tag for part in root.iter(f"{_MATH}*") if part.tag.endswith("Pr")}
    if properties:
        etree.strip_elements(root, *properties, with_tail=False)
    for part in root.iter(f"{_MATH}r", f"{_MATH}t"):
        part.tag = part.tag.replace(_MATH, _WORD)
    etree.strip_tags(root, f"{_MATH}*")


def _named_headings(data: bytes) -> bytes:
    """The styles with every one that has a heading's outline level, its own or inherited, named as a heading."""
    if b":outlineLvl" not in data:
        return data
    root = _tree(data)
    styles = {style.get(f"{_WORD}styleId"): style for style in root.iter(f"{_WORD}style")}
    renamed = False
    for style in styles.values():
        name = style.find(f"{_WORD}name")
        level = _outline_level(style, styles)
        if (
            name is None
            or level is None
            or re.match(r"(?:heading \d|title|subtitle)", name.get(f"{_WORD}val", ""), re.IGNORECASE)
        ):
            continue
        name.set(f"{_WORD}val", f"heading {level + 1}")
        renamed = True
    return _serialised(root) if renamed else data


_MAX_STYLE_DEPTH = 20


def _outline_level(style: etree._Element | None, styles: dict[str | None, etree._Element]) -> int | None:
    """The nearest outline level up the chain of styles; None for body text and for no level at all."""
    for _ in range(_MAX_STYLE_DEPTH):
        if style is None or style.get(f"{_WORD}type") not in (None, "paragraph"):
            return None
        level = style.find(f"{_WORD}pPr/{_WORD}outlineLvl")
        if level is not None:
            value = level.get(f"{_WORD}val", "")
            return int(value) if value.isdigit() and int(value) < 9 else None
        base = style.find(f"{_WORD}basedOn")
        style = None if base is None else styles.get(base.get(f"{_WORD}val"))
    return None


_REPAIRS: dict[str, Callable[[bytes], bytes]] = {
    "[Content_Types].xml": _plain_content_types,
    "word/document.xml": _flat_body,
    "word/styles.xml": _named_headings,
}
