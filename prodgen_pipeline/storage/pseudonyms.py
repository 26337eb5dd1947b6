"""Which token stands for which value, and what else it is called, by keyed hash: the values themselves are not here."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from prodgen_pipeline.core.errors import IntegrityError
from prodgen_pipeline.core.redaction.aliases import Kind
from prodgen_pipeline.storage.database import Transaction

#: Digits of a token, from the shortest that a person can still tell apart to one that cannot collide.
LENGTHS = (4, 6, 8, 12, 16, 32)
#: Tokens that one form of a question is looked up to; a form with more names nobody.
FORM_TOKENS = 4

Key = tuple[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A form, as a keyed hash, under which a token is meant."""

    alias_key: bytes
    token: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """A token that a question's words may mean; `found_by` is the hash that led to it."""

    found_by: bytes
    token: str
    kind: Kind


def tokens_for(tx: Transaction, keys: Collection[Key], make: Callable[[str, str, int], str]) -> dict[Key, str]:
    """The token of every (label, keyed hash), made on first sight by `make(label, digest, length)`.

    Two values of a tenant never share a token: on a collision the later one gets more digits.
    """
    found: dict[Key, str] = {}
    wanted = sorted(set(keys))
    for length in LENGTHS:
        missing = [key for key in wanted if key not in found]
        if not missing:
            return found
        known = known_tokens(tx, missing)
        fresh = [key for key in missing if key not in known]
        if fresh:
            tokens = [make(label, digest.hex(), length) for label, digest in fresh]
            tx.run(
                "stages.token_for",
                labels=[key[0] for key in fresh],
                value_keys=[key[1] for key in fresh],
                tokens=tokens,
            )
            known |= known_tokens(tx, fresh)
        found |= known
    if len(found) < len(wanted):
        raise IntegrityError(f"{len(wanted) - len(found)} values found no token of their own")
    return found


def known_tokens(tx: Transaction, keys: Sequence[Key]) -> dict[Key, str]:
    """Those of the values that have a token of their own."""
    rows = tx.dicts("stages.tokens", labels=[key[0] for key in keys], value_keys=[key[1] for key in keys])
    return {(row["label"], row["value_key"]): row["token"] for row in rows}


def aliases_near(tx: Transaction, alias_keys: Sequence[bytes]) -> list[Alias]:
    """All aliases of the tokens that any of these forms means; single words of names are not followed."""
    return [Alias(**row) for row in tx.dicts("stages.aliases", alias_keys=list(alias_keys))]


def add_aliases(tx: Transaction, aliases: Iterable[Alias]) -> None:
    """Keep aliases; one that is known as a form and comes as a name becomes one."""
    rows: dict[tuple[bytes, str], Alias] = {}
    for each in sorted(aliases, key=lambda alias: alias.kind == "name"):
        rows[each.alias_key, each.token] = each
    ordered = [rows[place] for place in sorted(rows)]
    if not ordered:
        return
    tx.run(
        "stages.add_aliases",
        alias_keys=[each.alias_key for each in ordered],
        tokens=[each.token for each in ordered],
        kinds=[each.kind for each in ordered],
    )


def meant(tx: Transaction, values: Sequence[Key], forms: Sequence[bytes]) -> list[Meant]:
    """The tokens that the values and forms of a question mean, in one statement; of a form at most `FORM_TOKENS`.

    What nobody holds and what only another tenant holds cost and give the same: each is one look into this tenant's
    part of an index.
    """
    rows = tx.dicts(
        "search.tokens", labels=[key[0] for key in values], value_keys=[key[1] for key in values],
        alias_keys=list(forms), at_most=FORM_TOKENS,
    )  # fmt: skip
    return [Meant(**row) for row in rows]
