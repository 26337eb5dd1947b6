"""Who the server runs as. What only root can try is tried by root; another user finds what it gets instead."""

import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.storage.embedded import privileges
from prodgen_pipeline.storage.embedded.binaries import program_folder, run_program
from prodgen_pipeline.storage.embedded.places import places_of
from prodgen_pipeline.storage.embedded.privileges import Method, adopt_files, choose_identity

_IS_ROOT = os.geteuid() == 0
_ROOT = str(Path(privileges.__file__).parents[3])

#: Takes each possible identity on in a child of one thread and prints what the child could do then.
_PROBE = """
import json, os, sys
from pathlib import Path
from prodgen_pipeline.storage.embedded import privileges
home, program = Path(sys.argv[1]), Path(sys.argv[2])
for identity in privileges._candidates_for_root(None):
    if not privileges._is_possible(identity, home, program):
        print(json.dumps({"method": identity.method.value, "possible": False}), flush=True)
        continue
    pid = os.fork()
    if pid == 0:
        privileges.assume(identity)
        (home / identity.method.name).write_text("x")
        print(json.dumps({"method": identity.method.value, "possible": True, "uid": os.geteuid(), "real": os.getuid(),
            "secret": Path(sys.argv[3]).read_text(), "access": os.access(sys.argv[3], os.R_OK)}), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
"""


def _probe(home, secret):
    import json

    program = program_folder(18) / "postgres"
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, str(home), str(program), str(secret)],
        capture_output=True,
        text=True,
        cwd=_ROOT,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_no_identity_is_root_and_each_works_in_a_folder_of_root_alone(tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    secret = home / "secret"
    secret.write_text("kept")
    secret.chmod(0o600)
    before = {path: stat.S_IMODE(path.stat().st_mode) for path in (home, *home.parents)}
    if not _IS_ROOT:
        identity = choose_identity(places_of(home), program_folder(18) / "postgres")
        assert (identity.method, identity.uid) == (Method.AS_WE_ARE, os.geteuid())
        return
    found = _probe(home, secret)
    possible = [one for one in found if one["possible"]]
    assert [one["method"] for one in found] == ["ambient capabilities", "user namespace"]
    assert possible, "this container allows neither way"
    for one in possible:
        assert one["uid"] == one["real"] != 0
        assert one["secret"] == "kept"
        # As initdb looks for its programs: access(2), which ignores capabilities unless told otherwise.
        assert one["access"]
    assert {path: stat.S_IMODE(path.stat().st_mode) for path in before} == before


def test_a_home_that_changes_between_containers_changes_its_owner(tmp_path):
    data = tmp_path / "postgres"
    (data / "base").mkdir(parents=True)
    (data / "base" / "1").write_text("x")
    ours = privileges.Identity(
        method=Method.AS_WE_ARE, uid=os.geteuid(), gid=os.getegid(), owner_uid=os.geteuid(), owner_gid=os.getegid()
    )
    if _IS_ROOT:
        nobody = pwd.getpwnam("nobody")
        for path in (data, data / "base", data / "base" / "1"):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    adopt_files(data, ours)
    assert {path.stat().st_uid for path in (data, data / "base", data / "base" / "1")} == {os.geteuid()}


def test_root_keeps_the_owner_that_the_data_has():
    if sys.platform != "linux":
        assert privileges._candidates_for_root(None) == []
        return
    assert [one.method for one in privileges._candidates_for_root((0, 0))][0] is Method.USER_NAMESPACE
    first = privileges._candidates_for_root((1234, 5678))[0]
    assert (first.method, first.uid, first.gid) == (Method.AMBIENT_CAPABILITIES, 1234, 5678)


def test_where_neither_way_is_open_there_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(privileges, "_candidates_for_root", lambda _: [])
    with pytest.raises(ConfigurationError, match="does not run as root") as caught:
        choose_identity(places_of(tmp_path), Path("/bin/true"))
    assert "\n" not in str(caught.value)


def test_data_of_another_user_is_refused_to_an_ordinary_user(tmp_path, monkeypatch):
    (tmp_path / "postgres").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(ConfigurationError, match="run prodgen as that user"):
        choose_identity(places_of(tmp_path), Path("/bin/true"))


@pytest.mark.parametrize("name", ["postgres", "pg_dump"])
@pytest.mark.parametrize("version", [16, 18])
def test_server_and_client_programs_run_from_one_function(tmp_path, name, version):
    assert f"(PostgreSQL) {version}" in run_program(name, ["--version"], home=tmp_path, version=version).decode()


def test_a_program_that_fails_says_why(tmp_path):
    with pytest.raises(Exception, match="pg_controldata failed with exit status 1: .*could not open"):
        run_program("pg_controldata", [str(tmp_path)], home=tmp_path)


def test_a_program_or_version_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="no program pg_nothing"):
        run_program("pg_nothing", [], home=tmp_path)
    with pytest.raises(ConfigurationError, match="not 9"):
        program_folder(9)
