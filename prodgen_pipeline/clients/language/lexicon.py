"""What is known of single words: first names, last names, places, and common English words.

Belongs here: reading the word list and asking it. Does not: how it was made (`training/language/words.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FIRST_NAME = "f"
LAST_NAME = "l"
PLACE = "p"
#: Written in lower case in ordinary text.
COMMON_WORD = "w"


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Lower-case words, each with the letters of its classes in the order of the alphabet."""

    words: Mapping[str, str]

    def classes(self, word: str) -> str:
        """Return the letters of a word's classes, an empty text for an unknown word; case does not count."""
        return self.words.get(word.lower(), "")

    def is_name(self, word: str) -> bool:
        """Whether the word is a first or a last name and not a common word."""
        classes = self.classes(word)
        return COMMON_WORD not in classes and (FIRST_NAME in classes or LAST_NAME in classes)


def read_lexicon(path: Path) -> Lexicon:
    """Read lines of `word classes`."""
    return Lexicon(dict(line.split() for line in path.read_text(encoding="utf-8").splitlines()))


def write_lexicon(lexicon: Lexicon, path: Path) -> None:
    """Write what `read_lexicon` reads, in the order of the alphabet."""
    lines = (f"{word} {classes}\n" for word, classes in sorted(lexicon.words.items()))
    path.write_text("".join(lines), encoding="utf-8")
