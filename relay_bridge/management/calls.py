"""One call of the SDK: a deadline over all tries, few and spaced tries, and its errors as ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from relay_bridge.management.errors import (
    AlreadyExists,
    ManagementError,
    NotAllowed,
    NotFound,
    Refused,
    Throttled,
    Unreachable,
)
from relay_bridge.protocol.backoff import full_jitter

DEADLINE: Final = 45.0  # seconds for one call with all its tries
CONNECT_TIMEOUT: Final = 5.0  # seconds
READ_TIMEOUT: Final = 20.0  # seconds without a byte; ARM answers these calls within a few
TRIES: Final = 4
BACKOFF_BASE: Final = 0.5  # seconds
BACKOFF_CAP: Final = 8.0  # seconds
_MAX_SAID: Final = 300  # characters of the service's own words in a sentence of ours
_TRY_AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})
_ROLE: Final = 'the role "Azure Relay Owner" (or a custom role with Microsoft.Relay/namespaces/*) on the namespace'

_T = TypeVar("_T")


def call(
    what: str,
    do: Callable[..., _T],
    *,
    place: str,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    random: Callable[[], float],
) -> _T:
    """``do(connection_timeout=, read_timeout=)`` until it succeeds or trying on is of no use; ``ManagementError``.

    Every call we make may be repeated: each says what shall be, not what shall be added. ``what`` and ``place`` are
    for the sentence: "hybrid connection 'north'", "Azure (namespace plant)".
    """
    until = clock() + DEADLINE
    for tries_left in range(TRIES - 1, -1, -1):
        left = max(0.1, until - clock())
        try:
            return do(connection_timeout=min(CONNECT_TIMEOUT, left), read_timeout=min(READ_TIMEOUT, left))
        except AzureError as error:
            problem = _explained(error, what, place)
            wait = _retry_after(error)
            if wait is None:
                wait = full_jitter(TRIES - 1 - tries_left, BACKOFF_BASE, BACKOFF_CAP, random)
            if not problem.retryable or not tries_left or clock() + wait >= until:
                raise problem from error
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            # The SDK reads its models lazily: an answer of another shape shows only here.
            raise Refused(f"{place} answered for {what} with something that makes no sense.") from error
        sleep(wait)
    raise AssertionError("unreachable: the last try returns or raises")


def _explained(error: AzureError, what: str, place: str) -> ManagementError:
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if status is None:
        if isinstance(error, ClientAuthenticationError):
            return NotAllowed(
                f"{place}: this machine has no Azure identity that can be used. Give it a managed identity, set "
                "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_CERTIFICATE_PATH, or sign in with az login."
            )
        return Unreachable(f"{place} cannot be reached for {what}: {_network_words(error)}.")
    if status < 300:  # nothing was refused: the answer could not be read
        return Refused(f"{place} answered for {what} with something that makes no sense.", status=status)
    said = _said(error)
    match status:
        case 401:
            problem: type[ManagementError] = NotAllowed
            text = "refused the token: it is missing, wrong or has run out"
        case 403:
            problem, text = NotAllowed, f"does not allow this identity to do that: give it {_ROLE}"
        case 404:
            problem, text = NotFound, "does not have it; check namespace, resource group and subscription"
        case 409:
            problem, text = AlreadyExists, "says that it conflicts with what is there"
        case 429:
            problem, text = Throttled, "is asked too often; try again in a minute"
        case _ if status in _TRY_AGAIN:
            problem, text = Unreachable, f"failed with {status}; try again later"
        case _:
            problem, text = Refused, f"refused with {status}"
    return problem(f"{place}, {what}: it {text}.{said}", status=status)


def _said(error: AzureError) -> str:
    """What the service said, in its words, and the number by which Microsoft finds the call."""
    assert isinstance(error, HttpResponseError)  # noqa: S101 - only those have a status
    words = str(error.error.message or "") if error.error is not None else ""
    words = "".join(character if character.isprintable() else " " for character in words)
    response: Any = error.response
    number = response.headers.get("x-ms-correlation-request-id") if response is not None else None
    return (f" It said: {words.strip()[:_MAX_SAID]}" if words.strip() else "") + (
        f" (correlation id {number[:64]})" if number else ""
    )


def _retry_after(error: AzureError) -> float | None:
    """Seconds; only the plain form, which ARM uses."""
    response: Any = getattr(error, "response", None)
    value = response.headers.get("Retry-After", "") if response is not None else ""
    return float(value) if value.isdecimal() and len(value) < 6 else None


def _network_words(error: BaseException) -> str:
    """The operating system's own word for it, from the depth of the chain; never the text with the address in it."""
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            break
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        reason = getattr(seen, "reason", None) or getattr(seen, "inner_exception", None)
        following = reason if isinstance(reason, BaseException) else seen.__cause__ or seen.__context__
        if following is None and seen.args and isinstance(seen.args[0], BaseException):
            following = seen.args[0]
        seen = following
    return "no answer in time" if "Timeout" in type(error).__name__ else "the connection failed"
