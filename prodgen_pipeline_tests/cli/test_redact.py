"""`prodgen redact`: offline, offsets of the input, one token a value."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.cli.redact import _filter
from prodgen_pipeline.core.configuration import RedactionConfig

Prodgen = Callable[..., Any]
TEXT = "Mail ann@example.org or bob@example.com, not ann@example.org.\r\n"


def test_values_are_replaced_by_one_token_each_and_offsets_count_characters_of_the_input(prodgen: Prodgen) -> None:
    done = prodgen("redact", "--json", given=f"Ä {TEXT}".encode()).json
    values = [f"Ä {TEXT}"[span["start"] : span["end"]] for span in done["spans"]]
    assert values == ["ann@example.org", "bob@example.com", "ann@example.org"]
    assert "example" not in done["text"]
    assert done["text"].endswith("\r\n")
    first, second, third = (done["text"].split()[at].strip(",.") for at in (2, 4, 6))
    assert first == third != second


def test_a_text_goes_through_a_file_and_back_as_it_is(prodgen: Prodgen, tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_bytes("Nothing personal.\r\nÄ".encode())
    assert prodgen("redact", "plain.txt").out == "Nothing personal.\r\nÄ"
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    assert prodgen("redact", "latin.txt").code == 2


def test_a_batch_streams_in_order_and_a_later_policy_finds_more(prodgen: Prodgen) -> None:
    lines = b"".join(json.dumps({"id": n, "text": TEXT}).encode() + b"\n" for n in range(3))
    done = prodgen("redact", "--batch", "-", given=lines).lines
    assert [line["id"] for line in done] == [0, 1, 2]
    assert len({line["text"] for line in done}) == 1
    assert set(done[0]["spans"][0]) == {"start", "end", "label", "score"}
    assert "example" in prodgen("redact", "--policy", "secrets", given=TEXT.encode()).out


def test_a_malformed_line_ends_the_batch_with_its_number(prodgen: Prodgen) -> None:
    for line in (b"not json", b"[1]", b'{"id": 1, "text": 2}', b'{"text": "no id"}', b'{"id": 1, "text": "\\ud800"}'):
        ended = prodgen("redact", "--batch", "-", given=b'{"id": 0, "text": "fine"}\n' + line + b"\n")
        assert ended.code == 2, line
        assert "line 2" in ended.err
        assert len(ended.lines) == 1


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(["ann@example.org", "see", "b@example.com", "10.1.2.3", "\n"]), max_size=12))
def test_a_redacted_text_has_nothing_left_to_redact(words: list[str]) -> None:
    redacted = _filter(RedactionConfig(policy="pii"))
    text, _ = redacted(" ".join(words))
    assert redacted(text) == (text, [])
