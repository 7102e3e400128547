"""A sign-in stands while its row, its person and its password do, also where no signal told of a change."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection

from accounts.session_standing import standing_session_keys
from tests.hmi.live.people import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(alice: Any) -> str:
    return str(sign_in(alice).session_key)


def stands(key: str, later: float = 0.0) -> bool:
    return key in standing_session_keys([key, "x" * 32], time.time() + later)


def test_live_session_stands_until_it_is_idle(key: str) -> None:
    assert stands(key)
    assert not stands(key, later=settings.SESSION_IDLE_AGE + 1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_user SET is_active = FALSE",
        "UPDATE accounts_user SET password = '!none'",
        "DELETE FROM django_session",
        "UPDATE django_session SET session_data = 'forged'",
    ],
)
def test_change_by_sql_ends_it(key: str, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
    assert not stands(key)


def test_session_without_a_password_s_mark_is_none(alice: Any) -> None:
    session = sign_in(alice)
    del session["_auth_user_hash"]
    session.save()
    assert not stands(str(session.session_key))


def test_secret_that_was_replaced_keeps_sessions_while_it_is_a_fallback(key: str, settings: Any) -> None:
    from accounts import session_standing  # noqa: PLC0415 - its memory is emptied

    assert Session.objects.filter(pk=key).exists()
    held = session_standing._held(Session.objects.get(pk=key).session_data)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret of fifty characters, made up for tests"
    session_standing._hashes.cache_clear()
    try:
        assert held.auth_hash and stands(key)
    finally:
        session_standing._hashes.cache_clear()


def test_nobody_asked_for_costs_no_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert standing_session_keys([], time.time()) == set()


def test_two_queries_however_many(alice: Any, bob: Any, django_assert_num_queries: Any) -> None:
    keys = {str(sign_in(who).session_key) for who in (alice, bob, bob)}
    with django_assert_num_queries(2):
        assert standing_session_keys(keys, time.time()) == keys
