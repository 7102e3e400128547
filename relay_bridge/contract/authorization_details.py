"""What a token that writes is for: exactly one change, named in full (RFC 9396, ``authorization_details``).

The web app's issuer refuses to sign a write without it, the agent refuses to admit one. Both read this file. The agent
compares the request with these details, value for value (``difference``), before anything else about it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from relay_bridge.contract.messages import TagId
from relay_bridge.contract.refusals import TokenRefused
from relay_bridge.contract.scopes import WRITE_SCOPES
from relay_bridge.contract.tokens import ACRS_FOR_WRITES, PROOF_LIFE, WRITE_LIFE

MAX_VALUE_TEXT = 64  # characters of a value or unit that is text
Text = Annotated[str, Meta(max_length=MAX_VALUE_TEXT)]
WriteValue = bool | int | float | Text
SCOPE_OF_TYPE: dict[str, str] = {"setpoint": "setpoint:write", "command": "command:execute"}


class WriteDetail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change. ``expected``: what the operator saw there, None when nothing was; ``valid_until``: epoch seconds.

    ``unit`` is the unit in which ``value`` was entered: an agent whose tag has another one must refuse. A command has
    its id as ``tag``, the value true and no unit. ``approved_by``: the subject of the second person who agreed to
    exactly this change, where the site asks for two; never the person who asks.
    """

    type: Literal["setpoint", "command"]
    tag: TagId
    value: WriteValue
    unit: Text
    expected: WriteValue | None
    valid_until: int
    approved_by: Annotated[str, Meta(min_length=1, max_length=128)] | None = None


def check_details(
    scopes: frozenset[str], details: Sequence[dict[str, Any]], *, issued: int, expires: int
) -> WriteDetail | None:
    """The one change that a token with ``scopes`` names; None for a token that does not write.

    ``issued`` and ``expires``: the token's ``iat`` and ``exp``, epoch seconds. ``TokenRefused`` says which rule is
    broken: writes stand alone, name one change of their own kind, and both token and change end within 30 s.
    """
    if not scopes & WRITE_SCOPES:
        if details:
            raise TokenRefused("details-unasked")
        return None
    if len(scopes) != 1:
        raise TokenRefused("scope-mixed")
    if len(details) != 1:
        raise TokenRefused("details")
    try:
        detail = msgspec.convert(details[0], WriteDetail)
    except msgspec.ValidationError:
        raise TokenRefused("details") from None
    if {SCOPE_OF_TYPE[detail.type]} != scopes or not (_is_exact(detail.value) and _is_exact(detail.expected)):
        raise TokenRefused("details")
    if not issued < detail.valid_until <= issued + WRITE_LIFE:
        raise TokenRefused("details-expired")
    if expires - issued > WRITE_LIFE:
        raise TokenRefused("write-life")
    return detail


def check_proof(acr: str, auth_time: int, *, issued: int) -> None:
    """Writes need a second factor, shown in the five minutes before ``issued``; ``TokenRefused``.

    Both times (epoch seconds) are the issuer's own, so there is no allowance for clocks.
    """
    if acr not in ACRS_FOR_WRITES or not 0 <= issued - auth_time <= PROOF_LIFE:
        raise TokenRefused("write-proof")


def difference(
    detail: WriteDetail,
    *,
    kind: str,
    tag: str,
    value: WriteValue,
    unit: str,
    expected: WriteValue,
) -> str | None:
    """The name of the first field in which a request differs from the change that its token is for; None: it is it."""
    if detail.type != kind:
        return "type"
    if detail.tag != tag:
        return "tag"
    if not same_value(detail.value, value):
        return "value"
    if detail.unit != unit:
        return "unit"
    if detail.expected is None or not same_value(detail.expected, expected):
        return "expected"
    return None


def same_value(one: WriteValue, other: WriteValue) -> bool:
    """Equal, and of one kind: true is not 1, and "1" is not 1. Whole numbers may be written as 75 or as 75.0."""
    if isinstance(one, bool) or isinstance(other, bool) or isinstance(one, str) or isinstance(other, str):
        return type(one) is type(other) and one == other
    return one == other


def _is_exact(value: WriteValue | None) -> bool:
    """Neither infinite nor beyond what every reader of JSON keeps exactly (2**53)."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return True
    return math.isfinite(value) and abs(value) <= 2**53
