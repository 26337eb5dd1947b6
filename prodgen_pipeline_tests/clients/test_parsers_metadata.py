"""What documents say about themselves in fields, format by format, and that no person is in it."""

import io
from collections.abc import Callable

import docx
import openpyxl
import pptx
import pytest

from prodgen_pipeline.clients.parsers import parse, parse_light
from prodgen_pipeline.core.configuration import ParsingConfig
from prodgen_pipeline.core.models import ParsedDocument

PERSON, ADDRESS = "Quentin Featherstone", "quentin@planted.example.org"


def read(text: str | bytes, uri: str) -> ParsedDocument:
    data = text.encode() if isinstance(text, str) else text
    return parse(data, uri=uri, config=ParsingConfig())


def test_front_matter_of_markdown() -> None:
    text = f"""---
title: Annual leave
status: final
tags: [leave, "holidays"]
topics:
  - people
  - time off
author:
  name: {PERSON}
reviewed_by: {PERSON}
contact: {ADDRESS}
note: ask {ADDRESS}
# a comment
lang: en
---
# Leave

Everybody has 25 days.
"""
    document = read(text, "leave.md")
    assert document.title == "Annual leave"
    assert document.metadata == {
        "status": "final", "tags": "leave, holidays", "topics": "people, time off", "lang": "en"
    }  # fmt: skip


def test_toml_front_matter_of_markdown() -> None:
    document = read('+++\ntitle = "A"\nstatus = "draft"\n[params]\nx = 1\n+++\nText of it.\n', "a.md")
    assert (document.title, document.metadata) == ("A", {"status": "draft", "x": "1"})


def test_the_head_of_a_pep() -> None:
    text = f"""PEP: 308
Title: Conditional Expressions
Author: {PERSON} <{ADDRESS}>
Sponsor: {PERSON}
Status: Final
Type: Standards Track
Created: 07-Feb-2003
Post-History: 07-Feb-2003

Abstract
========

Something is added.
"""
    document = read(text, "pep-0308.rst")
    assert document.metadata == {
        "pep": "308", "status": "Final", "type": "Standards Track", "created": "07-Feb-2003"
    }  # fmt: skip


def test_a_field_list_below_the_title_of_restructuredtext() -> None:
    text = f"Handbook\n========\n\n:Status: final\n:Author: {PERSON}\n:Language: en\n\nText of it.\n\n:later: no\n"
    assert read(text, "h.rst").metadata == {"status": "final", "language": "en"}
    assert read("Handbook\n========\n\nText.\n\nMore.\n\nEven more.\n\n:late: no\n", "h.rst").metadata == {}


def test_keywords_of_org() -> None:
    text = f"#+TITLE: Plan\n#+AUTHOR: {PERSON}\n#+FILETAGS: :work:plan:\n#+LANGUAGE: en\n#+OPTIONS: toc:nil\n\nText.\n"
    assert read(text, "plan.org").metadata == {"filetags": "work, plan", "language": "en"}


def test_subject_and_date_of_a_mail() -> None:
    text = (
        f"From: {PERSON} <{ADDRESS}>\nTo: {ADDRESS}\nCc: {ADDRESS}\nSubject: Invoice 17\n"
        "Date: Tue, 31 Mar 2026 23:30:00 -0200\nMessage-ID: <1@x>\n\nPlease pay.\n"
    )
    assert read(text, "a.eml").metadata == {"subject": "Invoice 17", "date": "2026-04-01T01:30:00+00:00"}


def test_a_mail_s_subject_with_an_address_in_it_and_a_date_that_is_none_are_left_out() -> None:
    text = f"From: a@b.org\nTo: c@d.org\nSubject: {ADDRESS} left\nDate: someday\nMessage-ID: <1@x>\n\nText.\n"
    assert read(text, "a.eml").metadata == {}


def test_the_head_of_a_page() -> None:
    text = f"""<html lang="de"><head><title>T</title><meta name="author" content="{PERSON}">
    <meta name="description" content="long"><meta name="keywords" content="urlaub, tage">
    <meta property="article:published_time" content="2026-03-31"><meta property="og:type" content="article">
    </head><body><p>Text of the page.</p></body></html>"""
    assert read(text, "p.html").metadata == {
        "lang": "de", "keywords": "urlaub, tage", "date": "2026-03-31", "type": "article"
    }  # fmt: skip


def _word() -> tuple[bytes, str]:
    document = docx.Document()
    document.add_paragraph("Text of it.")
    return _with_properties(document, document.core_properties), "a.docx"


def _slides() -> tuple[bytes, str]:
    document = pptx.Presentation()
    document.slides.add_slide(document.slide_layouts[5]).shapes.title.text = "Text of it"
    return _with_properties(document, document.core_properties), "a.pptx"


def _sheet() -> tuple[bytes, str]:
    document = openpyxl.Workbook()
    document.active.append(["Text", "of it"])
    properties = document.properties
    properties.category, properties.keywords, properties.language = "Policy", "leave", "en-GB"
    properties.creator = properties.lastModifiedBy = PERSON
    return _saved(document), "a.xlsx"


def _with_properties(document: object, properties: object) -> bytes:
    values = {
        "category": "Policy",
        "keywords": "leave",
        "language": "en-GB",
        "author": PERSON,
        "last_modified_by": PERSON,
    }
    for name, value in values.items():
        setattr(properties, name, value)
    return _saved(document)


def _saved(document: object) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)  # type: ignore[attr-defined]
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("make", [_word, _slides, _sheet])
def test_the_properties_of_office_files(make: Callable[[], tuple[bytes, str]]) -> None:
    metadata = read(*make()).metadata
    created = metadata.pop("created")
    assert created[:2] == "20"
    assert metadata == {"category": "Policy", "keywords": "leave", "language": "en-GB"}


def test_the_light_way_keeps_the_same() -> None:
    text = f"---\nstatus: final\nowner: {PERSON}\n---\nText of it.\n"
    light = parse_light(text.encode(), uri="a.md", config=ParsingConfig())
    assert light is not None
    assert light.metadata == {"status": "final"} == read(text, "a.md").metadata


def test_a_document_without_fields_has_none() -> None:
    assert read("Just text.\n", "a.txt").metadata == {}
