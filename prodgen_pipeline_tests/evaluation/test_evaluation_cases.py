"""Golden sets: read strictly, kept by id."""

import json
from pathlib import Path

import pytest

from prodgen_pipeline.core.errors import NotFound, UsageError
from prodgen_pipeline.evaluation.cases import Case, keep_cases, list_cases, read_cases
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant

LEAVE = {"id": "a-1", "text": "How many days of leave?", "uris": ["leave.md"], "answer": "25 days", "slice": "table"}
REFUSED = {"id": "a-2", "text": "How do I bake bread?", "refuse": True, "slice": "off_topic"}


def golden(folder: Path, *lines: object) -> Path:
    path = folder / "golden.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def test_lines_become_cases_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    assert read_cases(golden(tmp_path, LEAVE, "", REFUSED)) == [
        Case(case_id="a-1", question="How many days of leave?", uris=("leave.md",), answer="25 days", slice="table"),
        Case(case_id="a-2", question="How do I bake bread?", refuse=True, slice="off_topic"),
    ]


@pytest.mark.parametrize("tenant_name", ["acme-robotics", "northwind-clinic"])
def test_the_sample_golden_sets_can_be_read(tenant_name: str) -> None:
    sample = Path(__file__).parents[2] / "sample"
    cases = read_cases(sample / "golden" / f"{tenant_name}.jsonl")
    assert any(case.refuse for case in cases)
    assert all((sample / tenant_name / uri).exists() for case in cases for uri in case.uris)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{not json", "golden.jsonl:2: not JSON"),
        ({**LEAVE, "id": ""}, "golden.jsonl:2: id"),
        ({**LEAVE, "id": "a-1"}, "golden.jsonl:2: the id a-1 is used twice"),
        ({**LEAVE, "id": "b", "expected": "?"}, "golden.jsonl:2: expected"),
        ({"id": "b", "text": "?"}, "names at least one relevant document"),
        ({**REFUSED, "answer": "flour"}, "neither uris nor an answer"),
    ],
)
def test_a_line_that_is_no_case_is_named_with_its_place(tmp_path: Path, line: object, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        read_cases(golden(tmp_path, LEAVE, line))


def test_a_missing_golden_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.jsonl"):
        read_cases(tmp_path / "nowhere.jsonl")


def test_a_case_read_again_replaces_the_one_of_its_id(databases: Databases, tenant: Tenant) -> None:
    case = Case(case_id="a-1", question="How many days?", uris=("leave.md",))
    other = Case(case_id="a-2", question="How do I bake bread?", refuse=True)
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert keep_cases(tx, [case, other]) == 2
        keep_cases(tx, [Case(case_id="a-1", question="How many weeks?", uris=("leave.md",))])
        assert [each.question for each in list_cases(tx)] == ["How many weeks?", "How do I bake bread?"]
        keep_cases(tx, [case], replace=True)
        assert list_cases(tx) == [case]
