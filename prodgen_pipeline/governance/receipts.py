"""Receipts of erasures: signed with the tenant's own secret, so that nobody without it can make or change one.

Belongs here: signing and checking. Does not: what a receipt says (lifecycle.erasure).
"""

import hashlib
import hmac
import json
from typing import Any

#: The purpose of the tenant's secret that receipts are signed with.
RECEIPTS = "receipts"
ALGORITHM = "HMAC-SHA256"


def sign(receipt: dict[str, Any], secret: bytes) -> dict[str, Any]:
    """The receipt with its signature, which is over everything else in it as canonical JSON."""
    return {**receipt, "signature": {"algorithm": ALGORITHM, "key": RECEIPTS, "value": _mac(receipt, secret)}}


def verify(receipt: dict[str, Any], secret: bytes) -> bool:
    """Whether a receipt is as it was signed with the tenant's secret of the purpose `RECEIPTS`."""
    signature = receipt.get("signature")
    if not isinstance(signature, dict) or signature.get("algorithm") != ALGORITHM:
        return False
    unsigned = {key: value for key, value in receipt.items() if key != "signature"}
    return hmac.compare_digest(str(signature.get("value")), _mac(unsigned, secret))


def _mac(receipt: dict[str, Any], secret: bytes) -> str:
    canonical = json.dumps(receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.new(secret, canonical.encode(), hashlib.sha256).hexdigest()
