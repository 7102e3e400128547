"""A session that got a new key is remembered for a minute, and only so many of them."""

from __future__ import annotations

import time

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from accounts import session_moves


@pytest.mark.django_db
def test_old_key_opens_nothing_and_is_remembered():
    session = SessionStore()
    session["amr"] = ["pwd"]
    session.create()
    old = session.session_key
    session_moves.move_session(session)
    assert not Session.objects.filter(session_key=old).exists()
    assert SessionStore(session.session_key)["amr"] == ["pwd"]
    assert session_moves.has_moved(old)
    assert not session_moves.has_moved(old, time.monotonic() + session_moves.REMEMBERED_FOR)
    assert not session_moves.has_moved(session.session_key)


@pytest.mark.django_db
def test_memory_has_a_bound(monkeypatch):
    monkeypatch.setattr(session_moves, "MOST_REMEMBERED", 3)
    session = SessionStore()
    session.create()
    first = session.session_key
    for _ in range(4):
        session_moves.move_session(session)
    assert not session_moves.has_moved(first)
    assert len(session_moves._moves) == 3
