"""Detection of personal data and secrets, and their replacement by pseudonyms. Pure: values in, values out.

Belongs here: what counts as personal under which policy, where it stands in a text, and the substitution. Does not:
the keys and tables that make pseudonyms stable per tenant (governance, storage), nor the language pipeline
(`clients.language`), which `detect` is given as a function.

    folding       undo disguises, keep the way back to the original offsets
    gates         cheap searches that say which recognisers a text could concern
    rules         the record of a rule: a Presidio recogniser and when to believe it
    catalogue     the rules for personal data; national_identifiers, by country
    credentials   the rules for secrets
    recognizers   Presidio's recognisers where their shipped form does not fit
    lexicon       what single words can be: names, places, ordinary words
    capitals      runs of capitalised words
    persons       names of persons; addresses; proper_nouns, for policy `strict`
    names         the finders of names together, and what the language pipeline adds
    lists         a tenant's own allow and deny lists
    detection     the order of work
    pseudonyms    their form, and when two values are the same value
    anonymization pseudonyms put in place of values

Policies include each other: `secrets` (keys, passwords), `pii` (and persons, postal addresses, contacts, addresses of
machines, bank, card and national numbers), `phi` (and medical numbers, dates of birth), `strict` (and organisations,
places, groups, dates, ages, titles, web addresses, postal codes).
"""

from prodgen_pipeline.core.redaction.anonymization import anonymize
from prodgen_pipeline.core.redaction.detection import detect, detect_elements
from prodgen_pipeline.core.redaction.gates import POLICIES
from prodgen_pipeline.core.redaction.pseudonyms import PSEUDONYM, normalise_value, pseudonym, type_word

#: Part of the stage's fingerprint: change it with any rule whose findings change.
VERSION = "3"

__all__ = [
    "POLICIES",
    "PSEUDONYM",
    "VERSION",
    "anonymize",
    "detect",
    "detect_elements",
    "normalise_value",
    "pseudonym",
    "type_word",
]
