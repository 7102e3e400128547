"""Asking for access and answering: bounded, neutral about sites, and by the ordinary rules of grants."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.audit.models import Event
from hmi.sites.access import sites_for
from hmi.sites.access_request_rules import LIFE, MOST_A_DAY, MOST_OPEN, ask, decline, grant_as_asked, withdraw
from hmi.sites.access_requests import AccessRequest, RequestState
from hmi.sites.models import Grant, Site
from tests.hmi.sites.people import give, make_person, role

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def wants(person: Any, slug: str = "north", kind: str = "viewer", days: int = 3, **more: Any) -> AccessRequest:
    day = timezone.now().date() + days * DAY
    return ask(person, slug=slug, role=role(kind), last_day=day, **({"reason": "stock accounting"} | more))


def refused(**facts: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        wants(**facts)
    return " ".join(caught.value.messages)


def test_asked_granted_and_told_in_the_trail(charlie: Any, dora: Any, north: Site) -> None:
    asked = wants(charlie)
    assert sites_for(charlie) == []
    grant = grant_as_asked(asked, dora)
    assert (grant.user, grant.role.slug, grant.site, grant.granted_by) == (charlie, "viewer", north, dora)
    assert (grant.reason, grant.valid_until.astimezone(dt.UTC).minute) == ("stock accounting", 0)
    assert [access.site for access in sites_for(charlie)] == [north]
    asked.refresh_from_db()
    assert (asked.state, asked.decided_by, asked.grant) == (RequestState.GRANTED, dora, grant)
    tags = Event.objects.filter(tag__startswith="request:").order_by("seq").values_list("tag", "site")
    assert list(tags) == [("request:access:asked", "north"), ("request:access:granted", "north")]
    with pytest.raises(ValidationError, match="is granted"):
        grant_as_asked(asked, dora)


def test_site_that_does_not_exist_is_asked_for_like_any_other(charlie: Any, dora: Any, north: Site) -> None:
    real, unreal = wants(charlie), wants(charlie, slug="nowhere")
    same = ("state", "last_day", "reason", "decision", "answer")
    assert [getattr(real, name) for name in same] == [getattr(unreal, name) for name in same]
    assert real.expires_at == unreal.expires_at
    for slug in ("north", "nowhere"):
        assert refused(person=charlie, slug=slug) == (
            f"You have asked for viewer at {slug} already, and it waits for an answer."
        )
    with pytest.raises(ValidationError, match="no site 'nowhere'"):
        grant_as_asked(unreal, dora)
    assert Grant.objects.count() == 0
    decline(unreal, dora, "Which terminal do you mean?")
    unreal.refresh_from_db()
    assert (unreal.state, unreal.answer) == (RequestState.DECLINED, "Which terminal do you mean?")


def test_asking_costs_the_same_queries_whether_the_site_exists(charlie: Any, north: Site) -> None:
    counts = []
    for slug in ("other", "north", "nowhere"):  # the first one for what Django remembers
        with CaptureQueriesContext(connection) as counted:
            wants(charlie, slug=slug)
        counts.append(len(counted))
    assert counts[1] == counts[2]


def test_bounds(charlie: Any, north: Site) -> None:
    assert "That day is over" in refused(person=charlie, days=-1)
    assert "at the latest" in refused(person=charlie, days=400)
    assert "1 to 200" in refused(person=charlie, reason="   ")
    assert "1 to 200" in refused(person=charlie, reason="x" * 201)
    for number in range(MOST_OPEN):
        wants(charlie, slug=f"site-{number}")
    assert "Withdraw one" in refused(person=charlie)
    for _ in range(MOST_A_DAY - MOST_OPEN):
        withdraw(charlie, AccessRequest.objects.open().filter(person=charlie)[0].pk)
        wants(charlie)
        withdraw(charlie, AccessRequest.objects.open().get(person=charlie, site_slug="north").pk)
    assert f"{MOST_A_DAY} times within a day" in refused(person=charlie)
    AccessRequest.objects.update(asked_at=timezone.now() - DAY)
    assert wants(charlie).pk


def test_expires_and_cannot_be_answered_then(
    charlie: Any, dora: Any, north: Site, now_is: Callable[[dt.datetime], None]
) -> None:
    asked = wants(charlie, days=60)
    now_is(timezone.now() + LIFE)
    assert asked.state is RequestState.EXPIRED
    for answer in (lambda: grant_as_asked(asked, dora), lambda: decline(asked, dora, "late")):
        with pytest.raises(ValidationError, match="expired without an answer"):
            answer()
    with pytest.raises(AccessRequest.DoesNotExist):
        withdraw(charlie, asked.pk)
    assert wants(charlie).pk


def test_nobody_answers_an_own_request_nor_without_the_permission(bob: Any, dora: Any, north: Site) -> None:
    own = wants(dora)
    for answer in (lambda: grant_as_asked(own, dora), lambda: decline(own, dora, "no")):
        with pytest.raises(ValidationError, match="your own request"):
            answer()
    with pytest.raises(ValidationError, match="may not give access"):
        grant_as_asked(own, bob)
    assert Grant.objects.count() == 0


def test_another_persons_request_is_not_there(bob: Any, charlie: Any) -> None:
    asked = wants(charlie)
    for key in (asked.pk, uuid.uuid4()):
        with pytest.raises(AccessRequest.DoesNotExist):
            withdraw(bob, key)


def test_write_role_still_waits_for_a_second_person(
    approval: None, charlie: Any, dora: Any, erin: Any, north: Site
) -> None:
    grant = grant_as_asked(wants(charlie, kind="field-operator"), dora)
    assert grant.approval == "pending" and sites_for(charlie) == []
    assert "second person has still to approve" in refused(person=charlie, kind="field-operator")
    grant.approve(erin)
    assert sites_for(charlie)


def test_held_role_is_lengthened_and_what_is_held_is_not_asked_for(alice: Any, dora: Any, north: Site) -> None:
    grant = give(alice, "viewer", north, days=5)
    assert "You hold viewer at North Terminal until" in refused(person=alice, days=3)
    longer = grant_as_asked(wants(alice, days=10), dora)
    assert longer.pk == grant.pk and longer.valid_until > grant.valid_until


def test_contractor_is_held_to_31_days(north: Site) -> None:
    eve = make_person("eve", is_contractor=True)
    assert "at the latest" in refused(person=eve, days=31)
    assert wants(eve, days=30).pk


def test_superuser_gets_no_process_data_by_asking(dora: Any, north: Site) -> None:
    root = make_person("root", is_superuser=True, is_staff=True)
    asked = wants(root)
    with pytest.raises(ValidationError, match="superuser and cannot hold"):
        grant_as_asked(asked, dora)
    asked.refresh_from_db()
    assert asked.state is RequestState.OPEN
