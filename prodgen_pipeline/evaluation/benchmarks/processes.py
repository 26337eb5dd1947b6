"""CPU time and memory of a process with everything it started, read from Linux's /proc.

Belongs here: accounting. Does not: what is run. A process that ended is counted in the one that waited for it, so that
nothing is lost however short it lived.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prodgen_pipeline.core.errors import ConfigurationError

_PROC = Path("/proc")
_MEGABYTE = 1_000_000
#: Reading the memory maps of a pipeline takes some 40 ms of CPU, which other processes then lack.
SAMPLE_SECONDS = 1.0


@dataclass(slots=True, kw_only=True)
class PeakMemory:
    """The highest values seen, in megabytes (10^6 bytes).

    Proportional set size shares out what several processes map, so a sum of it counts every page once; a sum of
    resident set sizes counts shared pages as often as they are mapped.
    """

    pss_mb: float = 0.0
    rss_mb: float = 0.0
    #: Of the largest single process.
    largest_rss_mb: float = 0.0
    n_processes: int = 0


def require_proc() -> None:
    """Raise ConfigurationError where there is no /proc."""
    if not (_PROC / "self" / "stat").exists():
        raise ConfigurationError("this benchmark reads /proc, which only Linux has: run it there")


def cpu_seconds(root: int) -> float:
    """CPU time that a process, all its living descendants, and the ended ones that were waited for have used."""
    tick = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for pid in tree(root):
        fields = _stat(pid)
        if fields is not None:
            # utime, stime, and both of waited-for children: proc(5) counts fields from 1, these after the name.
            total += sum(int(value) for value in fields[11:15]) / tick
    return total


def tree(root: int) -> list[int]:
    """A living process and all its living descendants, ancestors first."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) is not None:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def memory(root: int) -> PeakMemory:
    """What a process and its descendants hold now."""
    now = PeakMemory()
    for pid in tree(root):
        held = _memory(pid)
        if held is None:
            continue
        rss, pss = held
        now.rss_mb += rss
        now.pss_mb += pss
        now.largest_rss_mb = max(now.largest_rss_mb, rss)
        now.n_processes += 1
    return now


@contextmanager
def watched_memory(root: int) -> Iterator[PeakMemory]:
    """Sample a process tree every second while the block runs; the yielded record holds the peaks so far."""
    peak = PeakMemory()
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(root, peak, ended), daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def _watch(root: int, peak: PeakMemory, ended: threading.Event) -> None:
    while True:
        now = memory(root)
        for name in ("pss_mb", "rss_mb", "largest_rss_mb", "n_processes"):
            setattr(peak, name, max(getattr(peak, name), getattr(now, name)))
        if ended.wait(SAMPLE_SECONDS):
            return


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the command's name, None where the process is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text[text.rindex(")") + 1 :].split()


def _memory(pid: int) -> tuple[float, float] | None:
    """Resident and proportional set size in megabytes, None where the process is gone or not ours."""
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    values = {name: line.split()[0] for name, _, line in (each.partition(":") for each in lines[1:])}
    if "Rss" not in values:  # a zombie's map is empty
        return None
    return int(values["Rss"]) * 1024 / _MEGABYTE, int(values["Pss"]) * 1024 / _MEGABYTE
