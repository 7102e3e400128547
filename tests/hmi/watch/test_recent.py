"""What was opened last: twelve, newest first, each once; and never in the way of a page."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from hmi.watch.recent import MAX_RECENT, UNCHANGED, Opened, note_opened, recent_of
from tests.hmi.live.people import make_person, make_site

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def open_all(person: Any, site: Any, *assets: str) -> None:
    before = Opened.objects.count()
    for second, asset in enumerate(assets, start=before):
        note_opened(person, site.pk, asset, NOW + dt.timedelta(seconds=second))


def test_the_newest_stands_first_and_each_stands_once() -> None:
    alice, north = make_person("alice"), make_site()
    open_all(alice, north, "A", "B", "C")
    note_opened(alice, north.pk, "A", NOW + dt.timedelta(minutes=5))
    assert [row.asset for row in recent_of(alice)] == ["A", "C", "B"]


def test_twelve_are_kept_of_each_person() -> None:
    alice, bob, north = make_person("alice"), make_person("bob"), make_site()
    note_opened(bob, north.pk, "bobs", NOW)
    open_all(alice, north, *(f"TK-{number}" for number in range(MAX_RECENT + 3)))
    assert Opened.objects.filter(person=alice).count() == MAX_RECENT == 12
    assert recent_of(alice)[0].asset == f"TK-{MAX_RECENT + 2}"
    assert [row.asset for row in recent_of(bob)] == ["bobs"]


def test_a_page_that_is_loaded_again_writes_nothing() -> None:
    alice, north = make_person("alice"), make_site()
    note_opened(alice, north.pk, "A", NOW)
    with CaptureQueriesContext(connection) as seen:
        note_opened(alice, north.pk, "A", NOW + UNCHANGED / 2)
    assert len(seen) == 1 and seen[0]["sql"].startswith("SELECT")
    note_opened(alice, north.pk, "A", NOW + UNCHANGED)
    assert recent_of(alice)[0].at == NOW + UNCHANGED


def test_a_database_that_takes_nothing_does_not_stop_the_page(caplog: pytest.LogCaptureFixture) -> None:
    alice, north = make_person("alice"), make_site()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TRIGGER full BEFORE INSERT ON watch_opened BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    try:
        note_opened(alice, north.pk, "A", NOW)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER full")
    assert recent_of(alice) == []
    assert "could not be stored" in caplog.text
