"""Which errors are worth another try."""

from __future__ import annotations

from relay_bridge.management import (
    AlreadyExists,
    ManagementError,
    NotAllowed,
    NotFound,
    Refused,
    RotationError,
    Throttled,
    Unreachable,
)


def test_only_what_may_pass_by_itself_is_retryable() -> None:
    retryable = {kind for kind in ManagementError.__subclasses__() if kind.retryable}
    assert {Throttled, Unreachable} <= retryable
    assert not {NotAllowed, NotFound, AlreadyExists, Refused} & retryable
    assert issubclass(RotationError, Refused)
    assert NotFound("There is none.", status=404).status == 404
