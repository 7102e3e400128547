"""The web app's own settings on a real PostgreSQL, in a process of its own: what holds there as it does on SQLite.

``python -m tests.support.postgres_web_app``, the settings in the environment, runs ``manage.py migrate`` and
``manage.py check --deploy``, then everything that rests on a lock with several threads at once; prints what came of it.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

from tests.support.postgres_trail import ATTEMPTS, TAG, attempt

AT_ONCE = 8
PATIENCE = 60  # seconds for all threads of one question


def main() -> None:
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - as manage.py does

    said = io.StringIO()
    with redirect_stdout(said):
        execute_from_command_line(["manage.py", "migrate", "--verbosity", "0"])
        execute_from_command_line(
            ["manage.py", "check", "--deploy", "--database", "default", "--fail-level", "WARNING"]
        )
    print(json.dumps({"checked": said.getvalue().strip(), **look()}))


def look() -> dict[str, Any]:
    from django.db import connection  # noqa: PLC0415 - the apps are loaded by now

    from accounts import audit  # noqa: PLC0415
    from accounts.audit.verify import verify  # noqa: PLC0415
    from accounts.models import User  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        encrypted, version = cursor.fetchone()
    person = User.objects.create_user("alice", password="wet Tuesday, dry Thursday")
    for _ in range(3):
        audit.record(TAG, actor=None, result="done")
    return {
        "encrypted": encrypted,
        "version": version,
        "refusals": [attempt(ATTEMPTS[name]) for name in ("edit", "delete one", "empty")],
        "holds": verify().holds,
        "tries": tries_at_once(person),
        "moves": moves_at_once(),
        "sign-ins": sign_ins_at_once(person),
    }


def at_once(work: Callable[[], Any]) -> list[Any]:
    """What ``work`` answers in each of several threads, each with a connection of its own, all begun together."""
    from django.db import connection  # noqa: PLC0415

    gate, found = threading.Barrier(AT_ONCE, timeout=PATIENCE), []

    def run() -> None:
        try:
            gate.wait()
            found.append(work())
        except Exception as error:
            found.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, daemon=True) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return found


def tries_at_once(person: Any) -> list[Any]:
    """Codes of tablets that may be looked at."""
    from django.utils import timezone  # noqa: PLC0415

    from accounts.oauth.limits import count_try  # noqa: PLC0415

    now = timezone.now()
    return at_once(lambda: count_try(person, "198.51.100.7", now).wait == 0)


def moves_at_once() -> list[Any]:
    """Sessions that one session became."""
    from django.contrib.sessions.backends.db import SessionStore  # noqa: PLC0415
    from django.contrib.sessions.models import Session  # noqa: PLC0415

    from accounts.session_moves import SessionGone, move_session  # noqa: PLC0415

    first = SessionStore()
    first["amr"] = ["pwd"]
    first.create()

    def move() -> str:
        mine = SessionStore(first.session_key)
        mine.load()
        mine["amr"] = ["pwd", "otp", "mfa"]
        try:
            move_session(mine)
        except SessionGone:
            return "gone"
        return "moved"

    found = at_once(move)
    return [*sorted(found), Session.objects.count()]


def sign_ins_at_once(person: Any) -> int:
    """Sign-ins that one person has after many at the same moment."""
    from importlib import import_module  # noqa: PLC0415

    from django.conf import settings  # noqa: PLC0415
    from django.contrib.auth.models import AnonymousUser  # noqa: PLC0415
    from django.contrib.messages.storage.cookie import CookieStorage  # noqa: PLC0415
    from django.test import RequestFactory  # noqa: PLC0415

    from accounts.own_sessions import own_sessions  # noqa: PLC0415
    from accounts.sign_in_steps import begin_session  # noqa: PLC0415

    def sign_in() -> str:
        request: Any = RequestFactory().post("/sign-in/")
        request.session = import_module(settings.SESSION_ENGINE).SessionStore()
        request.user, request._messages = AnonymousUser(), CookieStorage(request)
        begin_session(request, person, ["pwd"])
        return "in"

    found = at_once(sign_in)
    return len(own_sessions(person)) if found == ["in"] * AT_ONCE else found  # type: ignore[return-value]


if __name__ == "__main__":
    main()
