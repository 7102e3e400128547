"""Who put an alarm on the shelf and why, from this web app's own record of what its people did.

The plant keeps no name with a shelved alarm (OPC 10000-9 has none), so what another system shelved has none here.
"""

from __future__ import annotations

import json
import zoneinfo
from collections.abc import Collection
from dataclasses import dataclass

from channels.db import database_sync_to_async

from accounts.audit.models import Event
from hmi.alarms.presenting import moment_words
from hmi.live.clock import now_ms
from hmi.sites.access import SiteAccess
from hmi.sites.plain_text import plain

ASKED, ANSWERED = "alarm:action:asked", "alarm:action:answered"
LOOKED_AT = 1_000  # of the newest questions and answers at one site
LONGEST = 24 * 3_600_000  # ms; nothing is shelved for longer


@dataclass(frozen=True)
class Shelving:
    """``at`` in epoch ms by this web app's clock."""

    who: str
    why: str
    at: int


@dataclass(frozen=True)
class ShownShelving:
    """The same as texts; all are empty where none of our people did it."""

    who: str = ""
    why: str = ""
    when: str = ""


def show_shelving(shelving: Shelving | None, zone: zoneinfo.ZoneInfo, now: int) -> ShownShelving:
    """``now`` in epoch ms; a moment of another day gets its date."""
    if shelving is None:
        return ShownShelving()
    return ShownShelving(plain(shelving.who, 60), plain(shelving.why, 200), moment_words(shelving.at, zone, now))


@database_sync_to_async
def shelvings_of(access: SiteAccess, alarms: Collection[str]) -> dict[str, Shelving]:
    """By alarm that is shelved now, the last time within a day that one of our people asked for it and was not refused.

    What was asked counts, not what was answered: the answer may be lost on its way, and the alarm is shelved all the
    same.
    """
    wanted = set(alarms)
    if not wanted:
        return {}
    found: dict[str, Shelving] = {}
    refused: set[tuple[str, str]] = set()  # alarm and person: what they asked before that answer was not done
    events = Event.objects.filter(
        site_id=str(access.site.pk), tag__in=(ASKED, ANSWERED), at__gte=now_ms() - LONGEST
    ).order_by("-seq")[:LOOKED_AT]
    for event in events:
        facts = json.loads(event.facts)
        if facts.get("what") != "shelve":
            continue
        for alarm in wanted & set(str(facts.get("alarms", "")).split()):
            if event.tag == ANSWERED:
                if event.result == "refused":
                    refused.add((alarm, event.username))
            elif (alarm, event.username) in refused:
                refused.discard((alarm, event.username))
            else:
                found.setdefault(alarm, Shelving(event.username, event.reason, event.at))
    return found
