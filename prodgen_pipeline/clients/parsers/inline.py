"""Inline mark-up of reStructuredText, Markdown and Org taken off: what a reader of the rendered page would see.

Link addresses go, link texts stay. One compiled pattern per language, tried only where its characters occur: this
runs on every paragraph.
"""

import html
import re

_RST = re.compile(
    r"``(?P<literal>.+?)``"
    r"|(?<![\w`]):(?P<role>[A-Za-z][\w:+.-]*):`(?P<roled>[^`]+)`"
    r"|`(?P<link>[^`]+)`(?:__?|:[A-Za-z][\w:+.-]*:)?"
    r"|(?<!\w)\*\*(?P<strong>[^\s*](?:.{0,1000}?[^\s*])?)\*\*(?!\w)"
    r"|(?<![\w*])\*(?P<emphasis>[^\s*](?:[^*]*[^\s*])?)\*(?![\w*])"
    r"|(?<!\w)\|(?P<substituted>[^\s|](?:[^|]*[^\s|])?)\|_{0,2}(?!\w)"
    r"|(?P<note>\[[^\]\s]+\])_(?!\w)"
    r"|(?<![\w_])(?P<reference>[A-Za-z0-9]+(?:[-.:+][A-Za-z0-9]+)*)__?(?!\w|\.\w)"
    r"|\\(?P<escaped>.)",
    re.DOTALL,
)
_RST_MARKS = re.compile(r"[`*|\\]|_\b|_[\W]|_$")
_TARGET = re.compile(r"\s*<[^<>]*>$")


def plain_rst(text: str) -> str:
    """Return reStructuredText without inline mark-up."""
    return _RST.sub(_rst_text, text) if _RST_MARKS.search(text) else text


def _rst_text(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    found = match[kind]
    if kind == "roled":
        role = match["role"].lower()
        label = _TARGET.sub("", found) or found
        has_label = label != found
        return f"{role.upper()} {found}" if role in ("pep", "rfc") and not has_label else label.lstrip("~!")
    if kind == "link":
        return _TARGET.sub("", found) or found.strip("<> ")
    return found.strip() if kind == "escaped" else found


_MARKDOWN = re.compile(
    r"(?<!`)(?P<ticks>`{1,10})(?!`)(?P<code>.{1,5000}?)(?<!`)(?P=ticks)(?!`)"
    r"|!\[(?P<alt>[^\]]{0,1000})\](?:\([^()]{0,2000}(?:\([^()]{0,500}\)[^()]{0,500}){0,4}\)|\[[^\]]{0,500}\])"
    r"|(?<!\\)\[(?P<link>[^\[\]]{0,1000}(?:!?\[[^\[\]]{0,500}\][^\[\]]{0,500}){0,4})\]"
    r"(?:\([^()]{0,2000}(?:\([^()]{0,500}\)[^()]{0,500}){0,4}\)|\[[^\]]{0,500}\])"
    r"|<(?P<address>(?:https?|mailto|ftp):[^<>\s]+|[\w.+-]+@[\w.-]+)>"
    r"|(?P<tag><!--.{0,5000}?-->|</?[A-Za-z][\w-]*(?:\s[^<>]{0,5000})?/?>)"
    r"|(?<![\w*])(?P<stars>\*{1,3})(?=[^\s*])(?P<starred>.{1,1000}?)(?<=[^\s*])(?P=stars)(?!\*)"
    r"|(?<![\w_])(?P<bars>_{1,3})(?=[^\s_])(?P<barred>.{1,1000}?)(?<=[^\s_])(?P=bars)(?![\w_])"
    r"|~~(?=\S)(?P<struck>.{1,1000}?)(?<=\S)~~"
    r"|\\(?P<escaped>[!-/:-@\[-`{-~])",
    re.DOTALL,
)
_MARKDOWN_MARKS = re.compile(r"[`*_\[<~\\]")
_KEPT_VERBATIM = ("code", "address", "escaped")
_MAX_NESTING = 6


def plain_markdown(text: str, depth: int = 0) -> str:
    """Markdown without inline mark-up; entities are resolved."""
    if depth > _MAX_NESTING or not _MARKDOWN_MARKS.search(text):
        return html.unescape(text) if "&" in text else text
    parts: list[str] = []
    at = 0
    for match in _MARKDOWN.finditer(text):
        parts += (_unescaped(text[at : match.start()]), _markdown_text(match, depth))
        at = match.end()
    return "".join((*parts, _unescaped(text[at:])))


def _unescaped(text: str) -> str:
    return html.unescape(text) if "&" in text else text


def _markdown_text(match: re.Match[str], depth: int) -> str:
    kind = match.lastgroup or ""
    found = match[kind]
    if kind == "tag":
        return "\n" if found[:3].lower() == "<br" else ""
    if kind in _KEPT_VERBATIM:
        return found.strip() if kind == "code" else found
    return plain_markdown(found, depth + 1)


_ORG = re.compile(
    r"\[\[(?P<target>[^\[\]]{1,1000})\](?:\[(?P<label>[^\[\]]{1,1000})\])?\]"
    r"|(?<![\w=~*/+])(?P<mark>[=~*/+])(?=\S)(?P<marked>[^\n]{1,300}?)(?<=\S)(?P=mark)(?![\w=~*/+])"
)
_ORG_MARKS = re.compile(r"[=~*/+\[]")


def plain_org(text: str) -> str:
    """Org without inline mark-up."""
    return (
        _ORG.sub(lambda match: match["marked"] or match["label"] or match["target"], text)
        if _ORG_MARKS.search(text)
        else text
    )
