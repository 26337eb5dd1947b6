"""HTML through unstructured, after repairing what it would lose.

unstructured 0.27 drops everything inside `form`, `figure`, `details` and `label` as boilerplate; pages of real
systems wrap their whole body in one form, manuals keep answers in details and code in figures. Those tags become
plain ones before it reads. Nothing is fetched: entities, style sheets, frames and images stay unread.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from lxml import etree, html
from unstructured.documents import elements as library
from unstructured.nlp.patterns import UNICODE_BULLETS_RE
from unstructured.partition.html import parser as library_parser
from unstructured.partition.html import partition_html

from prodgen_pipeline.clients.parsers.content import Content, reject
from prodgen_pipeline.clients.parsers.html_table import expand_spans, own_parts
from prodgen_pipeline.clients.parsers.unstructured_library import LIBRARY, QUIET, translated
from prodgen_pipeline.core.models import Element, ElementType, ParsedDocument, QuarantineReason

__all__ = ["LIBRARY", "elements_of_page", "read"]

_KEPT_AS = {
    "form": "div",
    "fieldset": "div",
    "figure": "div",
    "details": "div",
    "summary": "p",
    "label": "span",
    "dialog": "div",
}
_KEPT_AS |= {"figcaption": "p", "legend": "p", "caption": "caption"}


def _kind_of_text(text: str) -> type[library.Text]:
    """What a text outside of any list is; in place of the library's, which drops texts of one character ("7")."""
    return library.ListItem if UNICODE_BULLETS_RE.match(text) else library.Text


library_parser.derive_element_type_from_text = _kind_of_text

_DROPPED = ("script", "style", "noscript", "template", "del")


def read(content: Content) -> ParsedDocument:
    """Elements in order; the title is the page's own."""
    root = _parsed(content.text)
    if root is None:
        return ParsedDocument(elements=())
    heading = root.findtext(".//title")
    # Before the elements, which change the tree.
    metadata = _metadata(root)
    return ParsedDocument(elements=tuple(_elements(root)), title=heading, metadata=metadata)


#: Names under which pages say it, to the one name that it is kept under.
_META = {
    "keywords": "keywords",
    "date": "date",
    "dc.date": "date",
    "dcterms.date": "date",
    "article:published_time": "date",
    "og:type": "type",
    "dc.type": "type",
}


def _metadata(root: etree._Element) -> dict[str, str]:
    """Keywords, date, language and type as the page's head gives them, the first of each."""
    found = {"lang": root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or ""}
    for meta in root.iter("meta"):
        name = _META.get((meta.get("name") or meta.get("property") or "").lower())
        if name:
            found.setdefault(name, meta.get("content") or "")
    return found


def elements_of_page(text: str) -> list[Element]:
    """The elements of a page or fragment; also used for the bodies of messages."""
    root = _parsed(text)
    return [] if root is None else list(_elements(root))


def _parsed(text: str) -> etree._Element | None:
    """The tree that a browser would make of the text; None where there is nothing in it."""
    # As UTF-8 bytes, because lxml refuses a str with an XML declaration and would believe a wrong <meta charset>.
    parser = html.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    data = text.replace("\0", "").encode("utf-8", "replace")
    root = etree.fromstring(data, parser) if data.strip() else None
    # Beyond 256 levels libxml2 drops the rest of the page and only says so in its log.
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        reject(QuarantineReason.CORRUPT, "This HTML is nested too deep to be read whole; supply a plainer page.")
    return root


def _elements(root: etree._Element) -> Iterator[Element]:
    etree.strip_elements(root, *_DROPPED, with_tail=False)
    for element in root.iter(*_KEPT_AS):
        element.tag = _KEPT_AS[element.tag]
    for layout in [table for table in root.iter("table") if _is_layout(table)]:
        _flatten(layout)
    for data_table in root.iter("table"):
        expand_spans(data_table)
    languages = [_language(block) for block in root.iter("pre")]
    markup = etree.tostring(root, encoding="unicode", method="html")
    found = list(translated(partition_html(text=markup, **QUIET)))
    yield from _with_languages(found, languages)


_TABLE_PARTS = ("thead", "tbody", "tfoot", "tr", "td", "th", "caption", "colgroup")


def _is_layout(table: etree._Element) -> bool:
    """True for a table that says so, and for one without header cells that holds another table or a single column."""
    if (table.get("role") or "").lower() in ("presentation", "none"):
        return True
    if own_parts(table, "th"):
        return False
    rows = own_parts(table, "tr")
    return table.find(".//table") is not None or all(len(row.findall("td")) <= 1 for row in rows)


def _flatten(table: etree._Element) -> None:
    for part in own_parts(table, *_TABLE_PARTS):
        part.tag = "div"
    table.tag = "div"


_LANGUAGE = re.compile(r"\b(?:language|lang|highlight-source|brush:?)[- ]([\w+#.-]+)")


def _language(block: etree._Element) -> str | None:
    """The language that a `pre`, its `code` or the element around it names in its class, as highlighters write it."""
    around = [block, *block.iter("code"), *list(block.iterancestors())[:2]]
    found = (_LANGUAGE.search(element.get("class") or "") for element in around)
    return next((match[1].lower() for match in found if match), None)


def _with_languages(elements: list[Element], languages: list[str | None]) -> list[Element]:
    """Code elements with their languages, where blocks and elements are equally many and so must be the same ones."""
    n_code = sum(element.type is ElementType.CODE for element in elements)
    if n_code != len(languages):
        return elements
    rest = iter(languages)
    return [
        replace(element, language=next(rest)) if element.type is ElementType.CODE else element for element in elements
    ]
