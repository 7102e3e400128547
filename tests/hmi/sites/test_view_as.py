"""Looking as another person: who may, how long, and that beginning and end are recorded."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.audit.models import Event
from hmi.sites import view_as
from hmi.sites.models import Site, ViewAs
from tests.hmi.sites.people import make_administrator

pytestmark = pytest.mark.django_db


@pytest.fixture
def session_key(db: None) -> str:
    session = SessionStore()
    session.create()
    return session.session_key or ""


def tags() -> list[str]:
    return list(Event.objects.filter(tag__startswith="grant:view-as").order_by("seq").values_list("tag", flat=True))


BEGUN, ENDED = "grant:view-as:begun", "grant:view-as:ended"


def test_lasts_a_quarter_of_an_hour_at_most(dora: Any, bob: Any, north: Site, session_key: str) -> None:
    now = timezone.now()
    view = view_as.begin(dora, bob, north, session_key, now)
    assert view.ends_at - view.begun_at == dt.timedelta(minutes=15)
    assert view_as.current(dora, session_key, view.ends_at - dt.timedelta(microseconds=1)) == view
    assert view_as.current(dora, session_key, view.ends_at) is None
    assert view_as.current(dora, session_key, now) is None  # over is over, whatever the clock says later
    assert tags() == [BEGUN, ENDED]


def test_event_names_both_people_and_the_site(dora: Any, bob: Any, north: Site, session_key: str) -> None:
    view_as.end(view_as.begin(dora, bob, north, session_key), "by button")
    begun, ended = Event.objects.filter(tag__startswith="grant:view-as").order_by("seq")
    assert (begun.actor, begun.site, str(bob.subject) in begun.facts) == (str(dora.subject), "north", True)
    assert '"how":"by button"' in ended.facts
    assert session_key not in begun.facts + ended.facts + ViewAs.objects.get().session_digest


def test_it_belongs_to_one_session_and_one_administrator(
    dora: Any, erin: Any, bob: Any, north: Site, session_key: str
) -> None:
    view_as.begin(dora, bob, north, session_key)
    assert view_as.current(dora, "another") is None
    assert view_as.current(dora, None) is None
    assert view_as.current(erin, session_key) is None
    assert tags() == [BEGUN, ENDED]


@pytest.mark.parametrize("loss", ["permission", "account", "staff"])
def test_ends_with_the_permission(bob: Any, north: Site, session_key: str, loss: str) -> None:
    gina = make_administrator("gina", "view_as")
    view_as.begin(gina, bob, north, session_key)
    if loss == "permission":
        gina.user_permissions.clear()
    else:
        setattr(gina, {"account": "is_active", "staff": "is_staff"}[loss], False)
        gina.save()
    gina = type(gina).objects.get(pk=gina.pk)
    assert view_as.current(gina, session_key) is None
    assert tags() == [BEGUN, ENDED]


def test_who_may_not(alice: Any, dora: Any, bob: Any, north: Site, session_key: str) -> None:
    with pytest.raises(ValidationError, match="may not look at a site as another person"):
        view_as.begin(alice, bob, north, session_key)
    with pytest.raises(ValidationError, match="own sites"):
        view_as.begin(dora, dora, north, session_key)
    with pytest.raises(ValidationError, match="Sign in"):
        view_as.begin(dora, bob, north, "")
    assert tags() == []


def test_signing_out_and_beginning_another_end_it(
    dora: Any, bob: Any, alice: Any, north: Site, session_key: str
) -> None:
    view_as.begin(dora, bob, north, session_key)
    second = view_as.begin(dora, alice, north, session_key)
    assert view_as.current(dora, session_key) == second
    SessionStore(session_key).delete()
    assert tags() == [BEGUN, ENDED, BEGUN, ENDED]
    assert not ViewAs.objects.filter(ended_at__isnull=True).exists()


def test_end_is_recorded_also_when_nobody_comes_back(dora: Any, bob: Any, north: Site, session_key: str) -> None:
    now = timezone.now()
    view = view_as.begin(dora, bob, north, session_key, now)
    assert view_as.end_overdue(now + dt.timedelta(hours=2)) == 1
    assert view_as.end_overdue(now + dt.timedelta(hours=2)) == 0
    view.refresh_from_db()
    assert view.ended_at == view.ends_at
    view_as.end(view, "by button")
    assert tags() == [BEGUN, ENDED]
