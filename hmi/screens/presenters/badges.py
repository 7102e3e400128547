"""The alarm badge: letters, a shape and words, so that it can be read without seeing its colour."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext, gettext_lazy

from hmi.screens.presenters.values import ShownValue
from hmi.sites.tanks import AssetState

WORDS = {
    "HH": (gettext_lazy("Alarm: level high-high"), gettext_lazy("Alarm: level high-high, doubtful")),
    "H": (gettext_lazy("Alarm: level high"), gettext_lazy("Alarm: level high, doubtful")),
    "L": (gettext_lazy("Alarm: level low"), gettext_lazy("Alarm: level low, doubtful")),
    "LL": (gettext_lazy("Alarm: level low-low"), gettext_lazy("Alarm: level low-low, doubtful")),
}
# The outer limits are the ones that act; they are drawn as the first priority, the inner ones as the second.
PRIORITY = {"HH": 1, "LL": 1, "H": 2, "L": 2}
_RANK = {"HH": 0, "LL": 0, "H": 1, "L": 1}


@dataclass(frozen=True)
class ShownBadge:
    """``letters`` is empty when there is no alarm; ``doubtful`` when the state rests on a level that is not good."""

    letters: str = ""
    doubtful: bool = False

    @property
    def words(self) -> str:
        """For a screen reader: ``Alarm: level high-high, doubtful``."""
        if self.letters:
            return str(WORDS[self.letters][self.doubtful])
        return gettext("Alarm state not known") if self.doubtful else ""

    @property
    def shown(self) -> bool:
        return bool(self.letters) or self.doubtful

    @property
    def rank(self) -> int:
        """Order of urgency: 0 outer limits, 1 inner limits, 2 not known, 3 nothing."""
        return _RANK.get(self.letters, 2 if self.doubtful else 3)


# Every badge there can be: pages carry them as templates, from which the page's script copies.
ALL_BADGES = (
    *(ShownBadge(letters, doubtful) for letters in WORDS for doubtful in (False, True)),
    ShownBadge("", doubtful=True),
)


def show_badge(state: AssetState, main: ShownValue | None) -> ShownBadge:
    """The badge of an asset; ``main`` is its level.

    An alarm is doubtful on a level that is not good or stale: it may have gone since. Where there is no alarm, the
    state counts as not known only when there is no level at all; an uncertain level has its own mark.
    """
    if state.alarm:
        return ShownBadge(state.alarm, state.doubtful or main is None or main.stale)
    return ShownBadge("", state.doubtful and (main is None or main.quality == "bad"))
