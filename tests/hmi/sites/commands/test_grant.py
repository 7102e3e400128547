"""Giving access from the command line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.http import Http404
from django.utils import timezone

from hmi.sites.access import get_site_for
from hmi.sites.models import Grant, Site
from tests.hmi.sites.people import make_person

pytestmark = pytest.mark.django_db


def test_grant_lasts_as_long_as_the_role_says(alice: Any, dora: Any, north: Site, capsys: Any) -> None:
    call_command("grant", "alice", "field operator", "north", reason="night shift", by="dora")

    grant = Grant.objects.get()
    assert (grant.user, grant.site, grant.role.slug, grant.granted_by) == (alice, north, "field-operator", dora)
    assert grant.valid_until - grant.valid_from == dt.timedelta(days=30)
    assert get_site_for(alice, "north").grant_id == grant.pk
    assert "alice as field operator at North Terminal until" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2027-01-31", dt.datetime(2027, 1, 31, tzinfo=dt.UTC)),
        ("2027-01-31T14:00+01:00", dt.datetime(2027, 1, 31, 13, tzinfo=dt.UTC)),
    ],
)
def test_end_may_be_said(
    alice: Any, north: Site, until: str, expected: dt.datetime, now_is: Callable[[dt.datetime], None]
) -> None:
    now_is(dt.datetime(2026, 12, 1, tzinfo=dt.UTC))
    call_command("grant", "alice", "viewer", "north", reason="audit", until=until)
    assert Grant.objects.get().valid_until == expected


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("nobody", "viewer", "north"), {}, "nobody with the username 'nobody'"),
        (("alice", "emperor", "north"), {}, "no role 'emperor'; there are"),
        (("alice", "viewer", "nowhere"), {}, "no site 'nowhere'"),
        (("alice", "viewer", "north"), {"until": "soon"}, "'soon' is no time"),
        (("alice", "viewer", "north"), {"days": 0}, "must end after it starts"),
        (("alice", "viewer", "north"), {"days": 367}, "At most viewer is held for 366 days"),
        (("alice", "viewer", "north"), {"by": "alice"}, "cannot grant yourself"),
        (("alice", "viewer", "north"), {"by": "root", "approved_by": "alice"}, "does not wait for approval"),
        (("alice", "viewer", "north"), {"days": 10**10}, "no length of a grant"),
        (("alice", "viewer", "north"), {"reason": " "}, "Say why|blank"),
        (("root", "viewer", "north"), {}, "cannot hold viewer"),
    ],
)
def test_what_cannot_be_granted_is_one_sentence(
    alice: Any, north: Site, arguments: tuple[str, ...], options: dict[str, Any], words: str
) -> None:
    make_person("root", is_superuser=True)
    with pytest.raises(CommandError, match=words):
        call_command("grant", *arguments, **{"reason": "night shift", **options})
    assert not Grant.objects.exists()


def test_granting_twice_says_until_when_the_first_one_lasts(alice: Any, north: Site) -> None:
    call_command("grant", "alice", "viewer", "north", reason="night shift", days=3)
    with pytest.raises(CommandError, match=f"until {timezone.now() + dt.timedelta(days=3):%Y-%m-%d}"):
        call_command("grant", "alice", "viewer", "north", reason="day shift", days=2)


def test_first_administrator_of_a_new_installation_gets_an_operator_in(
    approval: None, alice: Any, north: Site, capsys: Any
) -> None:
    """There is one administrator: whoever has the machine gives, and the administrator is the second person."""
    make_person("root", is_superuser=True, is_staff=True)
    call_command("grant", "alice", "field-operator", "north", reason="start-up", approved_by="root")

    grant = Grant.objects.get()
    assert (grant.granted_by, grant.approved_by.get_username()) == (None, "root")
    assert get_site_for(alice, "north").allows("setpoint:write")


def test_write_role_waits_for_a_second_person(approval: None, alice: Any, dora: Any, north: Site, capsys: Any) -> None:
    call_command("grant", "alice", "field-operator", "north", reason="night shift", by="dora")
    assert "opens nothing yet" in capsys.readouterr().out
    with pytest.raises(Http404):
        get_site_for(alice, "north")
    assert Grant.objects.get().state == "pending"


@pytest.mark.parametrize(
    ("by", "approver", "words"),
    [
        ("dora", "dora", "somebody else has to approve"),
        ("dora", "alice", "cannot approve your own"),
        ("dora", "bob", "may not approve grants"),
        ("bob", "dora", "may not grant roles"),
        ("dora", "nobody", "nobody with the username"),
    ],
)
def test_second_person_is_another_one_who_may(
    approval: None, alice: Any, bob: Any, dora: Any, north: Site, by: str, approver: str, words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("grant", "alice", "field-operator", "north", reason="night", by=by, approved_by=approver)
    assert not Grant.objects.exists()


def test_other_role_at_the_site_is_said(alice: Any, north: Site, alices_grant: Grant, capsys: Any) -> None:
    call_command("grant", "alice", "viewer", "north", reason="also looks")
    assert "alice also holds field operator until" in capsys.readouterr().err
