"""Names in Greek, Cyrillic, Hebrew, Arabic, Han, Kana and Hangul, on sentences written for this test.

In `scripts/*.txt` a name stands in square brackets; lines without any hold cities, months, firms and words of the
language that are spelled like names.
"""

from pathlib import Path

import pytest

from prodgen_pipeline.core.configuration import RedactionConfig
from prodgen_pipeline.core.redaction import detect

PII = RedactionConfig(policy="pii")
SCRIPTS = Path(__file__).parent / "scripts"
#: The least share of the characters of names that must be found; measured when the rules were written: .87 to 1.
RECALL = {"arabic": 0.85, "cyrillic": 0.95, "east_asian": 0.98, "greek": 0.87, "hebrew": 0.87}


def sentences(script: str) -> list[tuple[str, set[int]]]:
    """Each line without its brackets, and the positions of what stood in them."""
    read = []
    for line in (SCRIPTS / f"{script}.txt").read_text(encoding="utf-8").splitlines():
        text, named, is_inside = "", set(), False
        for character in line:
            if character in "[]":
                is_inside = character == "["
                continue
            if is_inside:
                named.add(len(text))
            text += character
        read.append((text, named))
    return read


def persons(text: str) -> set[int]:
    return {
        position for span in detect(text, PII) if span.label == "PERSON" for position in range(span.start, span.end)
    }


@pytest.mark.parametrize("script", RECALL)
def test_names_are_found_in_the_sentences_of_a_script(script):
    marked = sentences(script)
    n_named = sum(len(named) for _, named in marked)
    n_found = sum(len(named & persons(text)) for text, named in marked)
    assert n_named > 90
    assert n_found / n_named >= RECALL[script]


@pytest.mark.parametrize("script", RECALL)
def test_sentences_that_name_nobody_are_left_alone(script):
    nobody = [text for text, named in sentences(script) if not named]
    assert len(nobody) >= 29
    assert [text for text in nobody if persons(text)] == []


def test_a_latin_name_with_letters_of_another_alphabet_is_still_a_latin_name():
    text = "Please ask Mr. Jоhn Smіth about it."  # о and і are Cyrillic.
    assert [text[span.start : span.end] for span in detect(text, PII)] == ["Jоhn Smіth"]
