"""Who put an alarm on the shelf and why, from this web app's own record of what its people did.

The plant keeps no name with a shelved alarm (OPC 10000-9 has none), so what another system shelved has none here.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from channels.db import database_sync_to_async

from accounts.audit.models import Event
from hmi.live.clock import now_ms
from hmi.sites.access import SiteAccess

LOOKED_AT = 500  # of the newest answers at one site
LONGEST = 24 * 3_600_000  # ms; nothing is shelved for longer


@dataclass(frozen=True)
class Shelving:
    """``at`` in epoch ms by this web app's clock."""

    who: str
    why: str
    at: int


@database_sync_to_async
def shelvings_of(access: SiteAccess, alarms: Collection[str]) -> dict[str, Shelving]:
    """By alarm, the last time that one of our people shelved it with success, within the last day."""
    wanted = set(alarms)
    if not wanted:
        return {}
    found: dict[str, Shelving] = {}
    answers = Event.objects.filter(
        site_id=str(access.site.pk), tag="alarm:action:answered", result="done", at__gte=now_ms() - LONGEST
    ).order_by("-seq")[:LOOKED_AT]
    for event in answers:
        facts = json.loads(event.facts)
        if facts.get("what") != "shelve":
            continue
        for alarm in wanted & set(str(facts.get("alarms", "")).split()):
            found.setdefault(alarm, Shelving(event.username, event.reason, event.at))
    return found
