"""Names of persons: what the lexicon and the words around a name say.

Belongs here: which capitalised words are a person, and how sure that is. Does not: the language pipeline, which finds
names that no list has (`clients.language`; `names` joins the two), other proper names (`proper_nouns`).

The lists hold most given names and none of the world's family names, so a name is believed for its given name, or for
what stands around it: a title, a salutation, `Name:`, an address in angle brackets, a verb of saying. A given name
that is also an ordinary word, a place or a product needs such company.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from prodgen_pipeline.core.models import EntitySpan
from prodgen_pipeline.core.redaction.capitals import PARTICLE, Word
from prodgen_pipeline.core.redaction.lexicon import (
    begins_place,
    is_family_name,
    is_given_name,
    is_group,
    is_ordinary,
    is_place,
    is_product,
    names,
    plain,
)

RULE = "NameLexicon"
#: The column headers above names of persons.
COLUMN = re.compile(
    r"(?i)(?<!file)(?<!user)(?<!\w)(?:(?:full|first|last|middle|maiden|given|family|contact|patient|employee|customer|"
    r"client) ?name|surname|name|author|employee|manager|patient|customer|owner|assignee|reviewer|contact|attendee|"
    r"participant|speaker|supervisor|doctor|physician|sender|recipient)s?(?!\w)"
)
_MAX_WORDS = 4
_TITLE_WORDS = frozenset(
    "mr mrs ms mx dr drs prof rev hon miss madam sir lady lord dame professor doctor herr frau captain sergeant".split()
)
_MODALS = frozenset("will may can an so do art so my mark page see in as ok".split())

_TITLES = (
    r"(?:(?:Mr|Mrs|Ms|Mx|Dr|Drs|Prof|Rev|Hon|Fr|Sr|Sra|Mme|Mlle)\.?|MR|MRS|MS|DR|mr\.?|mrs\.?|ms\.|dr\.?|"
    r"Miss|Madam|Sir|"
    r"Lady|Lord|Dame|Professor|Doctor|Herr|Frau|Señora?|Signora?|Monsieur|Madame|Captain|Capt\.|Sergeant|"
    r"Sgt\.|Lt\.|Col\.|"
    r"Gen\.|Judge|Justice|Senator|Congressman|Congresswoman|Pastor|Rabbi|Imam|Sister|Uncle|Aunt)"
)
_FIELD = (
    r"(?:(?:full|first|last|middle|maiden|given|family|account|contact|patient|employee|customer|client|"
    r"user's|cardholder|"
    r"beneficiary) )?name|surname|author|co-authors?|authors|bdfl-delegate|pep-delegate|delegate|sponsor|"
    r"editor|from|to|cc|"
    r"bcc|attn|attention|contact|patient|employee|customer|client|tenant|landlord|witness|applicant|manager|supervisor|"
    r"sender|recipient|signed|reviewer|reviewed by|approved by|prepared by|written by|directed by|"
    r"produced by|account holder|"
    r"dear|next of kin|guardian|spouse|physician|doctor|billing address|shipping address|maintainer"
)
#: What stands directly before a name and proves it, whatever the name is.
_BEFORE = re.compile(
    rf"(?<!\w)(?:{_TITLES} "
    rf"|(?im:^[\s>*#|?-]*(?:{_FIELD}) ?:[ \t]*)"
    r"|(?i:\b(?:my|his|her|their|your|our|whose|partner's|the) (?:\w+ )?(?:name|surname) (?:is|was|to|"
    r"should be|appears as) )"
    r"|(?i:\b(?:what'?s|what is) (?:your|his|her|their) (?:\w+ )?name\? )"
    r"|(?i:\b(?:call(?:s|ed)? me|named (?:him|her)|(?:is|was|am|are) (?:called|named)|known as|"
    r"maiden name is|name it to|"
    r"i am|i'm|this is|speak(?:ing)? (?:to|with)|signed by|written by|directed by|starring|songwriter|producer|author|"
    r"my (?:kid|son|daughter|wife|husband|brother|sister|mother|father|boss|friend|colleague|partner|manager|child)|"
    r"thanks to|credits? to|proposed by|suggested by|reported by|according to|invented by) )"
    r"|(?im:^[\s>]*(?:dear|hi|hello|hey|thanks|regards|best|cheers|sincerely|yours|love),? ))$"
)
#: The same, for names of two words or of a word that is at least somebody's.
_WEAKLY_BEFORE = re.compile(r"(?i)\b(?:by|and|with|to|from|for|of|about|than|&|,) $")
_SAYING = (
    r"said|says|explained|explains|asked|asks|replied|wrote|writes|told|shouted|noted|added|argued|suggested|suggests|"
    r"proposed|pointed out|points out|mentioned|agreed|recalled|announced|thinks|believes|lives|lived|moved|had given|"
    r"listed|was born|joined|retired|married|died|spent|began|started writing|flew|will be|spoke|speak|et al"
)
#: What stands directly after a name and proves it.
_AFTER = re.compile(
    rf"(?i: (?:{_SAYING})\b| is (?:a|an|the|from|very|our|my|in) |['’]s (?:\w+ )?(?:wife|husband|son|"
    rf"daughter|kid|child|"
    r"brother|sister|mother|father|boss|name|address|email|e-mail|phone|birthday|house|killers?|concert)\b"
    r"|,? ?<[\w.+-]{1,64}(?:@| at |\ue000)|, \d\d?,|:\s?[\"“])"
)
_SMALL_WORD = re.compile(r"(?<![\w.@/\\`$#='-])[^\W\d_]{4,20}(?![\w@/\\(=]|\.\w)")
_SMALL_FAMILY = re.compile(r" (?:[^\W\d_]\.? )?([^\W\d_]{4,20})(?![\w@/\\(=]|\.\w)")
_SMALL_AFTER = re.compile(
    r"(?i:\b(?:(?:my|his|her|their|your) (?:\w+ )?name is|call(?:s|ed)? me|named (?:him|her)|m(?:r|s|rs)\.|dr\.) )"
    r"([^\W\d_]{2,20}(?:-[^\W\d_]+)?(?: [^\W\d_]{2,20})?)"
)
#: Parts of what `_SMALL_AFTER` begins with, which are cheaper to look for.
_SMALL_CUES = (" name is ", " me ", "amed ", "ms. ", "mr. ", "mrs. ", "dr. ")
_BROKEN = re.compile(rf"[^\S\n]*\n[^\S\n>]{{0,16}}(?:{PARTICLE} )?")


def find_persons(work: str, start: int, end: int, found_runs: Sequence[list[Word]]) -> Iterator[EntitySpan]:
    """The persons in `work[start:end]`, perhaps overlapping; the score is 0.3 where next to nothing is known.

    `found_runs` are the runs of capitalised words there.
    """
    previous: EntitySpan | None = None
    before: list[Word] = []
    for run in found_runs:
        if before and work[before[-1].end : run[0].start] == ", ":
            yield from _family_first(before[-1], run[0])
        before = run
        for person in _in_run(work, start, run, previous):
            if previous is not None and (broken := _across_lines(work, previous, person, run)):
                yield broken
            previous = person
            yield person
    yield from _small(work, start, end)


def _family_first(family: Word, given: Word) -> Iterator[EntitySpan]:
    """`Schmidt, Anna`: the one is a family name, the other a given one, and both are nothing else."""
    if is_family_name(family.plain) and is_given_name(given.plain):
        if _is_clear(family.plain) and _is_clear(given.plain):
            yield _person(family.start, given.end, 0.6)


def _in_run(work: str, earliest: int, run: list[Word], previous: EntitySpan | None) -> Iterator[EntitySpan]:
    position = 0
    while position < len(run):
        if n_place := _place_words(run, position):
            position += n_place
            continue
        length, score = _best(run, position)
        # A name that is sure and ends the run can become neither surer nor longer.
        is_done = score >= 0.8 and position + length == len(run)
        supported = 0 if is_done else _supported(work, earliest, run, position, previous)
        if supported and (supported > length or score < 0.8):
            length, score = max(length, supported), 0.85
        if score:
            previous = _person(run[position].start, run[position + length - 1].end, score)
            yield previous
        position += max(length, 1)


def _place_words(run: list[Word], position: int) -> int:
    """How many words from `position` on are one place, as in `New York` and `San Diego`; 0 for fewer than two."""
    if not begins_place(run[position].plain):
        return 0
    for length in range(min(_MAX_WORDS, len(run) - position), 1, -1):
        if is_place(" ".join(word.plain for word in run[position : position + length])):
            return length
    return 0


def _best(run: list[Word], position: int) -> tuple[int, float]:
    """How many words from `position` on are a name by themselves, and how sure that is."""
    for length in range(min(_MAX_WORDS, len(run) - position), 0, -1):
        if score := _score(run[position : position + length]):
            return length, score
    return 0, 0.0


def _score(words: list[Word]) -> float:
    head, last = words[0], words[-1]
    if len(words) == 1:
        return _score_alone(head)
    if last.is_initial or any(word.is_shouted for word in words) and not all(_is_listed(word) for word in words):
        return 0.0
    if any(_is_stop(word) for word in words[1:-1]):
        return 0.0
    return _score_full(head.plain, last.plain, is_initial=head.is_initial, n_words=len(words))


def _score_full(head: str, last: str, *, is_initial: bool, n_words: int) -> float:
    """The score of a name of several words from its first and its last."""
    family = is_family_name(last) or is_given_name(last)
    clear = not is_ordinary(last) and not is_product(last) and not is_group(last)
    if is_initial:
        return 0.6 if family and clear and len(last) > 3 and not is_place(last) else 0.0
    if not is_given_name(head):
        return 0.0
    if not _is_ambiguous(head):
        return (0.85 if family else 0.6 if is_place(last) else 0.7) if clear else 0.6 if is_family_name(last) else 0.0
    if is_product(head) or head in _MODALS:
        return 0.0
    return 0.6 if is_family_name(last) and clear else 0.0


def _score_alone(word: Word) -> float:
    name = word.plain
    if word.is_initial or word.is_shouted or _is_ambiguous(name) or len(name) < 3:
        return 0.0
    if is_given_name(name):
        return 0.55 if len(name) > 3 else 0.5
    return 0.3 if is_family_name(name) or is_given_name(name) else 0.0


def _supported(work: str, earliest: int, run: list[Word], position: int, previous: EntitySpan | None) -> int:
    """How many words from `position` on the words around them prove to be a name; 0 for none."""
    first = run[position]
    before = work[max(earliest, first.start - 48) : first.start]
    if _BEFORE.search(before):
        return _plausible(run, position, introduced=True)
    length = _plausible(run, position)
    if not length:
        return 0
    last = run[position + length - 1]
    somebody = any(
        not word.is_initial and (is_given_name(word.plain) or is_family_name(word.plain))
        for word in run[position : position + length]
    )
    if not somebody or any(_is_ambiguous(word.plain) for word in (first, last) if not word.is_initial):
        return 0
    if _AFTER.match(work, last.end):
        return length
    beside = previous is not None and 0 <= first.start - previous.end <= 6
    if _WEAKLY_BEFORE.search(before) and (beside or length > 1):
        return length
    return 0


def _plausible(run: list[Word], position: int, *, introduced: bool = False) -> int:
    """How many words from `position` on could be a name if something said so; `introduced`: something did."""
    length = 0
    for word in run[position : position + _MAX_WORDS]:
        is_name = introduced and _is_listed(word, ordinary=True) and word.plain not in _TITLE_WORDS
        if (_is_stop(word) and not is_name) or (word.is_shouted and len(word.text) > 2 and not _is_listed(word)):
            break
        length += 1
    while length and run[position + length - 1].is_initial:
        length -= 1
    return length


def _is_stop(word: Word) -> bool:
    """Whether the word is in no name, or only in one that needs it known: `The`, `January`, `Python`."""
    name = word.plain
    if word.is_initial:
        return False
    if is_product(name) or is_group(name) or name in _TITLE_WORDS:
        return True
    return is_ordinary(name) and not (is_family_name(name) and not word.opens and name not in _MODALS)


def _is_listed(word: Word, *, ordinary: bool = False) -> bool:
    name = word.plain
    return word.is_initial or ((is_given_name(name) or is_family_name(name)) and (ordinary or not is_ordinary(name)))


def _is_ambiguous(name: str) -> bool:
    return is_ordinary(name) or is_place(name) or is_product(name) or is_group(name)


def _small(work: str, start: int, end: int) -> Iterator[EntitySpan]:
    """Names in small letters: full ones from the lists, others where a sentence says that a name follows."""
    text = work[start:end]
    if text.islower():
        yield from _among_small(work, start, end)
    if not text.isascii() or not _clear_given_names().isdisjoint(text.split()):
        yield from _small_full(work, start, end)
    if not any(cue in text for cue in _SMALL_CUES):
        return
    for match in _SMALL_AFTER.finditer(work, start, end):
        first, *rest = match[1].split(" ")
        if is_ordinary(plain(first)) and not is_given_name(plain(first)):
            continue
        whole = not rest or not is_ordinary(plain(rest[0]))
        yield _person(match.start(1), match.end(1) if whole else match.start(1) + len(first), 0.7)


def _small_full(work: str, start: int, end: int) -> Iterator[EntitySpan]:
    for match in _SMALL_WORD.finditer(work, start, end):
        given = plain(match.group())
        family = _SMALL_FAMILY.match(work, match.end(), end) if is_given_name(given) and _is_clear(given) else None
        if family and is_family_name(plain(family[1])) and _is_clear(plain(family[1])):
            yield _person(match.start(), family.end(), 0.6)


def _among_small(work: str, start: int, end: int) -> Iterator[EntitySpan]:
    """Where nothing is capitalised at all, every word that is a name and nothing else: little more than a guess."""
    for match in _SMALL_WORD.finditer(work, start, end):
        word = plain(match.group())
        if (is_given_name(word) or is_family_name(word)) and _is_clear(word):
            yield _person(match.start(), match.end(), 0.3)


def _is_clear(name: str) -> bool:
    return len(name) > 3 and not _is_ambiguous(name)


@lru_cache(maxsize=1)
def _clear_given_names() -> frozenset[str]:
    return frozenset(name for name, flags in names().items() if "f" in flags and _is_clear(name))


def _across_lines(work: str, previous: EntitySpan, person: EntitySpan, run: list[Word]) -> EntitySpan | None:
    """A given name at the end of one line and what follows on the next, as one name."""
    if run[0].start != person.start:
        return None
    gap = work[previous.end : person.start]
    line = work.rfind("\n", 0, previous.start) + 1
    if previous.score >= 0.5 and previous.end - line > 40 and " " not in work[previous.start : previous.end]:
        if _BROKEN.fullmatch(gap):
            return _person(previous.start, person.end, 0.7)
    return None


def _person(start: int, end: int, score: float) -> EntitySpan:
    return EntitySpan(start=start, end=end, label="PERSON", score=score, rule=RULE)
