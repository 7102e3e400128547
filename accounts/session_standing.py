"""Which signed-in sessions still stand, asked for all open pages at once: nothing that ends a sign-in is forgotten.

A request checks more than its session's row: the person must still be active, and the password the one that the
session was opened with (Django's session hash). An open page makes no request, so whoever looks after open pages asks
here. That also finds what no signal told of: a password or an account changed by SQL.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from django.contrib.auth import HASH_SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils.crypto import constant_time_compare

from accounts.sessions import DECODED_SESSIONS, SessionFacts, end_reason, read_facts


class _Held(NamedTuple):
    facts: SessionFacts | None
    auth_hash: str


def standing_session_keys(keys: Iterable[str], now: float) -> set[str]:
    """Those of ``keys`` whose sign-in stands at ``now`` (seconds since the epoch); two queries however many."""
    wanted = set(keys)
    if not wanted:
        return set()
    moment = dt.datetime.fromtimestamp(now, tz=dt.UTC)
    rows = Session.objects.filter(session_key__in=wanted, expire_date__gt=moment)
    held: dict[str, tuple[str, str]] = {}
    for key, data in rows.values_list("session_key", "session_data"):
        facts, auth_hash = _held(data)
        if facts is not None and not end_reason(facts, now):
            held[key] = facts.user_id, auth_hash
    people = get_user_model().objects.filter(pk__in={user_id for user_id, _ in held.values()}, is_active=True)
    passwords = {str(pk): password for pk, password in people.values_list("pk", "password")}
    return {key for key, (user_id, auth_hash) in held.items() if _fits(auth_hash, passwords.get(user_id))}


def _fits(auth_hash: str, password: str | None) -> bool:
    return password is not None and any(constant_time_compare(auth_hash, each) for each in _hashes(password))


@lru_cache(maxsize=DECODED_SESSIONS)
def _held(session_data: str) -> _Held:
    values = SessionStore().decode(session_data)
    auth_hash = values.get(HASH_SESSION_KEY)
    return _Held(read_facts(values), auth_hash if isinstance(auth_hash, str) else "")


@lru_cache(maxsize=DECODED_SESSIONS)
def _hashes(password: str) -> tuple[str, ...]:
    """What sessions opened with this (hashed) password carry, under the present secret and those before it."""
    person = get_user_model()(password=password)
    return person.get_session_auth_hash(), *person.get_session_auth_fallback_hash()
