"""Mails: new text and quoted text in different chunks, the subject as the heading."""

import pytest

from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer
from prodgen_pipeline.core.chunking import chunk
from prodgen_pipeline.core.configuration import ChunkingConfig
from prodgen_pipeline.core.models import Element, ElementType

TOKENIZER = WordPieceTokenizer.load()
SIZES = ChunkingConfig(max_tokens=200, min_tokens=20)
HEADER = Element(type=ElementType.MAIL_HEADER, text="Subject: Pump")
NEW = "The pump has arrived this morning and we shall mount it on Monday, when the crane is there."
OLD = [
    "When will the new pump be here? The customer has asked for it twice",
    "and the crane is booked for Monday only.",
]
QUOTED = "\n".join(f"> {line}" for line in OLD)


def paragraph(text: str) -> Element:
    return Element(type=ElementType.PARAGRAPH, text=text)


def cut(*texts: str, header: Element = HEADER) -> list[str]:
    return [piece.text for piece in chunk([header, *map(paragraph, texts)], SIZES, TOKENIZER, title="Pump")]


def test_the_subject_leads_every_chunk():
    found = chunk([HEADER, paragraph(NEW), paragraph(QUOTED)], SIZES, TOKENIZER, title="Re: Pump")
    assert [piece.embedding_text.split("\n")[0] for piece in found] == ["Re: Pump"] * 2


@pytest.mark.parametrize(
    "introduction",
    [
        "On Monday, <PERSON_7f3a> <<EMAIL_ADDRESS_0123>> wrote:",
        "Am 3. Mai schrieb Ann:",
        "On Mon, 3 May 2021 at 10:01,\nAnn wrote:",
        "2008/7/11 Ann <ann@example.org>:",
    ],
)
def test_quoted_text_begins_with_the_line_that_announces_it(introduction: str):
    assert cut(NEW, introduction, QUOTED) == [f"{HEADER.text}\n\n{NEW}", f"{introduction}\n\n{QUOTED}"]
    assert cut(NEW, f"{introduction}\n{QUOTED}") == [f"{HEADER.text}\n\n{NEW}", f"{introduction}\n{QUOTED}"]


def test_an_answer_below_or_between_quoted_lines_is_parted_from_them():
    assert cut(QUOTED, NEW) == [f"{HEADER.text}\n\n{QUOTED}", NEW]
    assert cut(f"{QUOTED}\n{NEW}\n{QUOTED}") == [f"{HEADER.text}\n\n{QUOTED}", NEW, QUOTED]


@pytest.mark.parametrize(
    "mark",
    [
        "-----Original Message-----",
        "________________________________",
        "Begin forwarded message:",
        "From: Ann Sent: Monday To: Bob Subject: Pump",
        "Von: Ann\nGesendet: Montag\nAn: Bob",
    ],
)
def test_behind_an_original_message_all_is_quoted(mark: str):
    plain = " ".join(OLD)
    assert cut(NEW, mark, plain, NEW) == [f"{HEADER.text}\n\n{NEW}", f"{mark}\n\n{plain}\n\n{NEW}"]


def test_short_answers_stay_with_what_they_answer():
    assert cut("> When?", "Today.", "> Where?", "Here.") == [
        "Subject: Pump\n\n> When?\n\nToday.\n\n> Where?\n\nHere.",
    ]


def test_in_what_is_no_mail_nothing_is_quoted():
    assert len(cut(NEW, QUOTED, header=paragraph("Notes"))) == 1
