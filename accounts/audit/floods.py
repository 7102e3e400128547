"""Refusals that strangers can cause as often as they like: recorded, but never so many that they fill the disk.

A full disk takes no events, and then nobody acknowledges anything. So what one address, and all of them together, can
write is bounded (some 100 MB a day). What is left out is counted, and the next refusal that is recorded says how many.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from channels.db import database_sync_to_async
from django.http import HttpRequest

from accounts.audit.recording import try_record
from accounts.buckets import Buckets

if TYPE_CHECKING:
    from accounts.audit.models import Event

logger = logging.getLogger(__name__)
LEFT_OUT = "left_out"  # the fact with the number; each tag that is recorded here lists it

_of_source = Buckets(per_minute=30, burst=300)
_of_everybody = Buckets(per_minute=120, burst=1000)
_left_out: Counter[str] = Counter()
_lock = threading.Lock()


def try_record_refusal(
    tag: str, *, request: HttpRequest, facts: Mapping[str, str] | None = None, actor: Any = None, **values: Any
) -> Event | None:
    """As ``audit.try_record`` with the result *refused*; None also when it was left out."""
    from accounts.sign_in_limits import source_address  # noqa: PLC0415 - needs axes' models

    if _of_source.take(source_address(request) or "") or _of_everybody.take(""):
        with _lock:
            _left_out[tag] += 1
            is_first = _left_out[tag] == 1
        if is_first:
            logger.warning("More refusals %s come than the audit trail is told of; they are counted.", tag)
        return None
    with _lock:
        left_out = _left_out.pop(tag, 0)
    said = {**(facts or {}), **({LEFT_OUT: str(left_out)} if left_out else {})}
    return try_record(tag, actor=actor, result="refused", request=request, facts=said, **values)


atry_record_refusal = database_sync_to_async(try_record_refusal)
