"""Errors of the process API.

    ContractError
    ├── MalformedMessage      the other side sent what is no message (ends the session when it is not a request)
    └── RequestRefused        an answer with "e": one of the closed list of codes

A refusal says in one sentence what to do; it never carries a trace, a host or a NodeId.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

ErrorCode = Literal[
    "bad_request", "auth", "role", "not_found", "unsupported", "read_only", "type", "range", "step",
    "expected", "interlock", "expired", "busy", "rate", "source_down", "source_refused",
    "unknown_outcome", "too_large", "internal",
]  # fmt: skip
ERROR_CODES: frozenset[str] = frozenset(get_args(ErrorCode))
# Trying the very same request again later can help with these, and only with these.
RETRYABLE: frozenset[str] = frozenset({"busy", "rate", "source_down"})


class ContractError(Exception):
    """Root of everything in this package that can go wrong."""


class MalformedMessage(ContractError):  # noqa: N818 - says what is the matter
    """Bytes that are no message of the process API."""


class RequestRefused(ContractError):  # noqa: N818 - an answer, not a fault
    """The agent refused a request.

    ``code`` is one of ``ERROR_CODES``; ``status`` the source's OPC UA StatusCode where it had one;
    ``detail`` small facts that belong to the code (``{"actual": 61.5}``).
    """

    def __init__(
        self, code: ErrorCode, message: str, *, status: int | None = None, detail: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.detail = detail

    @property
    def retryable(self) -> bool:
        return self.code in RETRYABLE

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
