"""Giving access from the command line."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from hmi.sites.access import get_site_for
from hmi.sites.models import Grant, Site
from tests.hmi.sites.people import make_person

pytestmark = pytest.mark.django_db


def test_grant_lasts_as_long_as_the_role_says(alice: Any, bob: Any, north: Site, capsys: Any) -> None:
    call_command("grant", "alice", "field operator", "north", reason="night shift", by="bob")

    grant = Grant.objects.get()
    assert (grant.user, grant.site, grant.role.slug, grant.granted_by) == (alice, north, "field-operator", bob)
    assert grant.valid_until - grant.valid_from == dt.timedelta(days=30)
    assert get_site_for(alice, "north").grant_id == grant.pk
    assert "alice as field operator at North Terminal until" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2999-01-31", dt.datetime(2999, 1, 31, tzinfo=dt.UTC)),
        ("2999-01-31T14:00+01:00", dt.datetime(2999, 1, 31, 13, tzinfo=dt.UTC)),
    ],
)
def test_end_may_be_said(alice: Any, north: Site, until: str, expected: dt.datetime) -> None:
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
