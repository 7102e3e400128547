"""What the server tells a phone about keeping a page: whose it is, whether, and until when at the latest."""

from __future__ import annotations

import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.test import Client, RequestFactory
from django.urls import get_resolver

from accounts.sessions import SEEN_AT, SIGNED_IN_AT, WRITE_INTERVAL
from hmi.screens.keeping import KEPT_VIEWS, NOBODY, Keeping, keeping_of

NOW = int(time.time())


def asked(person: str = "7", *, since: int = NOW, view: str = "screens:tank", method: str = "get") -> Keeping:
    request: Any = getattr(RequestFactory(), method)("/")
    request.session = {SESSION_KEY: person, SIGNED_IN_AT: since, SEEN_AT: since} if person else {}
    request.user = SimpleNamespace(is_authenticated=bool(person))
    request.resolver_match = SimpleNamespace(view_name=view)
    found = keeping_of(request)
    assert found is not None
    return found


def test_label_is_of_one_sign_in_and_holds_nothing_of_it() -> None:
    label = asked().label
    assert re.fullmatch(r"[0-9a-f]{24}", label)
    assert asked(view="screens:site").label == label
    assert label not in {asked("8").label, asked(since=NOW + 1).label}


def test_nobody_signed_in_is_said_and_a_page_without_session_says_nothing() -> None:
    assert asked("") == Keeping(NOBODY)
    assert keeping_of(RequestFactory().get("/")) is None


@pytest.mark.parametrize(
    "view", ["accounts:sign-ins", "screens:setpoint", "screens:access", "audit:trail", "alarms:review"]
)
def test_what_acts_or_is_private_is_never_kept(view: str) -> None:
    assert not asked(view=view).keeps


def test_answer_to_a_form_is_not_kept() -> None:
    assert asked().keeps
    assert not asked(method="post").keeps


def test_kept_views_exist() -> None:
    names = set()
    for pattern in get_resolver().url_patterns:
        nested = getattr(pattern, "app_name", None)
        names |= {f"{nested}:{each.name}" for each in getattr(pattern, "url_patterns", ()) if getattr(each, "name", "")}
    assert names >= KEPT_VIEWS


def test_it_ends_with_the_sign_in_and_never_later() -> None:
    told = asked(since=int(time.time()) - 3600)
    assert abs(told.left - (settings.SESSION_COOKIE_AGE - 3600) * 1000) < 5000
    # seen_at is written a minute late at most, by a page once a minute at most.
    assert told.idle == (settings.SESSION_IDLE_AGE - 2 * WRITE_INTERVAL) * 1000
    assert asked(since=NOW - 20 * 3600).left == 0


def test_sign_in_page_makes_the_phone_forget_and_the_offline_page_does_not(db: None) -> None:
    assert f'data-keep="{NOBODY}"' in Client().get("/sign-in/").content.decode()
    assert "data-keep" not in Client().get("/offline/").content.decode()


def test_worker_still_stores_nothing_but_the_shell() -> None:
    """The sealed copies are the page's own; the worker, which sees every answer, puts none of them anywhere."""
    text = (Path(settings.BASE_DIR) / "static/js/worker/service_worker.js").read_text()
    assert re.findall(r"indexedDB|localStorage|request\.clone|\.clone\(", text) == []
    assert re.findall(r"\.put\((.*)\);", text) == ["SPOKEN, new Response(language)"]  # one of six words
    assert re.findall(r"addAll\((\w+)", text) == ["wanted", "languages"]
