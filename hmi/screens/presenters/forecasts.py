"""The next limit that a tank reaches at its present rate, in one short phrase; ``static/js/assets.js`` says it live."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext

from hmi.screens.presenters.words import duration_text
from hmi.sites.tanks import AssetState

# In this order where two are equally far. Reaching the planned quantity is no limit of the tank.
LIMITS = ("hh", "ll", "h", "l", "empty")
FAR = float("inf")


@dataclass(frozen=True)
class ShownNext:
    """``text`` is empty when nothing is ahead within two days, or when the level may not be taken for the present."""

    text: str = ""
    minutes: float = FAR


NOTHING_AHEAD = ShownNext()


def show_next(state: AssetState, *, stale: bool) -> ShownNext:
    """``H in 1 h 33 min``: the soonest of the limits ahead."""
    ahead = [key for key in LIMITS if key in state.to]
    if stale or not ahead:
        return NOTHING_AHEAD
    soonest = min(ahead, key=lambda key: state.to[key])
    time = duration_text(state.to[soonest])
    return ShownNext(gettext("{limit} in {time}").format(limit=limit_letters(soonest), time=time), state.to[soonest])


def limit_letters(key: str) -> str:
    """``H`` for ``h``; the word for an empty tank."""
    return gettext("empty") if key == "empty" else key.upper()
