"""The error tree. Each class is one sentence, which is also its default message.

    ProdgenError
    +-- UsageError                 the caller asked for something that makes no sense        (exit 2, HTTP 400)
    |   +-- NotFound               the named thing is not there                              (exit 1, HTTP 404)
    |   +-- NotAllowed             the actor has no right to it                              (exit 1, HTTP 403)
    |   +-- NotAuthenticated       the key is missing, wrong, revoked or expired             (exit 1, HTTP 401)
    +-- PermanentError             trying again cannot help
    |   +-- ConfigurationError     settings or the installation are wrong
    |   +-- DocumentRejected       one document cannot go on; it is quarantined with a reason code
    |   +-- IntegrityError         an invariant does not hold; the line must stop
    +-- TransientError             trying again later may help
        +-- DatabaseUnavailable    the database does not answer
        +-- SourceUnavailable      a document store does not answer, or its listing is incomplete
        +-- EndpointUnavailable    a model endpoint does not answer
        +-- Busy                   another run holds the lock

How they map: `cli` to exit codes, `serving` to problem details, `defs` to Dagster failures (only TransientError is
retried). Messages say what was wrong, with which id, and what to do, and never contain document text or secrets.
"""


class ProdgenError(Exception):
    """Something in prodgen failed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class UsageError(ProdgenError):
    """The request makes no sense."""


class NotFound(UsageError):
    """The named thing does not exist."""


class NotAllowed(UsageError):
    """The acting user has no right to do this."""


class NotAuthenticated(UsageError):
    """The key is missing, wrong, revoked or expired."""


class PermanentError(ProdgenError):
    """Trying again cannot help."""


class ConfigurationError(PermanentError):
    """The settings or the installation are wrong."""


class DocumentRejected(PermanentError):
    """One document cannot go on and is quarantined.

    `reason` is a code from `core.models.QuarantineReason`; `message` is for people and holds no document text.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["DocumentRejected"], tuple[str, str]]:
        # Crosses process boundaries: the default reduction would lose the second argument.
        return type(self), (self.reason, str(self))


class IntegrityError(PermanentError):
    """An invariant does not hold."""


class TransientError(ProdgenError):
    """Trying again later may help."""


class DatabaseUnavailable(TransientError):
    """The database does not answer."""


class SourceUnavailable(TransientError):
    """A document store does not answer, or its listing is incomplete."""


class EndpointUnavailable(TransientError):
    """A model endpoint does not answer."""


class Busy(TransientError):
    """Another run holds the lock."""
