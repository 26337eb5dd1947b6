"""Where the embedded server keeps its files: paths, limits, doors. No server runs here."""

import errno
import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core.errors import ConfigurationError, DatabaseUnavailable
from prodgen_pipeline.storage.embedded.cluster import check_data_version, data_version, reasons, shared_buffers_mb
from prodgen_pipeline.storage.embedded.control import (
    Report,
    Request,
    State,
    Want,
    decode_report,
    decode_request,
    encode,
)
from prodgen_pipeline.storage.embedded.places import (
    MAX_SOCKET_PATH_BYTES,
    check_private,
    choose_socket_folder,
    control_socket,
    os_error_as_domain,
    places_of,
    prepare,
)


def test_a_short_home_keeps_its_sockets_to_itself(tmp_path):
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        places = places_of(Path(home))
        assert choose_socket_folder(places) == places.run


@pytest.mark.parametrize("name", ["h" * 120, "a,b", 'quo"te', "it's"])
def test_a_home_whose_path_carries_no_socket_gets_a_private_short_folder(tmp_path, name):
    home = tmp_path / name
    home.mkdir(mode=0o700)
    folder = choose_socket_folder(places_of(home))
    try:
        assert folder.parent == Path(tempfile.gettempdir())
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert len(os.fsencode(control_socket(folder))) <= MAX_SOCKET_PATH_BYTES
        assert choose_socket_folder(places_of(home)) == folder
    finally:
        folder.rmdir()


def test_a_short_folder_that_somebody_else_prepared_is_refused(tmp_path):
    home = tmp_path / ("h" * 120)
    home.mkdir(mode=0o700)
    folder = choose_socket_folder(places_of(home))
    try:
        folder.chmod(0o755)
        with pytest.raises(ConfigurationError, match="open to other users"):
            choose_socket_folder(places_of(home))
        folder.rmdir()
        folder.symlink_to(tmp_path)
        with pytest.raises(ConfigurationError, match="should be a folder of ours"):
            choose_socket_folder(places_of(home))
    finally:
        folder.unlink() if folder.is_symlink() else folder.rmdir()


def test_a_folder_of_another_user_is_refused(tmp_path):
    # A non-root user owns nothing of root's, root can make another's: either way somebody else's folder.
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(folder, 12345, 12345)
    else:
        folder = Path("/root") if Path("/root").exists() else Path("/")
    with pytest.raises(ConfigurationError, match="belongs to user id"):
        check_private(folder, owner_of_home=os.geteuid())


def test_no_folder_short_enough_is_one_clear_line(tmp_path, monkeypatch):
    home = tmp_path / ("h" * 120)
    home.mkdir()
    monkeypatch.setattr("prodgen_pipeline.storage.embedded.places.MAX_SOCKET_PATH_BYTES", 20)
    with pytest.raises(ConfigurationError, match="too long for a socket"):
        choose_socket_folder(places_of(home))


def test_a_missing_home_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no folder"):
        places_of(tmp_path / "nowhere")


def test_prepared_folders_are_for_the_owner_only(tmp_path):
    prepare(places_of(tmp_path))
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("run", "logs")} == {0o700}


def test_two_homes_never_share_an_identity_and_a_link_is_no_second_home(tmp_path):
    first, second, link = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    first.mkdir()
    second.mkdir()
    link.symlink_to(first)
    assert places_of(first).identity != places_of(second).identity
    assert places_of(link) == places_of(first)


@pytest.mark.parametrize(
    ("number", "kind", "word"),
    [
        (errno.ENOSPC, DatabaseUnavailable, "free some disk space"),
        (errno.EDQUOT, DatabaseUnavailable, "free some disk space"),
        (errno.EACCES, ConfigurationError, "give this user"),
        (errno.EROFS, ConfigurationError, "give this user"),
        (errno.EIO, DatabaseUnavailable, "cannot start"),
    ],
)
def test_a_failed_file_operation_says_what_to_do(number, kind, word):
    error = os_error_as_domain(OSError(number, os.strerror(number), "/somewhere"), Path("/home"))
    assert type(error) is kind
    assert word in str(error)
    assert "\n" not in str(error)


def test_an_empty_or_missing_data_folder_is_no_data_yet(tmp_path):
    places = places_of(tmp_path)
    assert data_version(places) is None
    places.data.mkdir()
    assert data_version(places) is None


def test_something_else_in_the_place_of_the_data_is_left_alone(tmp_path):
    places = places_of(tmp_path)
    places.data.mkdir()
    (places.data / "holiday.jpg").write_text("")
    with pytest.raises(ConfigurationError, match="is not a PostgreSQL data folder"):
        data_version(places)
    assert (places.data / "holiday.jpg").exists()


def test_data_of_another_version_is_refused(tmp_path):
    places = places_of(tmp_path)
    places.data.mkdir()
    (places.data / "PG_VERSION").write_text("16\n")
    check_data_version(places, 16)
    with pytest.raises(ConfigurationError, match="made by PostgreSQL 16"):
        check_data_version(places, 18)


def test_the_reasons_of_a_failure_are_the_lines_that_name_one():
    lines = [
        "LOG:  starting PostgreSQL 18.4",
        'FATAL:  could not write to file "pg_wal/xlogtemp.1": No space left on device',
        "LOG:  database system is shut down",
    ]
    assert reasons(lines) == lines[1]
    assert reasons(["one", "two", "three"]) == "two; three"
    assert reasons([]) == "it gave no reason"


@settings(deadline=None, max_examples=30)
@given(st.builds(Report, state=st.sampled_from(State), detail=st.text(), is_permanent=st.booleans()))
def test_a_report_survives_the_socket(report):
    line = encode(report)
    assert line.count(b"\n") == 1
    assert decode_report(line) == report


@settings(deadline=None, max_examples=30)
@given(st.builds(Request, want=st.sampled_from(Want), linger_seconds=st.floats(0, 1e6), version=st.integers(1, 99)))
def test_a_request_survives_the_socket(request):
    assert decode_request(encode(request)) == request


@settings(deadline=None, max_examples=50)
@given(st.binary())
def test_noise_on_the_socket_is_no_request(noise):
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's, Unicode's and our own are all ValueErrors
        decode_request(noise)


@pytest.mark.parametrize(("gigabytes", "expected"), [(0.25, 128), (2, 512), (24, 2048), (512, 2048)])
def test_the_database_caches_a_quarter_of_the_memory_within_bounds(gigabytes: float, expected: int) -> None:
    assert shared_buffers_mb(int(gigabytes * 2**30)) == expected
