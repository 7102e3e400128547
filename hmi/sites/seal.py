"""The seal of a grant: a keyed digest over the whole row, so that a row written past the application opens nothing.

Whoever can only write to the database (a stolen backup put back, an injection, a curious administrator) cannot make
or widen a grant: without the web app's secret the seal does not fit, and a grant without its seal is no grant.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

if TYPE_CHECKING:
    from hmi.sites.grants import Grant

_SALT = "hmi.sites.grant"
_UNDECIDED = ["not-needed", None, None, "", None, None]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def make_seal(grant: Grant) -> str:
    """The hex HMAC-SHA256 of every field of ``grant`` as it is now, epoch included."""
    return _digest(grant, settings.SECRET_KEY)


def seal_holds(grant: Grant) -> bool:
    """Whether the row is as the application wrote it; the keys in ``SECRET_KEY_FALLBACKS`` still count."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(constant_time_compare(grant.seal, _digest(grant, key)) for key in keys)


def _digest(grant: Grant, key: str | bytes) -> str:
    fields = [
        grant.pk, grant.user_id, grant.role_id, grant.site_id, grant.granted_by_id, grant.epoch, grant.reason,
        _microseconds(grant.valid_from), _microseconds(grant.valid_until), _microseconds(grant.revoked_at),
    ]  # fmt: skip
    decided = [
        grant.approval, grant.approved_by_id, grant.revoked_by_id, grant.end_reason, _microseconds(grant.approved_at),
        _microseconds(grant.given_at),
    ]  # fmt: skip
    if decided != _UNDECIDED:
        # Rows sealed before these fields existed have none of them and keep the shorter form; no row fits both.
        fields += decided
    return salted_hmac(_SALT, json.dumps([str(field) for field in fields]), secret=key, algorithm="sha256").hexdigest()


def _microseconds(moment: datetime | None) -> int | None:
    # Whole microseconds: what every database stores, whatever zone it hands back.
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)
