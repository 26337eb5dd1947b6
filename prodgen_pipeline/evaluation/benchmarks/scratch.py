"""A tenant of its own on a temporary home: what is measured there touches nobody's index and is gone afterwards.

Belongs here: the home, the copy of the corpus, a sync in a process of its own. Does not: what is made of the figures.
"""

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prodgen_pipeline.core.errors import NotFound, PermanentError
from prodgen_pipeline.evaluation.benchmarks.processes import PeakMemory, cpu_seconds, watched_memory
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import embedded, sources, tenants
from prodgen_pipeline.storage.connection import Databases, open_databases
from prodgen_pipeline.storage.tenants import Tenant

TENANT = "benchmark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """An embedded server on a temporary home, with one tenant and its sources."""

    settings: Settings
    databases: Databases
    tenant: Tenant
    #: The postmaster.
    postgres_pid: int
    #: The tenant's sources by name, copied: benchmarks may change them.
    folders: Mapping[str, Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncFigures:
    """One `sync` in a process of its own: what it did, and what it cost from its start to its end."""

    n_documents: int
    n_quarantined: int
    chunks_embedded: int
    chunks_reused: int
    wall_seconds: float
    #: Of the pipeline's process and its workers.
    pipeline_cpu_seconds: float
    postgres_cpu_seconds: float
    #: Wall seconds by stage.
    stage_seconds: dict[str, float]
    memory: PeakMemory

    @property
    def cpu_seconds(self) -> float:
        """Pipeline, workers and PostgreSQL together."""
        return self.pipeline_cpu_seconds + self.postgres_cpu_seconds


@contextmanager
def scratch(
    settings: Settings, folders: Mapping[str, Path], *, groups: Mapping[str, list[str]] | None = None
) -> Iterator[Scratch]:
    """Start a server on a temporary home and register copies of the folders as sources of one tenant.

    The configuration is that of `settings`; its home, databases and object store are not used. `groups` says who may
    read a source, by its name; without it everybody may. Raises NotFound for a folder that is not there.
    """
    for folder in folders.values():
        if not folder.is_dir():
            raise NotFound(f"there is no folder {folder} to measure with")
    with tempfile.TemporaryDirectory(prefix="prodgen-bench-") as temporary:
        root = Path(temporary)
        copies = {name: root / "sources" / name for name in folders}
        for name, folder in folders.items():
            shutil.copytree(folder, copies[name], ignore_dangling_symlinks=True)
        own = _own_settings(settings, root / "home")
        try:
            with open_databases(own) as databases:
                yield Scratch(
                    settings=own,
                    databases=databases,
                    tenant=_register(databases, copies, groups or {}),
                    postgres_pid=embedded.status(own.require_home()).postgres_pid,
                    folders=copies,
                )
        finally:
            embedded.stop(own.require_home())


def sync_in_own_process(at: Scratch) -> SyncFigures:
    """Run one sync as a command would, in a fresh process; raises PermanentError where it fails."""
    postgres_before = cpu_seconds(at.postgres_pid)
    started = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "prodgen_pipeline.evaluation.benchmarks.sync_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child, watched_memory(child.pid) as peak:
        out, _ = _spoken_to(child, pickle.dumps((at.settings, TENANT)))
        # The kernel's account of the process with all workers that it waited for.
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
    if child.returncode != 0:
        raise PermanentError(f"the sync that was to be measured failed with exit code {child.returncode}")
    done: dict[str, Any] = pickle.loads(out)  # noqa: S301 - written by the process started above
    return SyncFigures(
        n_documents=done["n_documents"],
        n_quarantined=done["n_quarantined"],
        chunks_embedded=done["chunks_embedded"],
        chunks_reused=done["chunks_reused"],
        stage_seconds=done["stage_seconds"],
        wall_seconds=wall,
        pipeline_cpu_seconds=used.ru_utime + used.ru_stime,
        postgres_cpu_seconds=cpu_seconds(at.postgres_pid) - postgres_before,
        memory=peak,
    )


def _spoken_to(child: "subprocess.Popen[bytes]", message: bytes) -> tuple[bytes, None]:
    """Write the message, read to the end; `communicate` would reap the child, and its account would be lost."""
    if child.stdin is None or child.stdout is None:
        raise PermanentError("the process to be measured has no pipes")
    child.stdin.write(message)
    child.stdin.close()
    return child.stdout.read(), None


def _own_settings(settings: Settings, home: Path) -> Settings:
    home.mkdir(mode=0o700)
    return replace(
        settings, home=home, database_url=None, serving_database_url=None, object_store=None, master_key_file=None,
        embedded=replace(settings.embedded, linger_seconds=0.0),
    )  # fmt: skip


def _register(databases: Databases, folders: Mapping[str, Path], groups: Mapping[str, list[str]]) -> Tenant:
    with databases.pipeline.transaction() as tx:
        tenant = tenants.add(tx, TENANT)
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        for name, folder in folders.items():
            sources.add(tx, name, str(folder), include=[], exclude=[], groups=groups.get(name, []))
    return tenant
