"""What can go wrong with the management plane.

    ManagementError
    ├── NotAllowed        401, 403: no token, a wrong one, or an identity without the role
    ├── NotFound          404: no such namespace, resource group, hybrid connection or rule
    ├── AlreadyExists     409, or a hybrid connection that was to be new
    ├── Throttled         429: too many calls; retryable
    ├── Unreachable       no answer in time, no connection, 5xx; retryable
    └── Refused           everything else: the request, or the answer, is wrong
        └── RotationError (rotation.py) the keys are not as a rotation needs them

Each text is a sentence for the technician at the command line, and never holds a key or a token.
"""

from __future__ import annotations


class ManagementError(Exception):
    """``retryable``: the same call may succeed later, without anybody changing anything."""

    retryable = False

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status  # HTTP, where there was an answer


class NotAllowed(ManagementError):  # noqa: N818 - the names say what is the matter, as HTTP's own do
    pass


class NotFound(ManagementError):  # noqa: N818
    pass


class AlreadyExists(ManagementError):  # noqa: N818
    pass


class Throttled(ManagementError):  # noqa: N818
    retryable = True


class Unreachable(ManagementError):  # noqa: N818
    retryable = True


class Refused(ManagementError):  # noqa: N818
    pass
