"""Normalising the text of parsed elements: named rules, each counted.

Belongs here: the order of the rules, their counts, and when they have eaten too much. Does not: the rules themselves
(`characters`, `layout`), reading formats (`clients.parsers`), what is personal (`redaction`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from prodgen_pipeline.core import characters, layout
from prodgen_pipeline.core.configuration import CleaningConfig
from prodgen_pipeline.core.errors import ConfigurationError, DocumentRejected
from prodgen_pipeline.core.models import CleaningReport, Element, ElementType, QuarantineReason

VERSION = "1"

#: Smaller documents may lose any share: of three lines, two may well be page numbers.
MIN_CHARS_TO_REJECT = 200

#: From elements to elements, with the number of those that it changed or dropped.
Rule = Callable[[list[Element]], tuple[list[Element], int]]


def clean(elements: Sequence[Element], config: CleaningConfig) -> tuple[tuple[Element, ...], CleaningReport]:
    """Apply the configured rules in their order; elements left empty are dropped and counted as `empty`.

    The report counts, per rule, the elements it changed or dropped. Each rule leaves alone what it has already cleaned.

    Raises:
        DocumentRejected: more than `max_lost_share` of the visible characters went (`cleaned_too_much`).
        ConfigurationError: there is no rule of that name.
    """
    cleaned = list(elements)
    counts: dict[str, int] = {}
    for name in config.rules:
        cleaned, counts[name] = _rule(name)(cleaned)
    kept = tuple(element for element in cleaned if element.text and not element.text.isspace())
    counts["empty"] = len(cleaned) - len(kept)
    _check_loss(elements, kept, counts, config)
    report = CleaningReport(
        counts=counts,
        n_chars_before=sum(len(element.text) for element in elements),
        n_chars_after=sum(len(element.text) for element in kept),
    )
    return kept, report


def _check_loss(
    before: Sequence[Element], after: Sequence[Element], counts: dict[str, int], config: CleaningConfig
) -> None:
    n_before, n_after = _visible_chars(before), _visible_chars(after)
    if n_before <= MIN_CHARS_TO_REJECT or n_before - n_after <= config.max_lost_share * n_before:
        return
    worst = max(counts, key=lambda name: counts[name])
    raise DocumentRejected(
        QuarantineReason.CLEANED_TOO_MUCH,
        f"Cleaning would remove {n_before - n_after} of {n_before} characters, most by the rule {worst!r}: "
        "look at how the document was parsed, or raise cleaning.max_lost_share.",
    )


def _visible_chars(elements: Iterable[Element]) -> int:
    """Count characters without the common white space: layout is not content."""
    texts = (element.text for element in elements)
    return sum(len(t) - t.count(" ") - t.count("\n") - t.count("\t") - t.count("\xa0") for t in texts)


def _rule(name: str) -> Rule:
    if name not in RULES:
        raise ConfigurationError(f"cleaning.rules names {name!r}; the rules are {', '.join(RULES)}")
    return RULES[name]


def _per_text(change: Callable[[str], str], *spared: ElementType) -> Rule:
    """Make a rule of a function from text to text; elements of the `spared` types are left as they are."""

    def rule(elements: list[Element]) -> tuple[list[Element], int]:
        n_changed = 0
        changed = []
        for element in elements:
            text = element.text if element.type in spared else change(element.text)
            if text is not element.text and text != element.text:
                n_changed += 1
                element = replace(element, text=text)
            changed.append(element)
        return changed, n_changed

    return rule


RULES: dict[str, Rule] = {
    # A listing may show mojibake on purpose.
    "encoding": _per_text(characters.repair_encoding, ElementType.CODE),
    "unicode": _per_text(characters.normalise_unicode),
    "control_characters": _per_text(characters.drop_control_characters),
    "ligatures": _per_text(characters.expand_ligatures),
    "hyphenation": layout.join_hyphenated,
    "running_lines": layout.drop_running_lines,
    "whitespace": layout.collapse_whitespace,
}
