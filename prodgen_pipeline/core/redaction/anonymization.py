"""Puts pseudonyms, or what a policy wants instead, in the place of detected values.

Belongs here: the substitution. Does not: choosing the tokens. The result equals presidio-anonymizer's with a replacing
operator per value, and with its operators `mask`, `redact` (here `drop`) and `keep` (tests compare them); its engine
cannot do it directly, since it knows one operator per type and joins neighbouring values of a type into one. Its `hash`
is salted anew by each call or not keyed at all; ours is the tenant's keyed hash, so that equal values stay equal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from prodgen_pipeline.core.errors import IntegrityError
from prodgen_pipeline.core.models import EntitySpan
from prodgen_pipeline.core.redaction.pseudonyms import normalise_value

TOKEN, MASK, DROP, HASH, KEEP = "token", "mask", "drop", "hash", "keep"
#: Those that put something in place that is made for the value.
MADE = frozenset({TOKEN, HASH})
_MASKING = "*"


def anonymize(
    text: str,
    spans: Sequence[EntitySpan],
    tokens: Mapping[tuple[str, str], str],
    actions: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, list[EntitySpan]]:
    """The text with each span replaced, and the spans of what stands there now (empty where a value was dropped).

    `actions` says by type what happens: `token` (where nothing is said) and `hash` put `tokens[label, normalised
    value]` there, `mask` as many asterisks, `drop` nothing; `keep` leaves the value.

    Raises:
        IntegrityError: the spans are not sorted and disjoint within the text, a value has no token, or an action is
            unknown. Nothing is left in clear instead.
    """
    pieces: list[str] = []
    placed: list[EntitySpan] = []
    position = length = 0
    for span in spans:
        if not position <= span.start < span.end <= len(text):
            raise IntegrityError(
                f"Entity spans overlap or leave the text at {span.start}-{span.end}; detect them again."
            )
        put = _put(text[span.start : span.end], span, tokens, actions.get(span.label, TOKEN))
        pieces += (text[position : span.start], put)
        start = length + span.start - position
        length = start + len(put)
        position = span.end
        placed.append(replace(span, start=start, end=length))
    pieces.append(text[position:])
    return "".join(pieces), placed


def _put(value: str, span: EntitySpan, tokens: Mapping[tuple[str, str], str], action: str) -> str:
    if action == KEEP:
        return value
    if action == DROP:
        return ""
    if action == MASK:
        return _MASKING * len(value)
    if action not in MADE:
        raise IntegrityError(f"There is no action {action!r} for the type {span.label}; nothing was redacted.")
    token = tokens.get((span.label, normalise_value(span.label, value)))
    if token is None:
        raise IntegrityError(
            f"There is no pseudonym for the {span.label} at {span.start}-{span.end}; nothing was redacted."
        )
    return token
