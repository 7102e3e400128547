"""IEC 62443-3-3 SR 2.10: with the trail broken, changes are answered with 503 and do not happen; pages go on."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection

from accounts.audit.models import Event
from accounts.models import User

PASSWORD = "wet Tuesday, dry Thursday"
pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client: Any) -> Any:
    client.force_login(User.objects.create_superuser("root", password=PASSWORD))
    return client


def test_change_in_the_administration_is_one_event_with_its_request(root: Any) -> None:
    answer = root.post("/admin/auth/group/add/", {"name": "helpers"})
    event = Event.objects.get(tag="group:row:added")
    assert (event.username, event.subject) == ("root", "helpers")
    assert event.request_id == answer.headers["X-Request-ID"]


def test_row_without_events_of_its_own_is_recorded_in_the_administration(root: Any) -> None:
    from allauth.socialaccount.models import SocialAccount  # noqa: PLC0415 - only here

    bob = User.objects.create_user("bob", password=PASSWORD)
    account = SocialAccount.objects.create(user=bob, provider="acme", uid="1")
    root.post(f"/admin/socialaccount/socialaccount/{account.pk}/delete/", {"post": "yes"})
    events = Event.objects.filter(tag="admin:row:deleted")
    assert [event.facts for event in events] == ['{"model":"socialaccount.socialaccount"}']


def test_broken_trail_refuses_changes_and_shows_pages(root: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TRIGGER full BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    answer = root.post("/admin/auth/group/add/", {"name": "helpers"})
    assert answer.status_code == 503 and b"could not be recorded" in answer.content
    assert answer.headers["Retry-After"] == "30" and answer.headers["X-Request-ID"]
    assert not Group.objects.exists()
    assert root.get("/admin/auth/group/").status_code == 200
    assert root.get("/admin/").status_code == 200
