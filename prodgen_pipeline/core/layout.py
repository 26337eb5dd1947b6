"""Traces of the page in the text: broken words, running headers and footers, spacing.

Belongs here: rules over a document's elements that undo layout. Does not: character repairs (`characters`), the order
of the rules (`cleaning`).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from prodgen_pipeline.core.models import Element, ElementType

_PROSE = frozenset({ElementType.PARAGRAPH, ElementType.LIST_ITEM, ElementType.TITLE})

# Words broken at a line end

#: The second part is only looked at, because it may itself be broken at its end.
_BREAK = re.compile(r"([^\W_]+)[-\u2010][ \t]*\n[ \t]*(?=([^\W_]+))")
_BROKEN_WORD = re.compile(r"[^\W_]+[-\u2010][ \t]*\n[ \t]*[^\W_]+")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
#: "long- and short-term": the hyphen stands for what comes later.
_CONJUNCTIONS = frozenset("and or to nor und oder bis et ou y o e".split())
#: Parts that make compounds; breaking a longer word never leaves them standing at a line's end or start.
_COMPOUND_FIRST = frozenset(
    "self well high low long short half cross single double first second third two three four five six ten zero non "
    "user data machine state role rule event test third-party open-source stand decision policy client server".split()
)
_COMPOUND_SECOND = frozenset(
    "based aware driven wide free like level time term known only related specific oriented friendly defined sized "
    "scale style size proof party side date case hand range quality performance risk through purpose safe order in out "
    "up down off on to of the by day week month year hour old new long high low end class grade type mode rate line "
    "text file made built being facing ready effective efficient dependent independent neutral sensitive compliant "
    "compatible".split()
)


def join_hyphenated(elements: list[Element]) -> tuple[list[Element], int]:
    """Join words broken at line ends in prose; a compound keeps its hyphen and loses only the line break.

    The document's own words decide first: `exam-|ple` is joined where `example` occurs, `on-|line` keeps its hyphen
    where `on-line` occurs. Elsewhere, lower-case letters on both sides are joined unless either part makes compounds.
    """
    if not any(_has_break(element) for element in elements):
        return elements, 0
    vocabulary = _vocabulary(elements)
    joined = [
        replace(element, text=_BREAK.sub(lambda match: _join(match, vocabulary), element.text))
        if _has_break(element)
        else element
        for element in elements
    ]
    return joined, sum(new != old for new, old in zip(joined, elements, strict=True))


def _has_break(element: Element) -> bool:
    return element.type in _PROSE and "\n" in element.text and _BREAK.search(element.text) is not None


def _vocabulary(elements: Iterable[Element]) -> set[str]:
    """Words of the document as they stand within a line, compounds whole, in lower case."""
    return {word for element in elements for word in _WORD.findall(_BROKEN_WORD.sub(" ", element.text.lower()))}


def _join(match: re.Match[str], vocabulary: set[str]) -> str:
    """Return the first part with what joins it to the second: nothing, a hyphen, or a hyphen and a space."""
    first, second = match.groups()
    if second in _CONJUNCTIONS:
        return f"{first}- "
    if first.isalpha() and second.isalpha() and (first + second).lower() in vocabulary:
        return first
    is_known_compound = f"{first}-{second}".lower() in vocabulary
    return f"{first}-" if is_known_compound or not _may_be_one_word(match) else first


def _may_be_one_word(match: re.Match[str]) -> bool:
    first, second = match.groups()
    around = match.string[match.start() - 1 : match.start()] + match.string[match.end(2) : match.end(2) + 1]
    if "-" in around or not (first.isalpha() and second.isalpha() and second.islower()):
        # "state-of-the-\nart", "COVID-\n19", "Rolls-\nRoyce".
        return False
    # A capital inside or at the end ("XML-\nlike") is an abbreviation; one at the start begins a sentence.
    return first[1:].islower() and first.lower() not in _COMPOUND_FIRST and second not in _COMPOUND_SECOND


# Running headers and footers

MIN_PAGES = 3
MIN_SHARE_OF_PAGES = 0.5
MAX_RUNNING_CHARS = 200
#: Running lines stand at most this many elements from the top or bottom of a page.
N_EDGE_ELEMENTS = 2
_PAGE_NUMBER = re.compile(
    r"(?i)^\W*(?:page|p\.|seite|página|pagina|sheet|slide)?\W*\d+(?:\W*(?:of|von|de|/|\|)\W*\d+)?\W*$"
    r"|\b(?:page|seite|página|pagina)\s*\d+"
)
_NUMBER = re.compile(r"\d+")


def drop_running_lines(elements: list[Element]) -> tuple[list[Element], int]:
    """Drop short lines that stand at the top or bottom of at least half the pages, of which there are at least three.

    Lines that differ only in their numbers count as one where the number is a page's. Tables and code stay, and so does
    the first occurrence of a title that is repeated as a page header.
    """
    n_pages = len({element.page for element in elements if element.page is not None})
    if n_pages < MIN_PAGES:
        return elements, 0
    edges = dict(_edge_lines(elements))
    pages = defaultdict(set)
    for index, line in edges.items():
        pages[line].add(elements[index].page)
    running = {line for line, found in pages.items() if len(found) >= MIN_SHARE_OF_PAGES * n_pages and len(found) > 1}
    dropped: set[int] = set()
    seen: Counter[str] = Counter()
    for index, line in edges.items():
        seen[line] += 1
        is_first_title = elements[index].type is ElementType.TITLE and seen[line] == 1
        if line in running and not is_first_title:
            dropped.add(index)
    return [element for index, element in enumerate(elements) if index not in dropped], len(dropped)


def _edge_lines(elements: list[Element]) -> Iterator[tuple[int, str]]:
    """Yield the index and the normalised line of what may be a running line, in reading order."""
    on_page: dict[int, list[int]] = defaultdict(list)
    for index, element in enumerate(elements):
        if element.page is not None:
            on_page[element.page].append(index)
    for indexes in on_page.values():
        for place, index in enumerate(indexes):
            element = elements[index]
            is_edge = place < N_EDGE_ELEMENTS or place >= len(indexes) - N_EDGE_ELEMENTS
            is_marked = element.type in (ElementType.PAGE_HEADER, ElementType.PAGE_FOOTER)
            may_run = element.type not in (ElementType.TABLE, ElementType.CODE)
            if may_run and (is_edge or is_marked) and len(element.text) <= MAX_RUNNING_CHARS:
                yield index, _normalised_line(element.text)


def _normalised_line(text: str) -> str:
    line = " ".join(text.split()).casefold()
    return _NUMBER.sub("#", line) if _PAGE_NUMBER.search(line) else line


# Spacing

_CELL_SPACES = re.compile(r"[^\S\t\n]+")


def collapse_whitespace(elements: list[Element]) -> tuple[list[Element], int]:
    """Make every run of white space one space; tables keep their tabs and lines, mail headers their lines, code all."""
    collapsed = []
    n_changed = 0
    for element in elements:
        text = _collapsed(element)
        if text != element.text:
            n_changed += 1
            element = replace(element, text=text)
        collapsed.append(element)
    return collapsed, n_changed


def _collapsed(element: Element) -> str:
    if element.type is ElementType.CODE:
        return element.text
    if element.type in (ElementType.TABLE, ElementType.MAIL_HEADER):
        lines = (_CELL_SPACES.sub(" ", line) for line in element.text.split("\n"))
        return "\n".join("\t".join(cell.strip(" ") for cell in line.split("\t")) for line in lines if line.strip())
    return " ".join(element.text.split())
