"""A session that got a new key is remembered for a minute, and only so many of them."""

from __future__ import annotations

import threading
import time

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection

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


@pytest.mark.django_db
@pytest.mark.parametrize("ended_by", ["deletion", "another move"])
def test_session_that_is_gone_does_not_move_and_is_not_stored(ended_by):
    """An administrator ended it while a code was being typed: confirming must not bring it back."""
    session = SessionStore()
    session["amr"] = ["pwd"]
    session.create()
    same = SessionStore(session.session_key)
    same["amr"] = ["pwd", "otp", "mfa"]
    if ended_by == "deletion":
        session.delete()
    else:
        session_moves.move_session(session)
    left = set(Session.objects.values_list("session_key", flat=True))
    with pytest.raises(session_moves.SessionGone):
        session_moves.move_session(same)
    assert not same.modified, "the middleware would try to store it"
    assert set(Session.objects.values_list("session_key", flat=True)) == left


@pytest.mark.django_db(transaction=True)
def test_of_several_moves_at_once_one_makes_a_session():
    session = SessionStore()
    session["amr"] = ["pwd"]
    session.create()
    key, gate, outcomes = session.session_key, threading.Barrier(4, timeout=20), []

    def move():
        mine = SessionStore(key)
        assert mine["amr"] == ["pwd"]  # loaded, as at the start of a request
        gate.wait()
        try:
            session_moves.move_session(mine)
            outcomes.append(mine.session_key)
        except session_moves.SessionGone:
            outcomes.append("gone")
        finally:
            connection.close()

    threads = [threading.Thread(target=move) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert outcomes.count("gone") == 3
    assert list(Session.objects.values_list("session_key", flat=True)) == [o for o in outcomes if o != "gone"]
