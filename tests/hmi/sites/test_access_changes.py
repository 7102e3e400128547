"""The bell rings after each change that decides who may see what, and after nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction

from hmi.sites import access_changes
from hmi.sites.models import Grant, Site
from tests.hmi.sites.people import role

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rings(alices_grant: Grant) -> Iterator[list[str]]:
    heard: list[str] = []
    forget = access_changes.on_change(lambda: heard.append("ring"))
    yield heard
    forget()


@pytest.mark.parametrize("what", ["grant", "role", "site", "user"])
def test_bell_rings_once_the_change_is_stored(
    rings: list[str], alices_grant: Grant, north: Site, alice: Any, what: str
) -> None:
    row = {"grant": alices_grant, "role": role("viewer"), "site": north, "user": alice}[what]
    with transaction.atomic():
        row.save()
        assert rings == []
    assert rings == ["ring"]


def test_bell_rings_when_a_session_ends_but_not_when_it_is_used(rings: list[str]) -> None:
    session = SessionStore()
    session["seen_at"] = 1
    session.save()
    session["seen_at"] = 2
    session.save()
    assert rings == []
    session.delete()
    assert rings == ["ring"]


def test_change_that_was_rolled_back_rings_nothing(rings: list[str], north: Site) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        north.save()
        raise RuntimeError
    assert rings == []


def test_listener_that_fails_keeps_nobody_else_from_hearing(rings: list[str], north: Site, caplog: Any) -> None:
    forget = access_changes.on_change(lambda: 1 / 0)
    heard: list[str] = []
    forget_other = access_changes.on_change(lambda: heard.append("ring"))
    north.save()
    forget()
    forget_other()
    north.save()
    assert heard == ["ring"]
    assert rings == ["ring", "ring"]
    assert "listener to access changes failed" in caplog.text
