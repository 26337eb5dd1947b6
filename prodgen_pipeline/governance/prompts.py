"""Prompts as versioned files, `NAME.vN.md` in this room's prompts/: a file that was released is never edited."""

from functools import cache
from pathlib import Path

from prodgen_pipeline.core.errors import NotFound

#: Those that are not for wording answers: a follow-up that stands alone, whether a sentence is borne out.
REWRITE, SUPPORT = "rewrite.v1", "support.v1"
SUPPORTING = (REWRITE, SUPPORT)
FOLDER = Path(__file__).parent / "prompts"


@cache
def load(name: str) -> str:
    """Return a prompt file's text by its name and version, such as `answer.v1`; raises NotFound."""
    path = FOLDER / f"{name}.md"
    if path.parent != FOLDER or not path.is_file():
        raise NotFound(f"there is no prompt {name}: the installed ones are {', '.join(names())}")
    return path.read_text(encoding="utf-8")


def names() -> list[str]:
    """Names of the installed prompts."""
    return sorted(path.stem for path in FOLDER.glob("*.md"))
