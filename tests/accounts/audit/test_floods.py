"""A stranger cannot fill the disk through the trail, and an auditor learns how much was left out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accounts.audit import floods
from accounts.audit.floods import try_record_refusal
from accounts.audit.models import Event
from accounts.buckets import Buckets
from accounts.models import User

pytestmark = pytest.mark.django_db
CHARLIES_ADDRESS = "203.0.113.9"
TAG = "person:sign-in:failed"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(floods, "_of_source", Buckets(60, 5, clock=lambda: now[0]))
    monkeypatch.setattr(floods, "_of_everybody", Buckets(60, 12, clock=lambda: now[0]))
    floods._left_out.clear()
    return now


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", password="correct horse battery")


def refused(rf: Any, times: int, address: str = CHARLIES_ADDRESS) -> int:
    return sum(try_record_refusal(TAG, request=rf.get("/", REMOTE_ADDR=address)) is not None for _ in range(times))


def test_one_source_is_bounded_and_the_next_event_says_what_was_left_out(rf: Any, clock: list[float]) -> None:
    assert refused(rf, 40) == 5
    assert refused(rf, 1, "198.51.100.4") == 1, "another address is heard"
    assert json.loads(Event.objects.order_by("-seq")[0].facts) == {"left_out": "35"}
    clock[0] = 1.0
    assert refused(rf, 1) == 1
    assert json.loads(Event.objects.order_by("-seq")[0].facts) == {}


def test_all_sources_together_are_bounded(rf: Any) -> None:
    assert sum(refused(rf, 1, f"198.51.100.{n}") for n in range(100)) == 12


def test_locked_account_hammered_by_a_stranger_leaves_a_bounded_trail(client: Any, alice: Any) -> None:
    for number in range(40):
        client.post("/sign-in/", {"username": "alice", "password": f"no {number}"}, REMOTE_ADDR=CHARLIES_ADDRESS)
        client.post("/sign-in/passkey/", {"answer": "{}"}, REMOTE_ADDR=CHARLIES_ADDRESS)
    assert Event.objects.filter(tag=TAG).count() == 5
