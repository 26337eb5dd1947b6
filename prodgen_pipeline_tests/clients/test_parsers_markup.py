"""The light readers: Markdown, reStructuredText, Org, plain text, JSON, CSV."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.clients.parsers import parse
from prodgen_pipeline.clients.parsers.inline import plain_markdown, plain_org, plain_rst
from prodgen_pipeline.core.configuration import ParsingConfig
from prodgen_pipeline.core.models import Element, ElementType, ParsedDocument

CONFIG = ParsingConfig()
TITLE, PARAGRAPH, ITEM = ElementType.TITLE, ElementType.PARAGRAPH, ElementType.LIST_ITEM
TABLE, CODE, HEADER = ElementType.TABLE, ElementType.CODE, ElementType.MAIL_HEADER


def read(text: str, uri: str) -> ParsedDocument:
    return parse(text.encode(), uri=uri, config=CONFIG)


def pairs(text: str, uri: str) -> list[tuple[ElementType, str]]:
    return [(element.type, element.text) for element in read(text, uri).elements]


def only(document: ParsedDocument, kind: ElementType) -> Element:
    (element,) = [element for element in document.elements if element.type is kind]
    return element


MARKDOWN = """---
title: "From the front"
---
# A *first* heading #

Two lines of **prose** with [a link](https://example.org/a_(b))
and `code`.

Second
------

1. one
2. two
   goes on

   and has more
   - nested

> quoted
> text

| a | b |
|---|:-:|
| 1 | p \\| q |

```Python title="x"
def f():

    return 1
```

    indented

<table><tr><th>k</th></tr><tr><td>v</td></tr></table>

<!-- never
seen -->
[ref]: https://example.org
"""


def test_markdown_becomes_typed_elements_in_order() -> None:
    assert pairs(MARKDOWN, "a.md") == [
        (TITLE, "A first heading"),
        (PARAGRAPH, "Two lines of prose with a link and code."),
        (TITLE, "Second"),
        (ITEM, "1. one"),
        (ITEM, "2. two goes on"),
        (PARAGRAPH, "and has more"),
        (ITEM, "nested"),
        (PARAGRAPH, "quoted text"),
        (TABLE, "a\tb\n1\tp | q"),
        (CODE, "def f():\n\n    return 1"),
        (CODE, "indented"),
        (TABLE, "k\nv"),
    ]


def test_markdown_keeps_levels_languages_headers_and_the_front_matters_title() -> None:
    document = read(MARKDOWN, "a.md")
    assert document.title == "From the front"
    assert document.media_type == "text/markdown"
    assert [element.level for element in document.elements if element.type is TITLE] == [1, 2]
    assert [element.language for element in document.elements if element.type is CODE] == ["python", None]
    assert all(element.has_header for element in document.elements if element.type is TABLE)


@given(
    st.lists(st.text(st.characters(codec="ascii", exclude_characters="`~\r\n\t"), max_size=30), min_size=1, max_size=8)
)
@settings(deadline=None, max_examples=50)
def test_fenced_code_is_verbatim(lines: list[str]) -> None:
    body = ["x = 1", *lines, "end"]
    text = "\n".join(["start", "", "```", *body, "```", "", "after"])
    code = only(read(storable_ascii(text), "a.md"), CODE)
    assert code.text == storable_ascii("\n".join(body))


def storable_ascii(text: str) -> str:
    return "".join(character if character.isprintable() or character == "\n" else "." for character in text)


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"),
        ("**bold _nested_** ***both***", "bold nested both"),
        ("`a *b* c` and ``x ` y``", "a *b* c and x ` y"),
        ("![alt](x.png) [![badge](b.svg)](https://e.org)", "alt badge"),
        ("[text][ref] <https://e.org> <me@e.org>", "text https://e.org me@e.org"),
        ("a &amp; b &lt;i&gt; \\*kept\\* <b>tag</b> 1 < 2", "a & b <i> *kept* tag 1 < 2"),
        ("~~old~~ new", "old new"),
    ],
)
def test_markdown_inline_mark_up_is_taken_off(marked: str, plain: str) -> None:
    assert plain_markdown(marked) == plain


RST = """PEP: 8
Title: Style Guide
Author: Someone <someone@example.org>,
        Another
Post-History:

Introduction
============

Prose with ``literal``, *emphasis*, :pep:`257`, :pep:`label <7>` and
a `link <https://example.org>`__ [1]_::

    verbatim
      block

Deeper
------

- item one
  goes on

  .. code-block:: Python

     x = 1
- item two

1. first
2. second

term
    its definition

=====  =====
a      b
=====  =====
1      2
       3
=====  =====

+---+---+
| k | v |
+===+===+
| x | y |
|   | z |
+---+---+

.. list-table:: Caption
   :header-rows: 1

   * - h
     - i
   * - 1
     - 2

.. a comment
   of two lines

.. _target:

.. note:: Take care.

.. [1] The note.

Next
====
"""


def test_restructuredtext_becomes_typed_elements_in_order() -> None:
    assert pairs(RST, "a.rst") == [
        (HEADER, "PEP: 8\nTitle: Style Guide\nAuthor: Someone <someone@example.org>, Another"),
        (TITLE, "PEP 8: Style Guide"),
        (TITLE, "Introduction"),
        (PARAGRAPH, "Prose with literal, emphasis, PEP 257, label and a link [1]:"),
        (CODE, "verbatim\n  block"),
        (TITLE, "Deeper"),
        (ITEM, "item one goes on"),
        (CODE, "x = 1"),
        (ITEM, "item two"),
        (ITEM, "1. first"),
        (ITEM, "2. second"),
        (PARAGRAPH, "term: its definition"),
        (TABLE, "a\tb\n1\t2 3"),
        (TABLE, "k\tv\nx\ty z"),
        (PARAGRAPH, "Caption"),
        (TABLE, "h\ti\n1\t2"),
        (PARAGRAPH, "Take care."),
        (PARAGRAPH, "[1] The note."),
        (TITLE, "Next"),
    ]


def test_restructuredtext_levels_follow_the_order_of_adornments_below_the_headers_title() -> None:
    document = read(RST, "a.rst")
    assert document.title == "PEP 8: Style Guide"
    assert [element.level for element in document.elements if element.type is TITLE] == [1, 2, 3, 2]
    assert [element.language for element in document.elements if element.type is CODE] == [None, "python"]
    assert all(element.has_header for element in document.elements if element.type is TABLE)


def test_an_overlined_title_is_a_level_of_its_own() -> None:
    document = read("=====\nTitle\n=====\n\nSection\n=======\n\ntext\n", "a.rst")
    assert [(element.text, element.level) for element in document.elements[:2]] == [("Title", 1), ("Section", 2)]


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("a * b and *args and __init__ and x_ y", "a * b and *args and __init__ and x y"),
        ("see `PEP 8`_ and docs_.", "see PEP 8 and docs."),
        (":class:`~module.Name` |subst|", "module.Name subst"),
        ("\\*kept\\*", "*kept*"),
    ],
)
def test_restructuredtext_inline_mark_up_is_taken_off(marked: str, plain: str) -> None:
    assert plain_rst(marked) == plain


ORG = """#+TITLE: The title
#+OPTIONS: toc:nil
* TODO A heading :tag:
:PROPERTIES:
:ID: 1
:END:
Prose with =code=, /emphasis/ and
[[https://example.org][a link]].
- item
  goes on
1. one
| a | b |
|---+---|
| 1 | 2 |
#+BEGIN_SRC python
x = 1
#+END_SRC
# comment
** Deeper
: fixed
"""


def test_org_becomes_typed_elements_in_order() -> None:
    assert pairs(ORG, "a.org") == [
        (TITLE, "The title"),
        (TITLE, "A heading"),
        (PARAGRAPH, "Prose with code, emphasis and a link."),
        (ITEM, "item goes on"),
        (ITEM, "1. one"),
        (TABLE, "a\tb\n1\t2"),
        (CODE, "x = 1"),
        (TITLE, "Deeper"),
        (CODE, "fixed"),
    ]
    assert [element.level for element in read(ORG, "a.org").elements if element.type is TITLE] == [1, 2, 3]
    assert plain_org("a/b/c and 1 + 2 = 3") == "a/b/c and 1 + 2 = 3"


def test_plain_text_keeps_its_lines_and_finds_lists() -> None:
    text = "HEAD\n====\n\nAn address\nin two lines.\n\n- one\n  more\n- two\n\f\nLast."
    assert pairs(text, "a.txt") == [
        (TITLE, "HEAD"),
        (PARAGRAPH, "An address\nin two lines."),
        (ITEM, "one more"),
        (ITEM, "two"),
        (PARAGRAPH, "Last."),
    ]


def test_uniform_json_records_become_a_table() -> None:
    table = only(read('[{"id": 7, "name": "a\\tb"}, {"id": 8, "name": null}]', "a.json"), TABLE)
    assert (table.text, table.has_header) == ("id\tname\n7\ta b\n8\t", True)


def test_other_json_becomes_lines_with_their_paths_and_long_texts_of_their_own() -> None:
    long = "word " * 60
    text = f'{{"title": "T", "a": {{"b": 1, "c": [true, 2.50]}}, "body": "{long}"}}'
    document = read(text, "a.json")
    assert document.title == "T"
    assert [element.text for element in document.elements] == ["title: T", "a.b: 1", "a.c: true, 2.5", f"body: {long}"]


def test_json_lines_are_read_as_records() -> None:
    assert only(read('{"a": 1}\n{"a": 2}\n', "a.jsonl"), TABLE).text == "a\n1\n2"


def test_csv_cells_stay_as_they_were_written() -> None:
    table = only(read('id;zip;amount\n007;01234;1,50\n008;"a;b";123456789.12345\nragged\n', "a.csv"), TABLE)
    assert table.text == "id\tzip\tamount\n007\t01234\t1,50\n008\ta;b\t123456789.12345\nragged"
    assert table.has_header
    assert not only(read("1,2\n3,4\n", "b.csv"), TABLE).has_header


_CELL = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)


@given(st.lists(st.lists(_CELL, min_size=3, max_size=3), min_size=2, max_size=6))
@settings(deadline=None, max_examples=60)
def test_every_cell_of_a_tsv_file_comes_back(rows: list[list[str]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter="\t", lineterminator="\n").writerows(rows)
    text = "a\tb\tc\n" + buffer.getvalue()
    assert only(read(text, "a.tsv"), TABLE).text.split("\n")[1:] == ["\t".join(row) for row in rows]


@pytest.mark.parametrize(
    "text", ["*a " * 20_000, "[" * 50_000, "[a](" * 15_000, "`" * 50_001, "**a " * 20_000, "[[" * 30_000]
)
@pytest.mark.parametrize("strip", [plain_markdown, plain_rst, plain_org])
def test_inline_mark_up_takes_no_quadratic_time(text: str, strip: object) -> None:
    config = ParsingConfig(timeout_seconds=20)
    name = {plain_markdown: "a.md", plain_rst: "a.rst", plain_org: "a.org"}[strip]  # type: ignore[index]  # one of three
    assert parse(("x " + text).encode(), uri=name, config=config).elements
