"""Our English pipeline as it is packed, and the names that are found with it."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.clients.language import VERSION, find_names, language_pipeline, pipeline_version
from prodgen_pipeline.clients.language.lexicon import Lexicon, read_lexicon, write_lexicon
from prodgen_pipeline.clients.language.selection import MODEL

LABELS = {"PERSON", "LOCATION", "ORGANIZATION"}


def names_of(text: str, label: str = "PERSON") -> list[str]:
    return [text[span.start : span.end] for span in find_names([text], own=True)[0] if span.label == label]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I talked to Maria Gonzalez about the contract yesterday.", "Maria Gonzalez"),
        ("Please ask Robert Miller whether the invoice was paid.", "Robert Miller"),
        ("The report was written by Dr. Susan Clark of the lab.", "Susan Clark"),
        ("my name is james wilson and my order never came", "james wilson"),
        ("Kind regards,\nThomas Becker\nHead of Sales", "Thomas Becker"),
    ],
)
def test_a_person_is_found_in_letters_prose_and_chat(text: str, name: str) -> None:
    assert names_of(text) == [name]


def test_places_are_found() -> None:
    assert names_of("She moved from Germany to California in 2019.", "LOCATION") == ["Germany", "California"]


@pytest.mark.parametrize(
    "text",
    [
        "The function returns a list of integers and raises an error when the file is missing.",
        "Set the timeout to thirty seconds. Then restart the server.",
        "def get_value(self, key): return self.data[key]",
        "",
        " \n\n\t ",
        "12345 67890",
    ],
)
def test_text_without_names_has_none(text: str) -> None:
    assert find_names([text], own=True) == [[]]


def test_a_name_never_goes_over_the_end_of_a_line() -> None:
    text = "From: Anna Schmidt\nTo: Peter Jones\nSubject: lunch"
    assert names_of(text) == ["Anna Schmidt", "Peter Jones"]


def test_offsets_count_in_the_text_that_was_given_however_long_it_is() -> None:
    filler = "The pump was checked and the pressure was normal. " * 400
    text = filler + "Then Michael Brown signed the form. " + filler
    assert names_of(text) == ["Michael Brown"]


def test_the_possessive_is_not_part_of_the_name() -> None:
    assert names_of("We met at Jennifer Adams's house.") == ["Jennifer Adams"]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=200), max_size=4))
def test_findings_are_in_order_disjoint_and_inside_the_text(texts: list[str]) -> None:
    found = find_names(texts, own=True)
    assert len(found) == len(texts)
    for text, spans in zip(texts, found, strict=True):
        at = 0
        for span in spans:
            assert at <= span.start < span.end <= len(text)
            assert span.label in LABELS
            assert 0 < span.score <= 1
            at = span.end


def test_threads_find_what_one_thread_finds() -> None:
    texts = [f"Letter {number}: Karen Wright met David Lopez in Boston." for number in range(40)]
    alone = [find_names([text], own=True) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda text: find_names([text], own=True), texts)) == alone


def test_a_text_has_the_same_names_alone_and_among_others() -> None:
    texts = ["Karen Wright lives in Boston.", "No one was there.", "David Lopez called."]
    assert find_names(texts, own=True) == [find_names([text], own=True)[0] for text in texts]


def test_words_have_penn_treebank_tags_and_sentences_have_ends() -> None:
    doc = language_pipeline(own=True)("The old man bought three books. He reads them slowly.")
    assert [token.tag_ for token in doc][:6] == ["DT", "JJ", "NN", "VBD", "CD", "NNS"]
    assert [sentence.text for sentence in doc.sents] == ["The old man bought three books.", "He reads them slowly."]


def test_a_finding_names_the_pipeline_and_its_version() -> None:
    (span,) = find_names(["Ask Robert Miller about it."], own=True)[0]
    assert span.rule == f"en_prodgen-{VERSION}" == pipeline_version(own=True)


def test_the_pipeline_is_loaded_once() -> None:
    assert language_pipeline(own=True) is language_pipeline(own=True)


def test_the_package_carries_no_more_than_eight_megabytes() -> None:
    assert sum(path.stat().st_size for path in MODEL.iterdir()) <= 8_000_000


def test_importing_the_room_does_not_import_spacy() -> None:
    code = "import sys, prodgen_pipeline.clients.language; sys.exit('spacy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_lexicon_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = Lexicon({"will": "fw", "özil": "l", "paris": "fp"})
    write_lexicon(written, tmp_path / "lexicon.txt")
    read = read_lexicon(tmp_path / "lexicon.txt")
    assert read == written
    assert read.is_name("Özil")
    assert not read.is_name("Will")
    assert read.classes("unknown") == ""


def test_a_name_goes_on_in_the_next_line_of_wrapped_prose() -> None:
    text = "The changes that are described here were suggested by her friend Elizabeth\nTaylor, who tested them."
    assert names_of(text) == ["Elizabeth\nTaylor"]
