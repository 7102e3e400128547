"""How full the storage of the trail is: warned of at 75 % and 90 % of its bound, in the log and on the pages.

The bound is ``AUDIT_MAX_MB``. Nothing happens to events there: they leave by ``manage.py audit retire`` alone.
"""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.models import Max, Min
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext as translated

from accounts.audit.models import Event
from relay_bridge.contract.storage import MEGABYTE, Level, Storage

logger = logging.getLogger(__name__)
BYTES_PER_EVENT = 620  # with its indexes, as measured over a million of them (docs/audit.md)
LOOK_AGAIN = 60.0  # seconds
SAY_AGAIN = 24 * 3600.0  # seconds between two lines about a storage that stays as full
ADVICE = gettext_noop("Archive old events (manage.py audit retire), make room, or raise SIGHTLINE_AUDIT_MAX_MB.")

_known: tuple[float, Storage] | None = None
_said: tuple[float, Level] = (0.0, "ok")


def storage_now() -> Storage:
    """How it is at this moment. ``free`` is that of the state folder's volume where the database is elsewhere."""
    return Storage(_used(), shutil.disk_usage(_volume()).free, settings.AUDIT_MAX_MB * MEGABYTE)


def storage(now: float | None = None) -> Storage:
    """How it is, at most a minute old; a change of its level is told in the log. ``now``: monotonic seconds."""
    global _known  # noqa: PLW0603 - what this process knows
    now = time.monotonic() if now is None else now
    if _known is None or now - _known[0] >= LOOK_AGAIN or _known[1].bound != settings.AUDIT_MAX_MB * MEGABYTE:
        _known = (now, storage_now())
        _tell(_known[1], now)
    return _known[1]


def storage_words(found: Storage) -> str:
    """``Storage.words`` and what to do about it, in the language spoken now; the log has both in English."""
    left = max(found.free, 0)
    words = gettext("Storage of the audit trail: %(share)s of %(bound)d MB are used.")
    if left < found.bound - found.used:
        words = gettext(
            "Storage of the audit trail: %(share)s of %(bound)d MB are used, for the volume has only %(left)d MB left."
        )
    facts = {"share": f"{found.share:.0%}", "bound": round(found.bound / MEGABYTE), "left": round(left / MEGABYTE)}
    return f"{words % facts} {translated(ADVICE)}"


def _tell(found: Storage, now: float) -> None:
    global _said  # noqa: PLW0603
    at, level = _said
    if found.level == level and (level == "ok" or now - at < SAY_AGAIN):
        return
    _said = (now, found.level)
    if found.level == "ok":
        logger.info("There is room for the audit trail again. %s", found.words)
    else:
        tell = logger.error if found.level == "alarm" else logger.warning
        tell("%s %s", found.words, ADVICE)


def _used() -> int:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_total_relation_size('audit_event')")
            return int(cursor.fetchone()[0])
    ends = Event.objects.aggregate(first=Min("seq"), last=Max("seq"))  # two looks into the index, however many rows
    return 0 if ends["last"] is None else (ends["last"] - ends["first"] + 1) * BYTES_PER_EVENT


def _volume() -> Path:
    """The folder of the SQLite file, or the state folder; a parent of it before the first start."""
    name = str(connection.settings_dict["NAME"])
    wanted = Path(name).parent if connection.vendor == "sqlite" and Path(name).is_absolute() else None
    folder = wanted or settings.SIGHTLINE.state_dir
    while not folder.exists():
        folder = folder.parent
    return folder
