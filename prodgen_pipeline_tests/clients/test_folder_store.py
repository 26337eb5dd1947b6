"""Folders as document stores."""

import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prodgen_pipeline.clients.document_stores import open_store
from prodgen_pipeline.core.errors import DocumentRejected, SourceUnavailable, UsageError

NAMES = st.text(alphabet=string.ascii_letters + "-._ 0é", min_size=1, max_size=4).filter(lambda name: name.strip(". "))
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), min_size=1, max_size=8, unique=True)


def write(folder: Path, paths: list[str]) -> set[str]:
    written = set()
    for path in paths:
        target = folder / path
        if any(parent.is_file() for parent in target.parents) or target.is_dir():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path)
        written.add(path)
    return {path for path in written if not any(part.startswith(".") for part in path.split("/"))}


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths=PATHS)
def test_a_listing_holds_every_file_once_in_code_point_order_and_resumes_anywhere(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    expected = sorted(write(folder, paths))
    store = open_store(str(folder))
    assert [entry.uri for entry in store.listing()] == expected
    for after in expected:
        assert [entry.uri for entry in store.listing(after)] == [uri for uri in expected if uri > after]


def test_globs_choose_and_links_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, ["a.md", "b.txt", "deep/c.md", "deep/draft-d.md", ".git/config"])
    (tmp_path / "link.md").symlink_to("/etc/hostname")
    store = open_store(str(tmp_path), include=["*.md"], exclude=["*draft*"])
    assert [entry.uri for entry in store.listing()] == ["a.md", "deep/c.md"]


def test_a_name_that_is_not_utf8_is_listed_and_read(tmp_path: Path) -> None:
    (Path(str(tmp_path)) / b"caf\xe9.txt".decode("utf-8", "surrogateescape")).write_text("coffee")
    store = open_store(str(tmp_path))
    [entry] = store.listing()
    assert entry.uri == "caf\\xe9.txt"
    assert store.read(entry.uri, max_bytes=100) == b"coffee"


def test_a_sign_tells_another_file_of_equal_size_and_time(tmp_path: Path) -> None:
    import os

    (tmp_path / "a.md").write_text("one")
    store = open_store(str(tmp_path))
    [before] = store.listing()
    stat = (tmp_path / "a.md").stat()
    (tmp_path / "b.md").write_text("two")
    os.utime(tmp_path / "b.md", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (tmp_path / "b.md").replace(tmp_path / "a.md")
    [after] = store.listing()
    assert before.sign != after.sign


def test_missing_folders_missing_files_and_too_large_files_are_three_different_errors(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="is not there"):
        list(open_store(str(tmp_path / "nowhere")).listing())
    store = open_store(str(tmp_path))
    with pytest.raises(SourceUnavailable, match="went away"):
        store.read("gone.md", max_bytes=10)
    (tmp_path / "big.md").write_text("x" * 11)
    with pytest.raises(DocumentRejected, match="larger than parsing.max_document_bytes"):
        store.read("big.md", max_bytes=10)


def test_a_kind_of_store_that_is_not_there_is_said_to_be_not_there() -> None:
    with pytest.raises(UsageError, match="s3:// are not supported yet"):
        open_store("s3://bucket/folder")
