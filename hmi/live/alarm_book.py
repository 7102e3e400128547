"""The alarm list of one site as its link knows it: rows, true counts, and whether they may be taken for the present.

One book for each link, however many phones look. It is filled by the link's session (``take``), and old rows stay in
it when the session ends: ``state`` then says ``old``, and every page shows them so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection
from typing import Any, Literal, Protocol

from hmi.live.alarm_flood import FloodMeter
from hmi.live.alarm_words import condition_word
from relay_bridge.contract.alarms import AlarmCounts, AlarmDelta, AlarmRow, AlarmSnapshot, Band, band_of

logger = logging.getLogger(__name__)

MAX_ROWS = 12_000  # of one site; an agent keeps 10 000
LINGER = 30.0  # seconds that the list is kept up after the last who looked: people move from page to page
BANDS: tuple[Band, ...] = ("crit", "high", "med", "low")
MAX_NAME = 120  # characters of a name in the banner

BookState = Literal["unknown", "current", "old", "none"]


class TooManyAlarms(Exception):  # noqa: N818 - what the agent sent, not a fault of ours
    """The agent sent more alarms than a site may have."""


class AlarmListener(Protocol):
    """Who is told of changes of one book."""

    def alarms_changed(self, ids: Collection[str]) -> None:
        """These alarms are new, changed or gone. Must not block and must not raise."""

    def alarm_state_changed(self) -> None:
        """``state`` changed, or the whole list is new."""


class AlarmBook:
    """``state``: ``unknown`` never heard of, ``current`` kept up by the session that is open, ``old`` last known,
    ``none`` the site offers no alarms (``reason`` says why). The link's own state comes on top of it.

    ``demand_changed`` is called when the first listener came or the last one left.
    """

    def __init__(self, demand_changed: Callable[[], None] = lambda: None) -> None:
        self.state: BookState = "unknown"
        self.reason = ""
        self.rows: dict[str, AlarmRow] = {}
        self.counts = AlarmCounts()
        self.flood = FloodMeter()
        self.revision = 0  # grows with every change: whoever works something out of the list keeps it by this
        self._arriving: dict[str, AlarmRow] | None = None
        self._listeners: dict[AlarmListener, None] = {}
        self._demand_changed = demand_changed
        self._loop = asyncio.get_running_loop()
        self._wanted_until = 0.0
        self._settled = asyncio.Event()
        self._banner: tuple[int, dict[str, Any]] | None = None

    # --- who looks ----------------------------------------------------------------------------------------------

    @property
    def wanted(self) -> bool:
        """Somebody looks at the list, or did a moment ago."""
        return bool(self._listeners) or self._loop.time() < self._wanted_until

    def join(self, listener: AlarmListener) -> None:
        self._listeners[listener] = None
        if len(self._listeners) == 1:
            self._demand_changed()

    def leave(self, listener: AlarmListener) -> None:
        known = listener in self._listeners
        self._listeners.pop(listener, None)
        if known and not self._listeners:
            self.expect()

    def expect(self) -> None:
        """Somebody is about to look, or has just stopped: keep the list up for a little."""
        self._wanted_until = self._loop.time() + LINGER
        self._demand_changed()

    async def wait_settled(self, seconds: float) -> None:
        """Until it is known how the list is, or ``seconds`` have passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._settled.wait()

    # --- what the link brings -------------------------------------------------------------------------------------

    def take(self, push: AlarmSnapshot | AlarmDelta) -> None:
        """A push of the session; ``TooManyAlarms``. A snapshot counts when its last part came."""
        if isinstance(push, AlarmSnapshot):
            self._take_part(push)
            return
        if self._arriving is not None or self.state != "current":
            return  # a change of a list that we do not have: a snapshot is on its way
        for name in push.gone:
            self.rows.pop(name, None)
        self.rows.update((row.id, row) for row in push.rows)
        if len(self.rows) > MAX_ROWS:
            raise TooManyAlarms
        self.counts = push.counts
        self.flood.count(push.rows, push.t)
        self._changed()
        for listener in list(self._listeners):
            self._tell(listener.alarms_changed, [*push.gone, *(row.id for row in push.rows)])

    def lost(self) -> None:
        """The session ended or no longer carries alarms: what is here is the last known."""
        self._arriving = None
        self._set("old" if self.state in {"current", "old"} else "unknown", "")

    def refused(self, reason: str) -> None:
        """The site does not offer alarms."""
        self._arriving = None
        self.rows.clear()
        self.counts = AlarmCounts()
        self._set("none", reason)

    def look_at_clock(self, now: int) -> None:
        """A flood ends by time alone; ``now`` in epoch ms by the agent's clock."""
        if self.flood.judge(now):
            self._changed()
            self._tell_state()

    def _take_part(self, push: AlarmSnapshot) -> None:
        if push.first:
            self._arriving = {}
        if self._arriving is None:
            return
        self._arriving.update((row.id, row) for row in push.rows)
        if len(self._arriving) > MAX_ROWS:
            raise TooManyAlarms
        if push.more:
            return
        self.rows, self._arriving, self.counts = self._arriving, None, push.counts
        self.flood.count(self.rows.values(), push.t)
        self._set("current", "", anew=True)

    def _set(self, state: BookState, reason: str, *, anew: bool = False) -> None:
        if (state, reason) == (self.state, self.reason) and not anew:
            return
        self.state, self.reason = state, reason
        if state in {"current", "none"}:
            self._settled.set()
        else:
            self._settled.clear()
        self._changed()
        self._tell_state()

    def _changed(self) -> None:
        self.revision += 1

    def _tell_state(self) -> None:
        for listener in list(self._listeners):
            self._tell(listener.alarm_state_changed)

    @staticmethod
    def _tell(call: Callable[..., None], *arguments: Any) -> None:
        try:
            call(*arguments)
        except Exception:
            logger.exception("A view failed on a change of the alarm list; the others go on.")

    # --- in one line ----------------------------------------------------------------------------------------------

    def banner(self) -> dict[str, Any]:
        """What every screen shows: how many wait to be acknowledged, by priority, and the most important of them.

        ``s`` the state; ``u`` unacknowledged from critical to low; ``all`` standing; ``sh`` shelved or suppressed;
        ``fl`` 1 in a flood; ``new`` when the newest of those that wait became active, so that a phone hears of it even
        if another left at the same moment; ``top`` ``[id, name, band, active, source, how many more, in doubt]``, left
        out when there is none.
        """
        if self._banner is None or self._banner[0] != self.revision:
            self._banner = self.revision, self._make_banner()
        return self._banner[1]

    def _make_banner(self) -> dict[str, Any]:
        if self.state in {"unknown", "none"}:
            return {"s": self.state}
        waiting = [row for row in self.rows.values() if not row.ack and not row.shelf and not row.suppressed]
        by_band = dict.fromkeys(BANDS, 0)
        for row in waiting:
            by_band[band_of(row.sev)] += 1
        counts = self.counts
        banner: dict[str, Any] = {
            "s": self.state,
            "u": [by_band[band] for band in BANDS],
            "all": counts.crit + counts.high + counts.med + counts.low,
            "sh": counts.shelved,
            "fl": int(self.flood.on),
        }
        if waiting:
            top = min(
                waiting, key=lambda row: (BANDS.index(band_of(row.sev)), not _may_be_active(row), *importance(row))
            )
            more = max(len(waiting), counts.unack) - 1
            name = f"{top.name} {condition_word(top.cond, top.name)}".rstrip()[:MAX_NAME]
            banner["new"] = max(row.t_act for row in waiting)
            doubt = int(top.quality != "good")
            banner["top"] = [top.id, name, band_of(top.sev), int(top.act), top.source, more, doubt]
        return banner


def _may_be_active(row: AlarmRow) -> bool:
    return row.act or row.quality != "good"


def importance(row: AlarmRow) -> tuple[int, int, int, str]:
    """Sorts by priority, then the newest, then the severity; the same everywhere."""
    return BANDS.index(band_of(row.sev)), -max(row.t_act, row.t_clr), -row.sev, row.id
