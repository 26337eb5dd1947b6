"""Chunks: structure, sizes and coverage, with the embedding model's own tokenizer."""

import tracemalloc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer
from prodgen_pipeline.core.chunking import chunk, document_text
from prodgen_pipeline.core.configuration import ChunkingConfig
from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.core.models import Chunk, Element, ElementType
from prodgen_pipeline.core.redaction import PSEUDONYM
from prodgen_pipeline.core.sentences import sentence_spans
from prodgen_pipeline.core.word_pieces import PieceMap, spoken

TOKENIZER = WordPieceTokenizer.load()
SMALL = ChunkingConfig(max_tokens=40, min_tokens=10, heading_tokens=12)


def title(text: str, level: int) -> Element:
    return Element(type=ElementType.TITLE, text=text, level=level)


def paragraph(text: str, page: int | None = None) -> Element:
    return Element(type=ElementType.PARAGRAPH, text=text, page=page)


def item(text: str) -> Element:
    return Element(type=ElementType.LIST_ITEM, text=text)


def prose(n_sentences: int, word: str = "pump") -> str:
    return " ".join(f"Sentence {n} is about the {word} here." for n in range(n_sentences))


def cut(elements: list[Element], config: ChunkingConfig = SMALL) -> list[Chunk]:
    return chunk(elements, config, TOKENIZER)


def test_the_document_text_joins_the_elements_and_says_where_they_are():
    text, spans = document_text([paragraph("one"), paragraph("three")])
    assert text == "one\n\nthree"
    assert [text[start:end] for start, end in spans] == ["one", "three"]
    assert document_text([]) == ("", [])


def test_no_elements_make_no_chunks():
    assert cut([]) == []
    assert cut([paragraph(" \n ")]) == []


def test_a_chunk_does_not_go_past_a_title():
    elements = [
        title("A", 1),
        paragraph(prose(2)),
        title("B", 2),
        paragraph(prose(2)),
        title("C", 1),
        paragraph(prose(2)),
    ]
    found = cut(elements)
    assert [piece.heading_path for piece in found] == [("A",), ("A", "B"), ("C",)]
    assert found[1].text == f"B\n\n{prose(2)}"
    assert found[1].embedding_text == f"A > B\n{prose(2)}"


def test_a_small_section_is_joined_with_what_follows_under_the_same_parent():
    elements = [title("A", 1), title("B", 2), paragraph("Short."), title("C", 2), paragraph(prose(2)), title("D", 1)]
    found = cut([*elements, paragraph(prose(2))])
    assert [piece.heading_path for piece in found] == [("A",), ("D",)]
    assert found[0].embedding_text == f"A\nB\n\nShort.\n\nC\n\n{prose(2)}"


def test_a_small_section_is_not_joined_past_its_parent():
    found = cut(
        [title("A", 1), paragraph(prose(2)), title("B", 2), paragraph("Short."), title("C", 1), paragraph(prose(2))]
    )
    assert [piece.heading_path for piece in found] == [("A",), ("A", "B"), ("C",)]


def test_a_title_with_nothing_under_it_but_a_section_leads_that_section():
    found = cut([title("Manual", 1), title("Setup", 2), paragraph(prose(2))])
    assert [piece.heading_path for piece in found] == [("Manual", "Setup")]
    assert found[0].embedding_text == f"Manual > Setup\n{prose(2)}"
    assert found[0].text.startswith("Manual\n\nSetup\n\n")


def test_a_long_heading_path_keeps_its_own_title_and_the_documents():
    deep = [title("The document", 1), title("a very long title " * 5, 2), title("The section", 3), paragraph(prose(3))]
    found = cut(deep)
    assert all("The section" in piece.embedding_text.split("\n")[0] for piece in found)
    assert found[0].embedding_text.startswith("The document > ")
    assert all(piece.n_tokens <= SMALL.max_tokens for piece in found)


def test_paragraphs_stay_whole_where_they_fit_and_long_ones_are_cut_at_sentence_ends():
    whole = cut([paragraph(prose(3)), paragraph(prose(3, "motor"))])
    assert [piece.text for piece in whole] == [prose(3), prose(3, "motor")]
    long = cut([paragraph(prose(12))])
    assert len(long) > 2
    assert all(piece.text.endswith("here.") and piece.text.startswith("Sentence") for piece in long)


def test_a_sentence_too_long_is_cut_between_words_and_a_word_too_long_anywhere():
    words = cut([paragraph("word " * 100)])
    assert all(set(piece.text.split()) == {"word"} for piece in words)
    letters = cut([paragraph("ab.c" * 5000)])
    assert "".join(piece.text for piece in letters) == "ab.c" * 5000
    unspaced = cut([paragraph("漢字" * 300)])
    assert "".join(piece.text for piece in unspaced) == "漢字" * 300


def test_a_word_that_is_one_piece_to_the_model_still_does_not_make_a_huge_chunk():
    found = cut([paragraph("x" * 20_000)])
    assert max(len(piece.text) for piece in found) <= SMALL.max_tokens * 24


@pytest.mark.parametrize("character", ["👩\u200d🚀", "👍🏽", "ก็่", "e\u0301\u0323"])
def test_what_a_reader_sees_as_one_character_is_not_parted(character: str):
    found = cut([paragraph(character * 2_000)])
    assert len(found) > 1
    assert "".join(piece.text for piece in found) == character * 2_000
    assert all(len(piece.text) % len(character) == 0 for piece in found)


class Counting:
    """Counts what is tokenised."""

    n_calls = 0
    n_chars = 0

    def offsets(self, text: str) -> NDArray[np.int32]:
        self.n_calls += 1
        self.n_chars += len(text)
        return TOKENIZER.offsets(text)


@pytest.mark.parametrize("text", [prose(2_000), "漢字" * 20_000, "word " * 20_000, "a.b,c;" * 10_000])
def test_a_document_is_tokenised_once(text: str):
    counting = Counting()
    table = Element(type=ElementType.TABLE, text="\n".join(f"row {n}\tcell" for n in range(2_000)), has_header=True)
    chunk([title("A", 1), paragraph(text), table], ChunkingConfig(), counting)
    assert counting.n_calls == 1


def test_what_no_tokenizer_can_tell_apart_is_counted_again_once():
    counting = Counting()
    chunk([paragraph("x" * 200_000)], ChunkingConfig(), counting)
    assert counting.n_chars < 2.1 * 200_000


@pytest.mark.parametrize("text", [prose(6_000), "漢字" * 50_000, "x" * 200_000, "👩\u200d🚀" * 60_000])
def test_memory_stays_within_twenty_times_the_text(text: str):
    tracemalloc.start()
    try:
        chunk([title("A", 1), paragraph(text)], ChunkingConfig(), TOKENIZER)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * len(text.encode())


def test_a_section_does_not_end_in_a_crumb():
    sizes = [piece.n_tokens for piece in cut([paragraph(prose(10))])]
    assert min(sizes) >= SMALL.min_tokens


def test_a_paragraph_that_announces_a_list_and_a_title_go_with_what_follows():
    found = cut([paragraph(prose(3)), paragraph("You need the following things:"), item(prose(1)), item(prose(1))])
    assert found[1].text.startswith("You need the following things:")


def test_lists_are_cut_between_items():
    items = [item(f"{prose(1)} Item {n}") for n in range(8)]
    for piece in cut(items):
        assert all(part in {element.text for element in items} for part in piece.text.split("\n\n"))


def test_code_is_cut_at_blank_lines_and_keeps_its_indentation():
    function = "def name(argument):\n    value = call(argument)\n    return value"
    found = cut([Element(type=ElementType.CODE, text="\n\n".join([function] * 6))])
    assert len(found) > 1
    assert all(piece.text.split("\n\n")[0] == function for piece in found)
    body = cut([Element(type=ElementType.CODE, text="class A:\n" + "    statement(one, two)\n" * 20)])
    assert all(piece.text.startswith("    statement") for piece in body[1:])


def test_a_large_table_is_cut_between_rows_and_repeats_its_header():
    rows = [f"part {n}\t{n * 10} mm\tsteel" for n in range(30)]
    table = Element(type=ElementType.TABLE, text="\n".join(["name\tsize\tmaterial", *rows]), has_header=True)
    found = cut([title("Parts", 1), table])
    text, _ = document_text([title("Parts", 1), table])
    assert len(found) > 3
    assert found[0].text.startswith("Parts\n\nname\tsize")
    for piece in found[1:]:
        header, *body = piece.text.split("\n")
        assert header == "name\tsize\tmaterial"
        assert "\n".join(body) == text[piece.start : piece.end]
    assert [row for piece in found for row in piece.text.split("\n") if row.startswith("part")] == rows


def test_a_table_that_fits_into_a_chunk_is_not_cut():
    table = Element(type=ElementType.TABLE, text="\n".join(["name\tsize", *(f"part {n}\t{n}" for n in range(9))]))
    found = cut([paragraph(prose(2)), table, paragraph(prose(2))])
    assert table.text in [piece.text for piece in found]


def test_a_table_wider_than_a_chunk_is_cut_between_cells():
    row = "\t".join(f"c{n}" for n in range(400))
    found = cut([Element(type=ElementType.TABLE, text=f"{row}\n{row}", has_header=True)])
    assert [cell for piece in found for cell in piece.text.split()] == (row.split("\t") * 2)


def test_a_list_item_is_not_cut_where_it_fits_and_stays_with_the_line_that_announces_it():
    found = cut([paragraph(prose(2)), item(prose(4)), item(prose(3)), item("It needs:"), item(prose(2))])
    assert [piece.text for piece in found] == [prose(2), prose(4), prose(3), f"It needs:\n\n{prose(2)}"]


def test_what_fits_alone_is_not_cut_because_its_introduction_does_not_fit_beside_it():
    code = Element(type=ElementType.CODE, text="\n".join(f"call {n}" for n in range(16)), language="python")
    found = cut([title("Example", 1), paragraph(f"{prose(1)} See what follows here:"), code])
    assert code.text in [piece.text for piece in found]
    # Its heading is in the path already and counts once.
    alone = cut([title("An example of a call", 1), code])
    assert [piece.text for piece in alone] == [f"An example of a call\n\n{code.text}"]


def test_the_documents_own_title_leads_the_path_where_no_heading_says_it():
    rows = [paragraph(prose(3)), paragraph(prose(3, "motor"))]
    found = chunk(rows, SMALL, TOKENIZER, title="Pump   <PERSON_7f3a>")
    assert [piece.heading_path for piece in found] == [("Pump <PERSON_7f3a>",)] * 2
    assert found[0].embedding_text == f"Pump person\n{prose(3)}"
    assert found[0].text == prose(3)
    parts = [title("A", 1), paragraph(prose(2)), title("B", 1), paragraph(prose(2))]
    assert [each.heading_path for each in chunk(parts, SMALL, TOKENIZER, title="Doc")] == [("Doc", "A"), ("Doc", "B")]


@pytest.mark.parametrize(
    ("own", "headings"), [("the PUMP", ["The pump", "Care"]), ("Untitled.docx", ["The pump"]), (" ", []), (None, [])]
)
def test_the_documents_title_is_left_out_where_a_heading_names_the_document(own: str | None, headings: list[str]):
    elements = [element for text in headings for element in (title(text, 1), paragraph(prose(2)))]
    found = chunk([*elements, paragraph(prose(2))], SMALL, TOKENIZER, title=own)
    assert {path for piece in found for path in piece.heading_path} == set(headings)


def test_the_line_that_announces_a_large_table_stays_with_its_first_rows():
    table = Element(type=ElementType.TABLE, text="\n".join(f"part {n}\t{n * 10} mm\tsteel" for n in range(30)))
    found = cut([paragraph(prose(4)), paragraph("The parts are:"), table])
    assert found[0].text == prose(4)
    assert found[1].text.startswith("The parts are:\n\npart 0")


def test_a_small_table_stays_with_its_paragraph():
    table = Element(type=ElementType.TABLE, text="a\tb\n1\t2", has_header=True)
    found = cut([paragraph("Sizes are these."), table, paragraph("That is all.")])
    assert [piece.text for piece in found] == ["Sizes are these.\n\na\tb\n1\t2\n\nThat is all."]


def test_a_pseudonym_counts_as_its_type_word_and_stays_in_the_text():
    found = cut([paragraph("Write to <EMAIL_ADDRESS_7f3a9b2c>. " * 20)])
    assert all(piece.embedding_text == spoken(piece.text) for piece in found)
    assert "email address" in found[0].embedding_text
    assert found[0].text.startswith("Write to <EMAIL_ADDRESS_7f3a9b2c>.")
    assert found[0].n_tokens == len(TOKENIZER.offsets(found[0].embedding_text))


def test_overlap_repeats_sentences_of_prose_only():
    config = replace(SMALL, overlap_tokens=10)
    found = cut([paragraph(prose(12))], config)
    assert all(after.start < before.end for before, after in zip(found, found[1:], strict=False))
    assert all(piece.text.startswith("Sentence") for piece in found)
    items = cut([item(prose(1)) for _ in range(12)], config)
    assert all(after.start >= before.end for before, after in zip(items, items[1:], strict=False))


def test_pages_are_those_of_the_elements_in_a_chunk():
    found = cut([paragraph(prose(2), 3), paragraph("And this.", 4), paragraph(prose(3), 5)])
    assert [piece.pages for piece in found] == [(3, 4), (5,)]


@pytest.mark.parametrize(
    "sizes", [{"max_tokens": 8, "min_tokens": 2}, {"min_tokens": 30}, {"heading_tokens": 30}, {"overlap_tokens": 20}]
)
def test_sizes_that_contradict_each_other_are_refused(sizes: dict[str, int]):
    with pytest.raises(ConfigurationError, match="chunking"):
        cut([paragraph("x")], replace(SMALL, **sizes))


def test_piece_positions_are_those_of_the_redacted_text():
    text = "To <PERSON_7f3a> and <EMAIL_ADDRESS_0123abcd> now"
    pieces = PieceMap(text, TOKENIZER)
    assert pieces.count(0, len(text)) == len(TOKENIZER.offsets("To person and email address now"))
    assert pieces.count(text.index("now"), len(text)) == 1
    assert pieces.count(text.index("<EMAIL"), text.index(" now")) == 2


WORDS = st.sampled_from(
    [
        *"a b c".split(),
        "pump",
        "Zylinderkopfdichtung",
        "naïve",
        "漢字",
        "한국어",
        "e\u0301",
        "x" * 150,
        "ab.c" * 40,
        "<PERSON_7f3a>",
    ]
    + [
        "<EMAIL_ADDRESS_0123456789abcdef>",
        "end.",
        "Dr.",
        "3.5",
        ":",
        "\n",
        "\n\n",
        "\t",
        "   ",
        "\ufffd",
        "\u200b",
        "👩",
    ]
    + ["\n> quoted", "From: a", "def f():\n", "\n    ", "{", "}", '"', "#", "'"]
)
TEXTS = st.lists(WORDS, max_size=60).map(" ".join) | st.lists(WORDS, max_size=30).map("".join)
ELEMENTS = st.lists(
    st.builds(
        Element,
        type=st.sampled_from(ElementType),
        text=TEXTS,
        level=st.none() | st.integers(1, 4),
        page=st.none() | st.integers(1, 3),
        has_header=st.booleans(),
        language=st.sampled_from([None, "python", "java", "js"]),
    ),
    max_size=8,
)
CONFIGS = st.sampled_from(
    [
        SMALL,
        replace(SMALL, overlap_tokens=10, parent_tokens=90),
        ChunkingConfig(max_tokens=16, min_tokens=0, heading_tokens=4, overlap_tokens=4, parent_tokens=40),
    ]
)


@settings(deadline=None, max_examples=150)
@given(ELEMENTS, CONFIGS, st.none() | TEXTS)
def test_every_visible_character_is_in_a_chunk_and_no_chunk_is_too_large(
    elements: list[Element], config: ChunkingConfig, name: str | None
):
    text, _ = document_text(elements)
    found = chunk(elements, config, TOKENIZER, title=name)
    covered = np.zeros(len(text) + 1, bool)
    for ordinal, piece in enumerate(found):
        covered[piece.start : piece.end] = True
        assert piece.ordinal == ordinal
        assert piece.text.strip()
        assert piece.n_tokens == len(TOKENIZER.offsets(piece.embedding_text))
        assert piece.n_tokens <= config.max_tokens
    assert all(covered[place] for place, character in enumerate(text) if not character.isspace())
    assert [piece.start for piece in found] == sorted(piece.start for piece in found)


@settings(deadline=None, max_examples=100)
@given(ELEMENTS, CONFIGS)
def test_a_chunk_is_its_span_below_lines_repeated_from_the_same_element(
    elements: list[Element], config: ChunkingConfig
):
    text, spans = document_text(elements)
    for piece in chunk(elements, config, TOKENIZER):
        repeated = piece.text.removesuffix(text[piece.start : piece.end])
        assert repeated + text[piece.start : piece.end] == piece.text
        if repeated:
            index = next(at for at, (begin, end) in enumerate(spans) if begin <= piece.start < end)
            assert elements[index].type in (ElementType.TABLE, ElementType.CODE)
            before = text[spans[index][0] : piece.start].split("\n")
            assert repeated.endswith("\n")
            assert set(repeated.removesuffix("\n").split("\n")) <= {*before, ""}


@settings(deadline=None, max_examples=100)
@given(ELEMENTS, CONFIGS)
def test_chunks_overlap_only_inside_one_paragraph_and_never_part_a_pseudonym(
    elements: list[Element], config: ChunkingConfig
):
    text, spans = document_text(elements)
    found = chunk(elements, config, TOKENIZER)
    for before, after in pairwise(found):
        if after.start < before.end:
            assert config.overlap_tokens
            assert any(
                begin <= after.start and before.end <= end and element.type is ElementType.PARAGRAPH
                for element, (begin, end) in zip(elements, spans, strict=True)
            )
    for match in PSEUDONYM.finditer(text):
        for piece in found:
            assert not match.start() < piece.start < match.end()
            assert not match.start() < piece.end < match.end()


@settings(deadline=None, max_examples=100)
@given(ELEMENTS, CONFIGS)
def test_a_parent_holds_its_chunk_within_one_section_and_its_size(elements: list[Element], config: ChunkingConfig):
    text, _ = document_text(elements)
    found = chunk(elements, config, TOKENIZER)
    pieces = PieceMap(text, TOKENIZER)
    for piece in found:
        assert 0 <= piece.parent_first <= piece.ordinal <= piece.parent_last < len(found)
        if piece.parent_first < piece.parent_last:
            first, last = found[piece.parent_first], found[piece.parent_last]
            assert pieces.cost(first.start, last.end) <= config.parent_tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Dr. Smith came. He ate 3.5 apples, e.g. red ones. Done.",
            ["Dr. Smith came.", "He ate 3.5 apples, e.g. red ones.", "Done."],
        ),
        ("See Fig. 3 for it. No. The answer is no. Next?", ["See Fig. 3 for it.", "No.", "The answer is no.", "Next?"]),
        ("Steps: 1. Install it. 2. Run it.", ["Steps: 1. Install it.", "2. Run it."]),
        ("第一句。第二句！「第三。」第四", ["第一句。", "第二句！", "「第三。」", "第四"]),
        ("spaced . Like this . Yes", ["spaced .", "Like this .", "Yes"]),
        ("call os.path.join() now. Then stop", ["call os.path.join() now.", "Then stop"]),
        ("one\n\ntwo", ["one", "two"]),
        (" ", []),
    ],
)
def test_sentences_end_where_a_reader_says(text: str, expected: list[str]):
    assert [text[start:end] for start, end in sentence_spans(text)] == expected
