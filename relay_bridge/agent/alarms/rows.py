"""A source's alarm event as the row that a phone sees, and what changed between two rows in the journal's words."""

from __future__ import annotations

import re
from collections.abc import Callable

from relay_bridge.agent.alarms.identity import alarm_id, occurrence_id
from relay_bridge.agent.alarms.places import Places
from relay_bridge.agent.alarms.words import MAX_COMMENT, MAX_KIND, MAX_MESSAGE, MAX_NAME, MAX_USER, Words
from relay_bridge.agent.drivers.abilities import AlarmEvent
from relay_bridge.contract.alarms import AlarmRow, JournalKind

FUTURE = 60_000  # ms that a source's clock may be ahead before its times are not believed
SAME_END = 3000  # ms between two ends of shelving that are the same
_LAST_MS = 2**53


class RowMaker:
    """Rows of one site. ``wall_ms``: the agent's clock, epoch ms."""

    def __init__(self, places: Places, words: Words, site: str, wall_ms: Callable[[], int]) -> None:
        self._places = places
        self._words = words
        self._wall_ms = wall_ms
        # What this agent appends to a comment (``signed``), so that a source that keeps it also keeps who it was.
        self._signature = re.compile(rf"\s*\[(?P<who>[^\s@\[\]]{{1,100}})@{re.escape(site)} via mobile\]\s*\Z")
        self._site = site

    def signed(self, comment: str, who: str) -> str:
        """A comment for the source: whose it is, because the source only knows this agent's own account."""
        return f"{comment} [{who}@{self._site} via mobile]".strip()

    def told(self, comment: str) -> str:
        """What a person wrote, as it may leave the site again."""
        return self._words.clean(comment, MAX_COMMENT)

    def row(self, event: AlarmEvent, before: AlarmRow | None, *, agent: bool = False) -> AlarmRow:
        """The row after ``event``; ``before`` is the same alarm's row until now."""
        name = self._words.clean(event.name, MAX_NAME) or "Alarm"
        place = (
            self._places.of_tag(event.tag) if event.tag else self._places.find(event.ref.source, event.node, event.name)
        )
        at, since, acked = (self._time(moment) for moment in (event.time, event.since, event.acknowledged_at))
        was_active = before is not None and before.act
        doubted = is_doubted(event, before)
        if doubted and before is not None:
            t_act, t_clr = before.t_act, 0  # what the source calls cleared is not known to be
        elif event.active:
            t_act = since or (before.t_act if before is not None and was_active else at)
            t_clr = 0
        else:
            t_act = before.t_act if before is not None else 0
            t_clr = since or (at if was_active else before.t_clr if before is not None else 0)
        by, comment, t_ack = "", "", 0
        if event.acknowledged:
            by, comment = self._by(event)
            newly = before is not None and not before.ack and not (was_active and not event.active)
            t_ack = acked or (at if newly else before.t_ack if before is not None else 0)
        return AlarmRow(
            id=alarm_id(event.ref),
            eid=occurrence_id(event.event),
            source=event.ref.source,
            name=name,
            cond=self._words.clean(event.limit_state or event.condition_type, MAX_KIND),
            sev=min(max(event.severity, 1), 1000),
            act=event.active or doubted,
            ack=event.acknowledged,
            tag=place.tag,
            asset=place.asset,
            area=place.area,
            conf=event.confirmed,
            shelf=self._shelf(event.shelved_until, before),
            suppressed=event.suppressed,
            msg=self._words.clean(event.message, MAX_MESSAGE),
            t_act=t_act,
            t_clr=t_clr,
            t_ack=t_ack,
            by=by,
            comment=comment,
            agent=agent,
            branch=bool(event.ref.branch),
            quality=event.quality,
        )

    @staticmethod
    def _shelf(until: int, before: AlarmRow | None) -> int:
        """Sources tell the time that is left: the same end is never told twice to the same millisecond."""
        if before is not None and before.shelf > 0 and abs(until - before.shelf) < SAME_END:
            return before.shelf
        return max(until, -1)

    def _by(self, event: AlarmEvent) -> tuple[str, str]:
        """Who acknowledged and with which words."""
        signature = self._signature.search(event.comment)
        if signature is not None:
            text = event.comment[: signature.start()]
            return signature["who"], self._words.clean(text, MAX_COMMENT)
        return self._words.clean(event.user, MAX_USER), self._words.clean(event.comment, MAX_COMMENT)

    def _time(self, moment: int) -> int:
        """Epoch ms as told, or now where that cannot be; 0 stays "not told"."""
        if moment <= 0:
            return 0
        now = self._wall_ms()
        return moment if moment <= min(now + FUTURE, _LAST_MS) else now


def is_doubted(event: AlarmEvent, before: AlarmRow | None) -> bool:
    """Whether a source takes back an alarm on the word of a value that is not good: then the alarm stays as it was.

    An absence of data clears nothing (OPC 10000-9, 5.5.2, Quality: the condition is then as questionable as the
    value). Past occurrences are no longer worked out from any value.
    """
    return not event.active and event.quality != "good" and before is not None and before.act and not event.ref.branch


def transitions(before: AlarmRow | None, after: AlarmRow) -> list[JournalKind]:
    """What became of an alarm, most important first. Of one first seen: only that it is active."""
    if before is None:
        return ["active"] if after.act and not after.branch else []
    kinds: list[JournalKind] = []
    if after.act and not before.act:
        kinds.append("active")
    elif before.act and not after.act:
        kinds.append("cleared")
    elif after.act and (after.sev != before.sev or after.cond != before.cond):
        kinds.append("changed")
    # Cleared and acknowledged in one: the server put what waits to be acknowledged into a branch. Nobody did anything.
    # So it may also say of one that it only takes back for want of a value.
    came_into_doubt = before.quality == "good" != after.quality and not after.by
    if after.ack and not before.ack and "cleared" not in kinds and not came_into_doubt:
        kinds.append("acknowledged")
    if after.conf and before.conf is False:
        kinds.append("confirmed")
    # With another end it is shelved anew. Sources tell the time that is left, and some a little less than the truth.
    anew = after.agent and after.shelf != before.shelf
    if bool(after.shelf) != bool(before.shelf) or anew:
        kinds.append("shelved" if after.shelf else "unshelved")
    return kinds


def when(kind: JournalKind, row: AlarmRow, now: int) -> int:
    """When that happened, epoch ms: by the source where it told, else now."""
    told = {"active": row.t_act, "cleared": row.t_clr, "acknowledged": row.t_ack}.get(kind, 0)
    return told or now
