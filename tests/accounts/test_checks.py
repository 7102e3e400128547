"""The start is refused when sessions would live where they cannot be ended."""

from __future__ import annotations

from accounts.checks import sessions_must_be_rows


def test_database_sessions_are_accepted():
    assert sessions_must_be_rows() == []


def test_signed_cookie_sessions_are_refused(settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert [problem.id for problem in sessions_must_be_rows()] == ["accounts.E001"]
