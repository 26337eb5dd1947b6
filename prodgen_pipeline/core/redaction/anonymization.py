"""Puts pseudonyms in the place of detected values.

Belongs here: the substitution. Does not: choosing the tokens. The result equals presidio-anonymizer's with a replacing
operator per value (a test compares them); its engine cannot do it directly, since it knows one operator per type and
joins neighbouring values of a type into one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from prodgen_pipeline.core.errors import IntegrityError
from prodgen_pipeline.core.models import EntitySpan
from prodgen_pipeline.core.redaction.pseudonyms import normalise_value


def anonymize(
    text: str, spans: Sequence[EntitySpan], tokens: Mapping[tuple[str, str], str]
) -> tuple[str, list[EntitySpan]]:
    """The text with each span replaced by `tokens[label, normalised value]`, and the spans of the tokens in it.

    Raises:
        IntegrityError: the spans are not sorted and disjoint within the text, or a value has no token. Nothing is left
            in clear instead.
    """
    pieces: list[str] = []
    placed: list[EntitySpan] = []
    position = length = 0
    for span in spans:
        if not position <= span.start < span.end <= len(text):
            raise IntegrityError(
                f"Entity spans overlap or leave the text at {span.start}-{span.end}; detect them again."
            )
        token = tokens.get((span.label, normalise_value(span.label, text[span.start : span.end])))
        if token is None:
            raise IntegrityError(
                f"There is no pseudonym for the {span.label} at {span.start}-{span.end}; nothing was redacted."
            )
        pieces += (text[position : span.start], token)
        start = length + span.start - position
        length = start + len(token)
        position = span.end
        placed.append(replace(span, start=start, end=length))
    pieces.append(text[position:])
    return "".join(pieces), placed
