"""Drops from a lock file the packages that overrides.txt rules out on every platform (`sys_platform == 'never'`).

The resolver keeps them for completeness; whoever reads the lock, a scanner included, should see only what is installed.
"""

import re
import sys
from pathlib import Path

#: A requirement with the indented lines that continue it.
_ENTRY = re.compile(r"^\S.*\n(?:[ \t].*\n)*", re.MULTILINE)
_NEVER = re.compile(r"^[^\\\n]*;[^\\\n]*\bsys_platform == 'never'")


def without_never_installed(lock: str) -> str:
    """The lock file's text without those entries."""
    return _ENTRY.sub(lambda entry: "" if _NEVER.match(entry.group()) else entry.group(), lock)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(without_never_installed(path.read_text(encoding="utf-8")), encoding="utf-8")
