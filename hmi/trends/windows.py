"""The stretch of time that a trend shows, and the buckets it is cut into.

Edges of buckets are multiples of their width since the epoch, so that the same ones are asked for again a minute later
and the finished ones need not be. Widths are those that the agent knows: asked for k buckets of one of them, it answers
exactly these.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from dataclasses import dataclass

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000  # ms
SPANS: dict[str, int] = {"1h": HOUR, "8h": 8 * HOUR, "24h": 24 * HOUR, "7d": 7 * DAY}
SPAN_WORDS = {"1h": _("1 h"), "8h": _("8 h"), "24h": _("24 h"), "7d": _("7 d")}
USUAL_SPAN = "8h"
SHORTEST = 2 * MINUTE
LONGEST = 30 * DAY  # the site answers for 31; the buckets at both ends may reach beyond what is asked for
BUCKETS = 360  # at most, of what was asked for: as many as a phone has points across
AHEAD = HOUR  # what may be asked for beyond now
ROOM = 40  # one part in so many is left free at the right, for the values that come meanwhile
WIDTHS = (
    SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE,
    15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR,
)  # fmt: skip
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?\Z")


class NoWindow(ValueError):  # noqa: N818 - an answer to whoever asked
    """The words say what can be asked for."""


@dataclass(frozen=True)
class Window:
    """[start, end) in epoch ms, multiples of ``width`` ms. ``span`` names a usual one that follows the clock."""

    start: int
    end: int
    width: int
    span: str = ""

    @property
    def n(self) -> int:
        return (self.end - self.start) // self.width

    @property
    def follows(self) -> bool:
        """Whether it ends now, and goes on with the clock."""
        return bool(self.span)


def latest(span: str, now: int) -> Window:
    """The last hour, shift, day or week before ``now`` (epoch ms); a span that is none is the usual one."""
    span = span if span in SPANS else USUAL_SPAN
    return _cut(now - SPANS[span], now + SPANS[span] // ROOM, width_for(SPANS[span]), span)


def between(start: int, end: int, now: int) -> Window:
    """What somebody chose; ``NoWindow`` says what can be chosen."""
    end = min(end, now + AHEAD)
    if not 0 <= start < end:
        raise NoWindow(gettext("Choose a beginning that lies before the end, and not in the future."))
    if not SHORTEST <= end - start <= LONGEST:
        raise NoWindow(gettext("Choose from 2 minutes to 30 days."))
    return _cut(start, end, width_for(end - start))


def width_for(length: int) -> int:
    """The narrowest width in ms of which ``length`` ms takes no more than 360."""
    return next((width for width in WIDTHS if length <= width * BUCKETS), WIDTHS[-1])


def read_moment(text: str, zone: zoneinfo.ZoneInfo) -> int:
    """Epoch ms of ``2026-11-23T14:00`` by the site's clock, or with ``Z`` or an offset by that; ``NoWindow``."""
    if not _MOMENT.match(text):
        raise NoWindow(gettext("A time is written like 2026-11-23T14:00."))
    try:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise NoWindow(gettext("There is no such time. A time is written like 2026-11-23T14:00.")) from error


def _cut(start: int, end: int, width: int, span: str = "") -> Window:
    return Window(start // width * width, -(-end // width) * width, width, span)
