"""What a token that writes is for: exactly one change, named in full (RFC 9396, ``authorization_details``).

The web app's issuer refuses to sign a write without it, the agent refuses to admit one. Both read this file. There is
no method yet that carries a write out; whoever adds it compares the request with these details, value for value.
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

    ``unit`` is the unit in which ``value`` was entered: an agent whose tag has another one must refuse.
    """

    type: Literal["setpoint", "command"]
    tag: TagId
    value: WriteValue
    unit: Text
    expected: WriteValue | None
    valid_until: int


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


def _is_exact(value: WriteValue | None) -> bool:
    """Neither infinite nor beyond what every reader of JSON keeps exactly (2**53)."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return True
    return math.isfinite(value) and abs(value) <= 2**53
