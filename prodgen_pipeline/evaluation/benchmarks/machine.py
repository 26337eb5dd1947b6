"""The machine that a figure was measured on, in one line.

Belongs here: what a reader needs to compare two figures. Does not: any measuring.
"""

import os
import platform
from pathlib import Path

_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "sve")


def machine_line() -> str:
    """Processor, its vector units, processors this process may use, memory, system, Python and load."""
    processor, flags = _processor()
    known = " ".join(flag for flag in _FLAGS if flag in flags)
    parts = [
        f"{processor or platform.machine()}{f' ({known})' if known else ''}",
        f"{available_processors()} of {os.cpu_count()} processors",
        *_memory(),
        f"{platform.system()} {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}",
        f"load {os.getloadavg()[0]:.1f}",
    ]
    return ", ".join(parts)


def available_processors() -> int:
    """How many processors this process may run on."""
    # Not on macOS.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> tuple[str, set[str]]:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.processor(), set()
    lines = [line.partition(":") for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    values = {name.strip(): value.strip() for name, _, value in reversed(lines)}
    return values.get("model name", ""), set(values.get("flags", values.get("Features", "")).split())


def _memory() -> list[str]:
    if "SC_PHYS_PAGES" not in os.sysconf_names:
        return []
    return [f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GB"]
