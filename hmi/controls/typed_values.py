"""A typed text becomes the value that is sent, or a sentence that says what is wrong with it.

The rules are the site's (catalog); the agent asks them again. Counted in decimals, as people write numbers.
"""

from __future__ import annotations

import re
from decimal import Decimal

from hmi.controls.offers import Offer
from relay_bridge.contract.acting import ActValue
from relay_bridge.contract.authorization_details import same_value

MAX_TYPED = 24  # characters
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:[.,]\d{1,9})?\Z", re.ASCII)


class WrongValue(ValueError):  # noqa: N818 - what somebody typed, not a fault
    """The message is a sentence for the person who typed it."""


def read_value(offer: Offer, typed: str, expected: ActValue) -> ActValue:
    """What ``typed`` means for a setpoint, where ``expected`` is what the person saw; ``WrongValue``."""
    limits = offer.limits
    if limits is None:
        raise WrongValue("This is no setpoint.")
    typed = typed.strip()
    if limits.choices is not None or offer.tag.kind == "bool":
        return _choice(offer, typed)
    if not typed:
        raise WrongValue("Type the new value.")
    if len(typed) > MAX_TYPED or not _NUMBER.match(typed):
        raise WrongValue("Type a number, such as 75 or 75.5.")
    number = Decimal(typed.replace(",", "."))
    unit = f" {offer.tag.unit}" if offer.tag.unit else ""
    low, high = _decimal(limits.min), _decimal(limits.max)
    if (low is not None and number < low) or (high is not None and number > high):
        raise WrongValue(f"It must lie between {_plain(low)} and {_plain(high)}{unit}.")
    if number % Decimal(1).scaleb(-offer.tag.dec) != 0:
        raise WrongValue(f"At most {offer.tag.dec} decimal{'' if offer.tag.dec == 1 else 's'}: no more are shown.")
    step = _decimal(limits.step)
    if step is not None and number % step != 0:
        raise WrongValue(f"It must be a multiple of {_plain(step)}{unit}.")
    if isinstance(expected, bool) or not isinstance(expected, int | float):
        raise WrongValue("The present value is no number, so the size of the change is not known.")
    furthest = _decimal(limits.max_step)
    if furthest is not None and abs(number - Decimal(repr(expected))) > furthest:
        raise WrongValue(f"One change may move it by at most {_plain(furthest)}{unit}.")
    value: ActValue = int(number) if number == number.to_integral_value() else float(number)
    if same_value(value, expected):
        raise WrongValue("It has this value already.")
    return value


def choices_of(offer: Offer) -> list[ActValue] | None:
    """The values to choose from, for what is not typed; ``None`` for a number within limits."""
    if offer.limits is None:
        return None
    if offer.limits.choices is not None:
        return list(offer.limits.choices)
    return [False, True] if offer.tag.kind == "bool" else None


def _choice(offer: Offer, typed: str) -> ActValue:
    choices = choices_of(offer) or []
    if not typed.isascii() or not typed.isdecimal() or len(typed) > 3 or int(typed) >= len(choices):
        raise WrongValue("Choose one of the values.")
    return choices[int(typed)]


def _decimal(number: float | None) -> Decimal | None:
    return None if number is None else Decimal(repr(number))


def _plain(number: Decimal | None) -> str:
    """``75``, ``0.5``: without an exponent and without zeros that say nothing."""
    if number is None:
        return "any"
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain(number: float) -> str:
    """The same for a limit of the catalog."""
    return _plain(Decimal(repr(number)))
