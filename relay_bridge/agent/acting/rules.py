"""Rules 1 to 3 of acting as plain functions: the person and the token, the value, the time. No source is asked here.

Each raises ``RequestRefused`` with the first thing that is wrong, in words for the person who asked.
"""

from __future__ import annotations

import math
from decimal import Decimal

from relay_bridge.agent.acting.wish import Wish
from relay_bridge.agent.acting_config import CommandEntry, Entry, WriteEntry, of_type
from relay_bridge.agent.admission import Admitted
from relay_bridge.contract.acting import ActValue
from relay_bridge.contract.authorization_details import difference, same_value
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.tokens import ACRS_FOR_WRITES, CLOCK_SKEW

MAX_AHEAD = 5.0  # seconds that a request may seem to come from the future
_DETAIL_TYPES = {"write": "setpoint", "cmd": "command"}
# A single is exact to 2**-24 of its amount: what was written as 0.1 reads back as 0.10000000149.
_SINGLE = 2.0**-23


# --- 1: the person and the token --------------------------------------------------------------------------------------


def check_token(wish: Wish, admitted: Admitted, now: float) -> None:
    """Rule 1 at ``now`` (epoch s), first half: the token is for exactly this change, and there is still time for it.

    That the token is valid at all, and not used before, was judged when it was presented.
    """
    detail = admitted.write
    if detail is None:
        raise RequestRefused("role", "The presented token is for no change at all.")
    field = difference(
        detail, kind=_DETAIL_TYPES[wish.kind], tag=wish.target, value=wish.value, unit=wish.unit, expected=wish.expected
    )
    if field is not None:
        raise RequestRefused("role", f"The presented token is for another change: its {field} is not the request's.")
    if now > min(detail.valid_until, admitted.exp) + CLOCK_SKEW:
        raise RequestRefused("auth", "The token for this change has run out: ask for another.")


def check_person(entry: Entry, admitted: Admitted, now: float) -> None:
    """Rule 1, second half: the entry's scope, a sign-in fresh enough, two persons where two are asked."""
    detail = admitted.write
    if entry.scope not in admitted.scopes or detail is None:
        raise RequestRefused("role", f"The presented token does not carry {entry.scope}.")
    if admitted.acr not in ACRS_FOR_WRITES or now - admitted.auth_time > entry.reauth + CLOCK_SKEW:
        words = f"Show a second factor again: it may be {entry.reauth} s old for this."
        raise RequestRefused("auth", words, detail={"reauth_s": entry.reauth})
    if entry.confirm == "two_person":
        if detail.approved_by is None:
            raise RequestRefused("role", "This needs the agreement of a second person.")
        if detail.approved_by == admitted.sub:
            raise RequestRefused("role", "Nobody approves their own change: a second person must agree.")


# --- 2: the value -----------------------------------------------------------------------------------------------------


def check_write(entry: WriteEntry, wish: Wish, unit: str) -> None:
    """Rule 2 for a write; ``unit`` is the tag's own at present."""
    if not of_type(entry.type, wish.value):
        raise RequestRefused("type", f"The value must be of type {entry.type}.")
    if not of_type(entry.type, wish.expected) and not _is_reading_of(entry, wish.expected):
        raise RequestRefused("type", f"The expected value must be of type {entry.type}.")
    if wish.unit != unit:
        raise RequestRefused("type", "The value is in another unit than the tag.", detail={"unit": unit})
    if entry.choices is not None and not any(same_value(choice, wish.value) for choice in entry.choices):
        raise RequestRefused("range", "The value is none of those that may be written.")
    if isinstance(wish.value, bool | str):
        return
    low, high = entry.min, entry.max
    if (low is not None and wish.value < low) or (high is not None and wish.value > high):
        raise RequestRefused("range", "The value is outside its limits.", detail={"min": low, "max": high})
    check_step(entry, wish.value, wish.expected)
    for step in (entry.step, _finest(entry)):
        if step is not None and Decimal(repr(wish.value)) % step != 0:
            raise RequestRefused("step", f"The value must be a multiple of {step}.", detail={"step": float(step)})


def check_step(entry: WriteEntry, value: ActValue, current: object) -> None:
    """Not further from ``current`` than one change may go; asked with what the person saw and with what is there."""
    if entry.max_step is None or isinstance(value, bool | str):
        return
    if isinstance(current, bool) or not isinstance(current, int | float):
        raise RequestRefused("step", "The present value is no number, so the size of the change is not known.")
    # In decimals, as people write them: 60.3 - 60 is 0.3 and not 0.29999999999999716.
    if abs(Decimal(repr(value)) - Decimal(repr(current))) > Decimal(repr(entry.max_step)):
        words = f"One change may move this by at most {entry.max_step:g}."
        raise RequestRefused("step", words, detail={"max_step": entry.max_step})


def _finest(entry: WriteEntry) -> Decimal | None:
    """Half of what nobody can see is not written: its reading would look like the value that was there before."""
    return None if entry.tag.decimals is None else Decimal(1).scaleb(-entry.tag.decimals)


def check_command(entry: CommandEntry, wish: Wish) -> None:
    """Rule 2 for a command: it starts from the state that the site named, and from no other."""
    if not same_value(entry.expect, wish.expected):
        raise RequestRefused("expected", "This command starts from another state.", detail={"expect": entry.expect})


def _is_reading_of(entry: WriteEntry, value: ActValue) -> bool:
    """A number that such a tag may read though nobody may write it: 60.0 for a whole number, as sources tell it."""
    return entry.tag.kind == "number" and of_type("double", value)


# --- 3: the time ------------------------------------------------------------------------------------------------------


def check_time(entry: Entry, wish: Wish, now_ms: int) -> None:
    """Rule 3 at ``now_ms`` (epoch ms): what was stuck on its way never arrives late."""
    age = (now_ms - wish.at) / 1000
    if age > entry.ttl:
        raise RequestRefused("expired", f"This came too late: it was good for {entry.ttl:g} s.", detail={"age_s": age})
    if age < -MAX_AHEAD:
        raise RequestRefused("expired", "This is from the future: compare the clocks.", detail={"age_s": age})


# --- 6: what is there -------------------------------------------------------------------------------------------------


def reads_as(actual: object, wanted: ActValue, tolerance: float) -> bool:
    """True when ``actual`` is ``wanted``: of one kind, and numbers within ``tolerance`` of each other."""
    if isinstance(wanted, bool | str) or isinstance(actual, bool) or not isinstance(actual, int | float):
        return type(actual) is type(wanted) and actual == wanted
    if isinstance(wanted, int) and isinstance(actual, int):
        return abs(actual - wanted) <= tolerance  # to the last digit, however large
    # A tolerance is meant in decimals: 60.05 is within 0.05 of 60, whatever the last bits of doubles make of it.
    return abs(actual - wanted) <= tolerance + 4 * math.ulp(wanted)


def tolerance_of(entry: Entry, value: ActValue, shown: int | None) -> float:
    """How far a reading may be from ``value``, seen or wished: as configured, what a single keeps of a number, and half
    a unit of the last decimal, of those that a screen shows (``shown``, None while that is not known) or ``value`` has.

    So 60.52 is the 60.5 of a screen with one decimal, and 75 is not the 75.4 that was wished, however few it shows.
    """
    if isinstance(value, bool | str) or not isinstance(entry, WriteEntry):
        return 0.0
    seen = 0.0 if shown is None else 0.5 * 10.0 ** -max(shown, _places(value))
    single = abs(value) * _SINGLE if entry.type == "float" else 0.0
    return max(entry.tolerance, seen, single)


def _places(number: float) -> int:
    """Digits behind the point, as people write the number."""
    exponent = Decimal(repr(number)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
