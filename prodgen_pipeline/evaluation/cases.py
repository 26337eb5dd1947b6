"""Golden cases: questions of a tenant with what must be found, said or refused.

Belongs here: reading them from JSON Lines, keeping them, listing them. Does not: asking them (run), scoring (scoring).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from prodgen_pipeline.core.errors import NotFound, UsageError
from prodgen_pipeline.storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One golden question."""

    case_id: str
    question: str
    #: Relevant documents, relative to their source, the one that holds the answer first; none for cases to refuse.
    uris: tuple[str, ...] = ()
    #: A short string that the answer must hold; runs of white space count as one space, case does not count.
    answer: str | None = None
    #: True where the corpus has no answer and the service must say so.
    refuse: bool = False
    #: Scores are also reported by slice.
    slice: str = "plain"

    def __post_init__(self) -> None:
        # Rows come with lists.
        object.__setattr__(self, "uris", tuple(self.uris))


class _Line(BaseModel):
    """One line of a golden set."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1)
    text: str = Field(min_length=1)
    uris: list[str] = []
    answer: str | None = None
    refuse: bool = False
    slice: str = Field(default="plain", min_length=1)

    @model_validator(mode="after")
    def _one_or_the_other(self) -> "_Line":
        if self.refuse and (self.uris or self.answer):
            raise ValueError("a case to refuse has neither uris nor an answer")
        if not self.refuse and not self.uris:
            raise ValueError("a case that is not to be refused names at least one relevant document in uris")
        return self


def read_cases(path: Path) -> list[Case]:
    """Read a golden set, one JSON object a line; blank lines are skipped.

    Raises:
        NotFound: the file is not there.
        UsageError: a line is no case, or two have the same id; the message names file, line and field, never the text.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise NotFound(f"the golden set {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text: a golden set is JSON Lines") from None
    cases: dict[str, Case] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        case = _case(line, f"{path}:{number}")
        if case.case_id in cases:
            raise UsageError(f"{path}:{number}: the id {case.case_id} is used twice")
        cases[case.case_id] = case
    return list(cases.values())


def keep_cases(tx: Transaction, cases: Iterable[Case], *, replace: bool = False) -> int:
    """Keep cases of the tenant, replacing those of the same id, or all with `replace`; returns how many."""
    if replace:
        tx.run("evaluation.remove_cases")
    rows = [
        {"case_id": each.case_id, "question": each.question, "uris": list(each.uris), "answer": each.answer,
         "refuse": each.refuse, "slice": each.slice}
        for each in cases
    ]  # fmt: skip
    tx.run_many("evaluation.keep_case", rows)
    return len(rows)


def list_cases(tx: Transaction) -> list[Case]:
    """The tenant's cases by id."""
    return tx.rows("evaluation.cases", Case)


def _case(line: str, where: str) -> Case:
    try:
        read = _Line.model_validate(json.loads(line))
    except json.JSONDecodeError as error:
        raise UsageError(f"{where}: not JSON ({error.msg})") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}: {field + ': ' if field else ''}{first['msg']}") from None
    return Case(
        case_id=read.id, question=read.text, uris=tuple(read.uris), answer=read.answer, refuse=read.refuse,
        slice=read.slice,
    )  # fmt: skip
