"""Where sentences end: a rule-based splitter without a model.

Belongs here: boundaries in prose. Does not: sizes (`chunking`), which sentence answers a question (`answering`).
"""

import re
from itertools import pairwise

#: Words that end in a full stop without ending a sentence; compared in lower case, without the stop.
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof rev sr jr vs etc e.g i.e cf al approx est dept gov gen col sgt capt inc ltd corp bros "
    "jan feb mar apr jun jul aug sep sept oct nov dec ca eds resp incl u.s u.k a.m p.m viz ibid bzw z.b d.h usw".split()
)
#: The same, but only before a number ("no. 5"); elsewhere they are words.
_BEFORE_NUMBERS = frozenset("no nos nr fig figs eq eqs sec ch vol p pp art par ver ext tel".split())
MAX_LIST_NUMBER_DIGITS = 2
_CLOSERS = r"[\"'”’»)\]]*"
#: A stop, space and something that can start a sentence; or a full-width stop, which needs no space after it.
_CANDIDATE = re.compile(
    rf"(?<!\s)([.!?…]+){_CLOSERS}\s+(?=[^\sa-z,;:.!?…)\]])"
    rf"|\s[.!?]{_CLOSERS}\s+(?=[^\sa-z,;:.)\]])"
    r"|[。！？]+[」』”’）]*\s*"
)
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘«]{1,12}$")
_BLANK_LINE = re.compile(r"\n[ \t]*\n\s*")


def sentence_ends(text: str) -> list[int]:
    """Offsets at which a sentence has ended and the next begins (after the space between them), ascending.

    Neither 0 nor `len(text)` is included. Linear in the length of the text.
    """
    ends = {match.end() for match in _CANDIDATE.finditer(text) if not _is_abbreviation(text, match)}
    if "\n" in text:
        ends.update(match.end() for match in _BLANK_LINE.finditer(text))
    return sorted(end for end in ends if 0 < end < len(text))


def _is_abbreviation(text: str, match: re.Match[str]) -> bool:
    """Tell a full stop inside a name or an abbreviation from one that ends a sentence."""
    if match.group(1) != ".":
        return False
    found = _LAST_WORD.search(text, max(0, match.start() - 13), match.start())
    if found is None:
        return False
    word = found.group()
    if word.isdigit() and len(word) <= MAX_LIST_NUMBER_DIGITS:
        # "1. Install it.": a list number at the start of a line or after a full stop.
        before = text[max(0, match.start() - len(word) - 2) : match.start() - len(word)].rstrip(" ")
        return not before or before[-1] in ".:\n"
    if len(word) == 1:
        # A lone capital is an initial ("J. Smith"), unless it is the pronoun.
        return word.isupper() and word != "I"
    bare = word.lower()
    return bare in _ABBREVIATIONS or (bare in _BEFORE_NUMBERS and text[match.end() : match.end() + 1].isdigit())


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """The sentences of prose as `[start, end)` without surrounding white space; none is empty."""
    spans = []
    for start, end in pairwise([0, *sentence_ends(text), len(text)]):
        sentence = text[start:end]
        if stripped := sentence.strip():
            first = start + len(sentence) - len(sentence.lstrip())
            spans.append((first, first + len(stripped)))
    return spans
