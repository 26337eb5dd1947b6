"""Which token stands for which value, by keyed hash: the values themselves are not here."""

from collections.abc import Callable, Mapping, Sequence

from prodgen_pipeline.core.errors import IntegrityError
from prodgen_pipeline.storage.database import Transaction

#: Digits of a token, from the shortest that a person can still tell apart to one that cannot collide.
LENGTHS = (4, 6, 8, 12, 16, 32)

Key = tuple[str, bytes]


def tokens_for(tx: Transaction, keys: Sequence[Key], make: Callable[[str, str, int], str]) -> dict[Key, str]:
    """The token of every (label, keyed hash), made on first sight by `make(label, digest, length)`.

    Two values of a tenant never share a token: on a collision the later one gets more digits.
    """
    found: dict[Key, str] = {}
    wanted = sorted(set(keys))
    for length in LENGTHS:
        missing = [key for key in wanted if key not in found]
        if not missing:
            return found
        known = _known(tx, missing)
        fresh = [key for key in missing if key not in known]
        if fresh:
            tokens = [make(label, digest.hex(), length) for label, digest in fresh]
            tx.run(
                "stages.token_for",
                labels=[key[0] for key in fresh],
                value_keys=[key[1] for key in fresh],
                tokens=tokens,
            )
            known |= _known(tx, fresh)
        found |= known
    if len(found) < len(wanted):
        raise IntegrityError(f"{len(wanted) - len(found)} values found no token of their own")
    return found


def known_tokens(tx: Transaction, value_keys: Sequence[bytes]) -> Mapping[Key, str]:
    """Tokens of values that the tenant's documents hold, among these keys."""
    rows = tx.dicts("search.tokens", value_keys=list(value_keys))
    return {(row["label"], row["value_key"]): row["token"] for row in rows}


def _known(tx: Transaction, keys: Sequence[Key]) -> dict[Key, str]:
    rows = tx.dicts("stages.tokens", labels=[key[0] for key in keys], value_keys=[key[1] for key in keys])
    return {(row["label"], row["value_key"]): row["token"] for row in rows}
