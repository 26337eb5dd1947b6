"""Erasing, holding and retention as a person types them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from prodgen_pipeline_tests.cli.conftest import Prodgen


@pytest.fixture
def tenant(prodgen: Prodgen, tmp_path: Path) -> Iterator[str]:
    store = tmp_path / "store"
    store.mkdir()
    (store / "old.md").write_text("# Old\n\nThis page about pumps is old, and nobody has looked at it for years.\n")
    (store / "mail.md").write_text("# Mail\n\nQuestions go to wendeline@example.org, who answers within a day.\n")
    os.utime(store / "old.md", (1_000_000_000, 1_000_000_000))
    name = f"t{abs(hash(tmp_path)) % 10**9}"
    prodgen("tenant", "add", name)
    prodgen("source", "add", name, "files", str(store), "--retention-days", "365")
    assert prodgen("sync", name).code == 0
    yield name
    for hold in prodgen("hold", "list", name, "--json").json:
        prodgen("hold", "release", name, str(hold["hold_id"]))
    prodgen("tenant", "remove", name)


def test_a_person_is_erased_with_a_receipt(prodgen: Prodgen, tenant: str) -> None:
    receipt = prodgen("erase", tenant, "--subject", "wendeline@example.org", "--json").json
    assert receipt["verified"] is True
    assert receipt["found"]["documents"] == 1
    [chunk] = prodgen("documents", "show", tenant, "mail.md", "--json").json["chunks"]
    assert "Questions go to <ERASED>, who answers within a day." in chunk["text"]
    actions = [line["action"] for line in prodgen("audit", "export", tenant).lines]
    assert "erasure.begin" in actions
    assert "erasure.end" in actions
    assert "wendeline" not in prodgen("audit", "export", tenant).out


def test_erase_wants_one_thing_to_erase_and_says_what_is_not_there(prodgen: Prodgen, tenant: str) -> None:
    assert prodgen("erase", tenant).code == 2
    assert prodgen("erase", tenant, "--subject", "abc", "--document", "x").code == 2
    assert prodgen("erase", tenant, "--document", "nothing.md").code == 1
    told = prodgen("erase", tenant, "--document", "mail.md")
    assert told.code == 0
    assert "nothing is left" in told.out


def test_holds_are_placed_listed_and_released(prodgen: Prodgen, tenant: str) -> None:
    hold = prodgen("hold", "add", tenant, "--document", "mail.md", "--reason", "a case", "--json").json["hold_id"]
    other = prodgen("hold", "add", tenant, "--subject", "wendeline@example.org", "--reason", "another", "--json").json
    listed = prodgen("hold", "list", tenant, "--json").json
    assert [(row["kind"], row["document"]) for row in listed] == [("document", "mail.md"), ("subject", None)]
    refused = prodgen("source", "remove", tenant, "files")
    assert (refused.code, "1 documents are on legal hold" in refused.err) == (1, True)
    assert prodgen("tenant", "remove", tenant).code == 1
    receipt = prodgen("erase", tenant, "--document", "mail.md", "--json").json
    assert len(receipt["held_back"]) == 1
    assert prodgen("hold", "release", tenant, str(hold), "--json").json["removed"] == {}
    assert prodgen("hold", "release", tenant, str(other["hold_id"]), "--json").json["removed"] == {"erasure": 1}
    assert prodgen("hold", "release", tenant, str(hold)).code == 1
    assert prodgen("hold", "add", tenant, "--reason", "nothing named").code == 2


def test_retention_says_first_and_then_does(prodgen: Prodgen, tenant: str) -> None:
    prodgen("hold", "add", tenant, "--document", "mail.md", "--reason", "a case")
    [row] = prodgen("retention", "apply", tenant, "--dry-run", "--json").json
    assert (row["uri"], row["outcome"]) == ("old.md", "would be deleted")
    assert prodgen("documents", "show", tenant, "old.md").code == 0
    assert "old.md" in prodgen("retention", "apply", tenant).out
    assert prodgen("documents", "show", tenant, "old.md").code == 1
    assert prodgen("retention", "apply", tenant).out == "nothing is too old\n"
    assert prodgen("retention", "set", tenant, "--days", "30").code == 0
