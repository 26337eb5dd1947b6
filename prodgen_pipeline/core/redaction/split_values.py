"""Values cut in two by the end of a line, of a cell or of an element.

Belongs here: where a value may go on, and how the halves are put together. Does not: the rules that read what was put
together (`detection` brings them).

Half a value has lost what makes it one, so each end of a line that could stand inside a value is taken out and the
rules read what is left. A hyphen before it may belong to the value or to the break; so both are tried. What follows a
value that is complete is seldom its rest: ordinary words are not taken for it. Between cells and between elements,
where neighbours are seldom one value, only what a checksum proves counts.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from prodgen_pipeline.core.models import EntitySpan
from prodgen_pipeline.core.redaction.lexicon import is_ordinary, plain

#: A short text and the types that are looked for to what is found there.
Read = Callable[[str, frozenset[str]], Iterable[EntitySpan]]

#: How much of a value can stand on either side.
_REACH = 160

#: The end of a line with its indentation, marks of quoted mail and comments, or the end of a cell.
_BREAK = re.compile(r"(?<=[^\s\ue000])-?[ ]{0,4}(?:\n[ ]{0,24}(?:(?:>|#|\*|//|\|)[ ]{0,4}){0,4}|\t)(?=[^\s\ue000])")
_DIGIT = re.compile(r"\d")
#: A key has more characters than most pairs of words, and before its first digit an IBAN has two.
_KEY_LENGTH = 12
_COUNTRY = 2
#: Behind a value in a web address; behind a word in a sentence there is a blank or a mark.
_GOES_ON = re.compile(r"[&/=]")
_LETTER_WORDS = frozenset("aAIe")
_CHECKED = frozenset({"CREDIT_CARD", "IBAN_CODE"})

#: What must go over the break, and the types that it could be: cheap to ask, and most ends of lines are in none.
_FORMS = (
    (re.compile(r"[\w.!#$%&*+^~'-]{1,64}@\w[\w.-]{0,80}"), frozenset({"EMAIL_ADDRESS"})),
    (re.compile(r"(?i)(?<!\w)[a-z]{2}\d\d(?:[ -]?[a-z0-9]){11,30}"), frozenset({"IBAN_CODE"})),
    (re.compile(r"(?<![\w.])\d(?:[ -]?\d){11,18}"), frozenset({"CREDIT_CARD"})),
    (
        re.compile(r"(?:(?<!\w)\+\d|(?<!\w)\(\d|(?<![\w.+/-])(?:0\d|[2-9]\d\d[.-]))[\d ().-]{5,24}"),
        frozenset({"PHONE_NUMBER"}),
    ),
    (re.compile(r"(?=\S{0,150}\d)(?=\S{0,150}[A-Za-z])\S{12,300}"), frozenset({"API_KEY", "PASSWORD"})),
)


def find_split(work: str, start: int, end: int, read: Read) -> Iterator[EntitySpan]:
    """The values in `work[start:end]` that go over one end of a line or of a cell, perhaps overlapping."""
    for cut in _BREAK.finditer(work, start, end):
        left = work[max(start, cut.start() - _REACH) : cut.start()]
        left = left[left.rfind("\n") + 1 :]
        right = work[cut.end() : min(end, cut.end() + _REACH)].partition("\n")[0]
        if not _could_go_on(_token_before(left), _token_after(right)):
            continue
        for span in _joined(left, right, cut.group(), read):
            yield _over(span, cut.start() - len(left), cut.start(), cut.end())


def _could_go_on(left: str, right: str) -> bool:
    """Whether the words on both sides could be one value; most cannot, and asking is cheap."""
    if "@" in left or "@" in right:
        return True
    in_left, in_right = _DIGIT.search(left) is not None, _DIGIT.search(right) is not None
    if in_left and (in_right or right.startswith(")")):
        return True
    return (in_left or in_right) and (len(left) + len(right) >= _KEY_LENGTH or len(left) <= _COUNTRY)


def find_in_halves(before: str, after: str, read: Read) -> tuple[EntitySpan, EntitySpan] | None:
    """A value that a checksum proves at the end of one element and the start of the next, as its two halves."""
    left, right = before[-_REACH:].rpartition("\n")[2], after[:_REACH].partition("\n")[0]
    if not left or not right or not left[-1].isalnum() or not right[0].isalnum():
        return None
    offset = len(before) - len(left)
    for span in _joined(left, right, "\t", read):
        half = replace(span, start=offset + span.start, end=len(before))
        return half, replace(span, start=0, end=span.end - len(left))
    return None


def _joined(left: str, right: str, cut: str, read: Read) -> Iterator[EntitySpan]:
    """What goes over the cut, its end counted as if nothing stood between the halves."""
    is_cell, has_hyphen = "\t" in cut, cut.startswith("-")
    for between in ("-", "") if has_hyphen else ("", " "):
        text = f"{left}{between}{right}"
        labels = _possible(text, len(left), len(left) + len(between))
        if is_cell:
            labels &= _CHECKED
        if _is_number_alone(left.rpartition("\t")[2]) and _is_number_alone(right.partition("\t")[0]):
            # Columns of numbers: one pair in a hundred has the form of a card.
            labels -= {"CREDIT_CARD"}
        for span in read(text, labels) if labels else ():
            moved = replace(span, end=span.end - len(between))
            if span.start < len(left) < moved.end and _goes_on(left, right, moved):
                yield moved


def _is_number_alone(cell: str) -> bool:
    return cell.strip().isdigit()


def _possible(text: str, last: int, first: int) -> frozenset[str]:
    """The types whose form goes from before `last` to after `first`."""
    labels: frozenset[str] = frozenset()
    for form, types in _FORMS:
        for match in form.finditer(text):
            if match.start() < last and first < match.end():
                labels |= types
                break
            if match.start() >= last:
                break
    return labels


def _goes_on(left: str, right: str, span: EntitySpan) -> bool:
    """Whether the right half is the rest of the left one, and not only what stands behind it."""
    value_left, value_right = left[span.start :], right[: span.end - len(left)]
    if span.label in _CHECKED:
        return True
    if span.label == "PHONE_NUMBER":
        return _is_possible_number(f"{value_left} {value_right}")
    if span.label == "EMAIL_ADDRESS" and "@" in value_right and not value_right.startswith("@"):
        # The right half is an address by itself: the word before it belongs to it only where it looks like a part.
        return value_left.islower() and not _is_prose(value_left) and _token_before(left) == value_left
    return _GOES_ON.match(right, len(value_right)) is not None or not _is_prose(value_right)


def _is_possible_number(value: str) -> bool:
    """Whether a number with its country's code has not more digits than the country's numbers have."""
    if not value.startswith("+"):
        return True
    import phonenumbers

    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(value))
    except phonenumbers.NumberParseException:
        return False


def _is_prose(half: str) -> bool:
    """Whether all its words are ordinary ones: one word and its full stop, or words with hyphens."""
    words = re.findall(r"[^\W\d_]+", half)
    if not words or half.isupper() or re.search(r"[\d_]|\w\.\w", half):
        return False
    return all(word in _LETTER_WORDS if len(word) == 1 else is_ordinary(plain(word)) for word in words)


def _token_before(text: str) -> str:
    return text[max(text.rfind(" "), text.rfind("\t")) + 1 :]


def _token_after(text: str) -> str:
    return text.partition("\t")[0].partition(" ")[0]


def _over(span: EntitySpan, left_start: int, cut_start: int, cut_end: int) -> EntitySpan:
    """The span of the halves in the text that has the cut between them."""
    beyond = span.end - (cut_start - left_start)
    return replace(span, start=left_start + span.start, end=cut_end + beyond)
