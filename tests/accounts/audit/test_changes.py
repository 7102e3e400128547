"""Exactly one event for each change of people, roles, groups and sign-ins, with whoever made it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission

from accounts.audit.context import acting_as, answering
from accounts.audit.models import Event
from accounts.audit.sign_ins import UNKNOWN
from accounts.models import Role, User

PASSWORD = "wet Tuesday, dry Thursday"
pytestmark = pytest.mark.django_db


def new_events(since: int) -> list[str]:
    return list(Event.objects.filter(seq__gt=since).order_by("seq").values_list("tag", flat=True))


def last() -> int:
    return Event.objects.order_by("-seq").values_list("seq", flat=True).first() or 0


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", password=PASSWORD)


@pytest.mark.parametrize(
    ("change", "tags"),
    [
        ({"email": "a@example.com", "first_name": "Alice"}, ["person:account:changed"]),
        ({"is_active": False}, ["person:account:closed"]),
        ({"is_staff": True}, ["person:administration:changed"]),
        ({"last_name": ""}, []),  # as it was
    ],
)
def test_person(alice: User, change: dict[str, Any], tags: list[str]) -> None:
    before = last()
    for name, value in change.items():
        setattr(alice, name, value)
    alice.save()
    assert new_events(before) == tags


def test_password_is_one_event_and_a_new_hash_of_the_same_is_none(alice: User) -> None:
    before = last()
    alice.set_password("another one entirely")
    alice.save()
    assert new_events(before) == ["person:password:changed"]
    before = last()
    alice.set_password("another one entirely")
    alice._password = None  # as Django's check_password does when the hash is made anew
    alice.save(update_fields=["password"])
    alice.save(update_fields=["last_login"])
    assert new_events(before) == []


def test_new_and_deleted_people(alice: User) -> None:
    assert new_events(0) == ["person:account:added"]
    before = last()
    User.objects.create_superuser("root", password=PASSWORD)
    assert new_events(before) == ["person:account:added", "person:administration:changed"]
    before = last()
    alice.delete()
    assert new_events(before) == ["person:account:deleted"]


def test_groups_and_permissions(alice: User) -> None:
    before = last()
    group = Group.objects.create(name="helpers")
    group.permissions.add(Permission.objects.get(codename="view_role"))
    alice.groups.add(group)
    alice.groups.add(group)  # already there
    alice.groups.clear()
    assert new_events(before) == [
        "group:row:added",
        "group:permissions:changed",
        *["person:administration:changed"] * 2,
    ]


def test_role() -> None:
    role = Role.objects.get(slug="viewer")
    before = last()
    role.save()
    role.scopes = "status:read"
    role.save()
    assert new_events(before) == ["role:row:changed"]
    event = Event.objects.order_by("-seq")[0]
    assert '"before":"status:read data:live' in event.facts and '"changed":"scopes"' in event.facts


def test_whoever_acts_stands_in_the_event(alice: User, rf: Any) -> None:
    request = rf.get("/admin/", REMOTE_ADDR="192.0.2.17")
    request.user, request.request_id = alice, "f" * 32
    with answering(request):
        User.objects.create_user("bob", password=PASSWORD)
    with acting_as("the night job"):
        User.objects.create_user("carl", password=PASSWORD)
    bob, carl = Event.objects.filter(tag="person:account:added").order_by("seq")[1:]
    assert (bob.username, bob.source, bob.request_id) == ("alice", "192.0.2.17", "f" * 32)
    assert (carl.username, carl.actor) == ("the night job", "")


def test_failed_sign_ins_and_the_lock(alice: User, client: Any) -> None:
    before = last()
    for _ in range(7):
        client.post("/sign-in/", {"username": "alice", "password": "wrong"})
    # Five are allowed; the fifth locks; the sixth and seventh are refused unheard.
    assert Counter(new_events(before)) == {"person:sign-in:failed": 7, "person:sign-in:locked": 1}
    reasons = Event.objects.filter(tag="person:sign-in:failed").order_by("seq").values_list("reason", flat=True)
    assert [bool(reason) for reason in reasons] == [False] * 5 + [True] * 2
    event = Event.objects.filter(tag="person:sign-in:failed").order_by("-seq")[0]
    assert event.subject == f"{alice.subject} alice" and "locked" in event.reason and not event.actor


def test_name_of_no_account_is_not_stored(client: Any) -> None:
    client.post("/sign-in/", {"username": "hunter2 my password", "password": "x"})
    event = Event.objects.get(tag="person:sign-in:failed")
    assert event.reason == UNKNOWN and not event.subject
    assert not Event.objects.filter(subject__contains="hunter2").exists()


def test_request_id_is_in_the_answer_and_in_the_events(client: Any) -> None:
    answer = client.post("/sign-in/", {"username": "x", "password": "x"}, headers={"X-Request-ID": "chosen outside"})
    event = Event.objects.get(tag="person:sign-in:failed")
    assert answer.headers["X-Request-ID"] == event.request_id and len(event.request_id) == 32
