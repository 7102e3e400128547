"""A typed text becomes the value that is sent, or a sentence that says what is wrong with it.

The rules are the site's (catalog); the agent asks them again. Counted in decimals, as people write numbers.
"""

from __future__ import annotations

import re
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from hmi.controls.offers import Offer
from hmi.languages.numbers import localised
from relay_bridge.contract.acting import ActValue
from relay_bridge.contract.authorization_details import same_value

MAX_TYPED = 24  # characters
# Both marks in every language: a keyboard on a phone shows the one of the phone's own. Never one for thousands.
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:[.,]\d{1,9})?\Z", re.ASCII)

_GROUPED = re.compile(r"[+-]?\d+(?:[.,' \u00a0\u2019\u202f]\d+){2,}\Z|[+-]?\d+[' \u00a0\u2019\u202f]\d+\Z", re.ASCII)


class WrongValue(ValueError):  # noqa: N818 - what somebody typed, not a fault
    """The message is a sentence for the person who typed it."""


def read_value(offer: Offer, typed: str, expected: ActValue) -> ActValue:
    """What ``typed`` means for a setpoint, where ``expected`` is what the person saw; ``WrongValue``."""
    limits = offer.limits
    if limits is None:
        raise WrongValue(_("This is no setpoint."))
    typed = typed.strip()
    if limits.choices is not None or offer.tag.kind == "bool":
        return _choice(offer, typed)
    if not typed:
        raise WrongValue(_("Type the new value."))
    if len(typed) <= MAX_TYPED and _GROUPED.match(typed):
        raise WrongValue(_("Type the number without marks or spaces for thousands, such as 1234.5."))
    if len(typed) > MAX_TYPED or not _NUMBER.match(typed):
        raise WrongValue(_("Type a number, such as 75 or 75.5."))
    number = Decimal(typed.replace(",", "."))
    unit = f" {offer.tag.unit}" if offer.tag.unit else ""
    low, high = _decimal(limits.min), _decimal(limits.max)
    if (low is not None and number < low) or (high is not None and number > high):
        raise WrongValue(
            _("It must lie between %(low)s and %(high)s.") % {"low": _plain(low), "high": f"{_plain(high)}{unit}"}
        )
    if number % Decimal(1).scaleb(-offer.tag.dec) != 0:
        words = ngettext(
            "At most %(count)d decimal: no more are shown.",
            "At most %(count)d decimals: no more are shown.",
            offer.tag.dec,
        )
        raise WrongValue(words % {"count": offer.tag.dec})
    step = _decimal(limits.step)
    if step is not None and number % step != 0:
        raise WrongValue(_("It must be a multiple of %(step)s.") % {"step": f"{_plain(step)}{unit}"})
    if isinstance(expected, bool) or not isinstance(expected, int | float):
        raise WrongValue(_("The present value is no number, so the size of the change is not known."))
    furthest = _decimal(limits.max_step)
    if furthest is not None and abs(number - Decimal(repr(expected))) > furthest:
        raise WrongValue(_("One change may move it by at most %(step)s.") % {"step": f"{_plain(furthest)}{unit}"})
    value: ActValue = int(number) if number == number.to_integral_value() else float(number)
    if same_value(value, expected):
        raise WrongValue(_("It has this value already."))
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
        raise WrongValue(_("Choose one of the values."))
    return choices[int(typed)]


def _decimal(number: float | None) -> Decimal | None:
    return None if number is None else Decimal(repr(number))


def _plain(number: Decimal | None) -> str:
    """``75``, ``0.5``, in German ``0,5``: without an exponent and without zeros that say nothing."""
    if number is None:
        return _("any")
    text = f"{number:f}"
    return localised(text.rstrip("0").rstrip(".") if "." in text else text)


def plain(number: float) -> str:
    """The same for a limit of the catalog."""
    return _plain(Decimal(repr(number)))
