"""Filters and widening from the command line: options, and lines of a batch."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Prodgen = Callable[..., Any]
EVERYTHING = {"rules/leave.md", "travel.txt"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    (folder / "rules").mkdir()
    (folder / "rules" / "leave.md").write_text("---\nstatus: final\n---\n# Leave\n\nEverybody has 25 days of leave.\n")
    (folder / "travel.txt").write_text("Train travel is refunded in full.\n")
    return folder


@pytest.fixture
def tenant(prodgen: Prodgen, store: Path) -> str:
    if prodgen("tenant", "add", "narrow").code == 0:
        assert prodgen("source", "add", "narrow", "files", str(store)).code == 0
        assert prodgen("sync", "narrow").code == 0
    return "narrow"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), EVERYTHING),
        (("--source", "files"), EVERYTHING),
        (("--source", "elsewhere"), set()),
        (("--type", "text/markdown"), {"rules/leave.md"}),
        (("--type", "text/markdown", "--type", "text/plain"), EVERYTHING),
        (("--under", "rules/"), {"rules/leave.md"}),
        (("--since", "1990-01-01"), EVERYTHING),
        (("--until", "1990-01-01"), set()),
        (("--where", "status=final"), {"rules/leave.md"}),
        (("--where", "Status=final", "--where", "x=y"), set()),
    ],
)
def test_options_narrow_a_search(prodgen: Prodgen, tenant: str, options: tuple[str, ...], expected: set[str]) -> None:
    hits = prodgen("search", tenant, "leave and travel", *options, "--json").json["hits"]
    assert {hit["uri"] for hit in hits} == expected


def test_options_narrow_an_answer(prodgen: Prodgen, tenant: str) -> None:
    question = "How many days of leave does everybody have?"
    assert not prodgen("ask", tenant, question, "--json").json["refused"]
    assert prodgen("ask", tenant, question, "--under", "travel", "--json").json["refused"]


def test_widen_gives_each_hit_its_context_and_prints_it(prodgen: Prodgen, tenant: str) -> None:
    assert "context" not in prodgen("search", tenant, "leave", "--json").json["hits"][0]
    assert "25 days" in prodgen("search", tenant, "leave", "--widen", "--json").json["hits"][0]["context"]
    assert "25 days" in prodgen("search", tenant, "leave", "--widen").out


def test_a_line_s_own_filter_goes_before_the_options(prodgen: Prodgen, tenant: str) -> None:
    lines = [
        {"id": 1, "text": "leave and travel"},
        {"id": 2, "text": "leave and travel", "filter": {"uri_prefix": "travel"}, "widen": True},
        {"id": 3, "text": "leave and travel", "filter": None},
    ]
    given = "\n".join(json.dumps(line) for line in lines).encode()
    found = prodgen("search", tenant, "--batch", "-", "--type", "text/markdown", given=given).lines
    assert [{hit["uri"] for hit in line["hits"]} for line in found] == [
        {"rules/leave.md"}, {"travel.txt"}, {"rules/leave.md"}
    ]  # fmt: skip
    assert ["context" in line["hits"][0] for line in found] == [False, True, False]
    asked = prodgen("ask", tenant, "--batch", "-", given=given).lines
    assert [line["id"] for line in asked] == [1, 2, 3]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--where", "status"), "KEY=VALUE"),
        (("--where", "=x"), "KEY=VALUE"),
        (("--where", "a=1", "--where", "A=2"), "twice"),
        (("--since", "soon"), "ISO 8601"),
        (("--type", "pdf"), "media type"),
    ],
)
def test_an_option_that_makes_no_sense_is_wrong_usage(prodgen: Prodgen, options: tuple[str, ...], said: str) -> None:
    ended = prodgen("search", "anybody", "x", *options)
    assert ended.code == 2
    assert said in ended.err


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"filter": {"source": "x"}}, "line 1: filter: unknown field"),
        ({"filter": []}, 'line 1: "filter" must be an object'),
        ({"widen": "yes"}, 'line 1: "widen" must be true or false'),
    ],
)
def test_a_line_that_makes_no_sense_is_wrong_usage_and_named(
    prodgen: Prodgen, tenant: str, extra: dict[str, object], said: str
) -> None:
    ended = prodgen("search", tenant, "--batch", "-", given=json.dumps({"id": 1, "text": "x", **extra}).encode())
    assert ended.code == 2
    assert said in ended.err
