"""What a site token says of how its person signed in, read from the session (``acr``, ``amr``, ``auth_time``).

A token that reads tells of the sign-in. A token that writes tells of the last "confirm it is you", if that was within
five minutes: what counts there is who holds the device now.
"""

from __future__ import annotations

import datetime as dt

from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from accounts.assurance import HARDWARE_KEY, SOFTWARE_KEY, Assurance, read_assurance
from accounts.issuer.mint import Proof
from accounts.sessions import end_reason, read_facts
from relay_bridge.contract.tokens import ACR_PASSKEY, ACR_PASSWORD, ACR_SECOND_FACTOR


def session_assurance(session_key: str, now: float) -> Assurance | None:
    """What the session is worth; None when it is over. One query. ``now``: seconds since the epoch."""
    moment = dt.datetime.fromtimestamp(now, tz=dt.UTC)
    row = Session.objects.filter(session_key=session_key, expire_date__gt=moment).first()
    if row is None:
        return None
    values = SessionStore().decode(row.session_data)
    return None if end_reason(read_facts(values), now) else read_assurance(values)


def proof_of(assurance: Assurance, now: float, *, writes: bool) -> Proof:
    """How the person proved to be who they are, for a token that reads or one that ``writes``."""
    if not writes:
        return Proof(assurance.auth_time, assurance.acr, assurance.amr)
    if not assurance.is_stepped_up(now):
        # Whatever the sign-in was worth (a recovery code is a second factor too), nobody confirmed this.
        return Proof(assurance.auth_time, ACR_PASSWORD, assurance.amr)
    passkey = {HARDWARE_KEY, SOFTWARE_KEY} & set(assurance.stepped_up_with)
    return Proof(assurance.stepped_up_at, ACR_PASSKEY if passkey else ACR_SECOND_FACTOR, assurance.stepped_up_with)
