"""Runs of capitalised words: the places where names of persons, places and organisations can stand.

Belongs here: where such runs are and what their words look like. Does not: what they name (`persons`, `proper_nouns`).
Identifiers are no words: what touches an underscore, a digit, a slash, a call's bracket, or has capitals inside it
(`ThreadPool`, not `McDonald`) ends a run.
"""

import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from prodgen_pipeline.core.redaction.lexicon import plain


def _letters(category: str) -> str:
    """The letters of a category in the alphabets that have capitals, as the inside of a character class."""
    return "".join(chr(code) for code in range(0x41, 0x590) if unicodedata.category(chr(code)) == category)


#: The inside of a character class.
UPPER = _letters("Lu")
#: Words between the words of a name.
PARTICLE = r"(?:van|von|vom|der|den|de|di|da|del|della|du|dos|das|la|le|bin|ibn|al|el|ten|ter|zu|zur|af|av|y)"
#: A capitalised word, hyphens and apostrophes included, or initials.
WORD = rf"(?:[{UPPER}]\.(?:-?[{UPPER}]\.)*+|[{UPPER}][^\W\d_]*+(?:['’-][^\W\d_]++)*+)"

_RUN = re.compile(rf"(?<![\w@/\\`$#=.-]){WORD}(?:[ ](?:{PARTICLE}[ ]){{0,2}}{WORD})*+")
_EACH = re.compile(WORD)
_INNER_CAPITAL = re.compile(rf"(?:Mc|Mac|De|Di|Du|La|Le|Van|O|D|L)?['’]?[{UPPER}][^{UPPER}]*")
_POSSESSIVE = re.compile(r"['’][sS]$")
_CONTRACTION = re.compile(r"(?i)(?:n['’]t|['’](?:m|re|ve|ll|d))$")
_SENTENCE_END = frozenset('.!?:;"“”‘«»()[]{}*•>#|-–—\ue000')
_MAX_WORDS = 24


@dataclass(frozen=True, slots=True)
class Word:
    """One capitalised word at `[start, end)`; `plain` is how the lexicon has it."""

    text: str
    start: int
    end: int
    #: At the beginning of a sentence, a line of a list or a quotation, where every word is capitalised.
    opens: bool

    @property
    def plain(self) -> str:
        """In small letters without accents."""
        return _plain(self.text)

    @property
    def is_initial(self) -> bool:
        """`J.` or `J.R.`, or a letter alone."""
        return self.text.endswith(".") or len(self.text) == 1

    @property
    def is_shouted(self) -> bool:
        """Capitals throughout."""
        return len(self.text) > 1 and self.text.isupper()


_plain = lru_cache(maxsize=20_000)(plain)


def runs(work: str, start: int, end: int) -> Iterator[list[Word]]:
    """The runs of capitalised words in `work[start:end]`, in order; words of one run are one blank apart."""
    for match in _RUN.finditer(work, start, end):
        first = match.start()
        run: list[Word] = []
        for each in _EACH.finditer(work, first, match.end()):
            word = _word(work, each, opens=each.start() == first and _opens(work, first))
            if word is None or len(run) == _MAX_WORDS:
                if run:
                    yield run
                run = []
            if word is not None:
                run.append(word)
                if word.end < each.end():
                    yield run
                    run = []
        if run:
            yield run


def _word(work: str, match: re.Match[str], *, opens: bool) -> Word | None:
    """The word of a match, without a genitive; None for what is part of an identifier or has capitals inside."""
    text, end = match.group(), match.end()
    following = work[end : end + 2]
    if following[:1] in {"_", "(", "=", "/", "\\", "@"} or following[:1].isdigit():
        return None
    if following[:1] == "." and following[1:].isalnum() and not text.endswith("."):
        return None
    if _CONTRACTION.search(text):
        return None
    if owner := _POSSESSIVE.search(text):
        text, end = text[: owner.start()], match.start() + owner.start()
    if not text[1:].islower() and _has_inner_capital(text):
        return None
    return Word(sys.intern(text), match.start(), end, opens)


def _has_inner_capital(text: str) -> bool:
    """Whether a word has capitals where no name has them; `McDonald`, `O'Neil` and `SMITH` are names."""
    return any(
        not part.isupper() and not _INNER_CAPITAL.fullmatch(part)
        for part in text.split("-")
        if not part.islower() and not part.endswith(".")
    )


def _opens(work: str, start: int) -> bool:
    before = start - 1
    while before >= 0 and work[before] in " \t\r":
        before -= 1
    if before < 0 or work[before] in _SENTENCE_END:
        return True
    if work[before] != "\n":
        return False
    # A line that ends before its margin is a line of its own, not one of a paragraph that was broken.
    line = work.rfind("\n", max(0, before - 60), before)
    return before - line <= 45 and line >= 0 or before < 45
