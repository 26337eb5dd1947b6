"""Counting characters of what was found in labelled texts."""

import json

import pytest

from prodgen_pipeline.core.errors import NotFound, UsageError
from prodgen_pipeline.evaluation.benchmarks.redacting import LabelledText, quality, read_labelled


def test_recall_and_precision_count_characters_whatever_the_type():
    labelled = [LabelledText(text="0123456789", spans=((0, 4, "A"), (6, 8, "B")))]
    found = quality("half", lambda _: [(0, 2), (6, 10)], labelled)
    assert (found.recall, found.precision) == (4 / 6, 4 / 6)
    assert found.recall_by_label == {"A": 0.5, "B": 1.0}


def test_a_filter_that_finds_nothing_is_precise():
    labelled = [LabelledText(text="0123", spans=((0, 4, "A"),))]
    found = quality("none", lambda _: [], labelled)
    assert (found.recall, found.precision) == (0.0, 1.0)


def test_a_file_of_another_form_is_refused_with_its_line(tmp_path):
    path = tmp_path / "labelled.jsonl"
    good = json.dumps({"text": "Ann", "spans": [{"start": 0, "end": 3, "label": "PERSON"}]})
    path.write_text(good + "\n", encoding="utf-8")
    assert read_labelled(path) == [LabelledText(text="Ann", spans=((0, 3, "PERSON"),))]
    path.write_text(good + '\n{"text": "x"}\n', encoding="utf-8")
    with pytest.raises(UsageError, match="line 2"):
        read_labelled(path)
    path.write_text('{"text": "x", "spans": []}\n', encoding="utf-8")
    with pytest.raises(UsageError, match="no text has a labelled span"):
        read_labelled(path)
    with pytest.raises(NotFound):
        read_labelled(tmp_path / "absent.jsonl")
