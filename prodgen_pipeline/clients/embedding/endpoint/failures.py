"""How one request may end badly. Only for the modules beside this one: callers see `core.errors` and `RejectedText`.

    RequestFailed
    +-- TryLater        no answer, or one that may be another in a while: tried again as long as there is time
    +-- Refused         the endpoint does not take these texts: the batch is split to find which
    +-- BadVectors      paid for and useless: tried again a few times
    |   +-- NotNumbers  NaN, infinity, zero length: then split, as it may be due to one text
    +-- WrongLength     vectors of another length than configured
    +-- Stopped         the caller needs no answer any more

Messages never hold a text or what the endpoint wrote, which may quote one.
"""


class RequestFailed(Exception):
    """A request brought no vectors."""


class TryLater(RequestFailed):
    """Another try may succeed; `wait_seconds` is how long the endpoint asks to wait, if it does."""

    def __init__(self, reason: str, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


class Refused(RequestFailed):
    """The endpoint takes neither these texts nor, maybe, any."""


class BadVectors(RequestFailed):
    """The answer does not hold one vector a text."""


class NotNumbers(BadVectors):
    """A vector is no direction."""


class WrongLength(RequestFailed):
    """The vectors have `length` numbers."""

    def __init__(self, length: int) -> None:
        super().__init__(f"vectors of {length} numbers")
        self.length = length


class Stopped(RequestFailed):
    """Another request failed for good, or the caller has gone."""
