"""The pages beside the list of grants: why, access review, and the way into looking as another person."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.audit.models import Event
from hmi.sites.models import Grant, Site, ViewAs
from relay_bridge.contract.scopes import SCOPES
from tests.hmi.sites.lists import queries_of
from tests.hmi.sites.people import give, make_administrator

pytestmark = pytest.mark.django_db
WHY, REVIEW, VIEW_AS = "admin:sites_grant_why", "admin:sites_grant_review", "admin:sites_grant_view_as"


@pytest.fixture
def administrator(client: Client, dora: Any) -> Any:
    client.force_login(dora)
    return dora


def test_why_shows_each_right_with_its_grant(
    client: Client, administrator: Any, bob: Any, north: Site, bobs_grant: Grant
) -> None:
    answer = client.get(reverse(WHY), {"person": "BOB", "site": "north"})
    page = answer.content.decode()
    assert [reason.allowed for reason in answer.context["reasons"]].count(True) == 4
    assert all(scope in page for scope in SCOPES)
    assert reverse("admin:sites_grant_change", args=[bobs_grant.pk]) in page
    assert "The role viewer, held until" in page
    assert "View North Terminal as bob" in page


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"person": "nobody", "site": "north"}, "nobody with this username"),
        ({"person": "bob", "site": "x"}, "valid choice"),
    ],
)
def test_why_of_nobody_or_nowhere_says_so(
    client: Client, administrator: Any, bob: Any, north: Site, query: dict[str, str], words: str
) -> None:
    assert words in client.get(reverse(WHY), query).content.decode()
    assert "reasons" not in client.get(reverse(WHY), query).context


def test_why_costs_the_same_however_many_grants(client: Client, administrator: Any, bob: Any, north: Site) -> None:
    give(bob, "viewer", north)
    before = queries_of(client, reverse(WHY), person="bob", site="north")
    for slug in ("auditor", "field-operator", "maintenance-engineer"):
        give(bob, slug, north)
    assert queries_of(client, reverse(WHY), person="bob", site="north") == before


def test_review_is_handed_out_as_csv_and_recorded(
    client: Client, administrator: Any, alice: Any, north: Site, alices_grant: Grant
) -> None:
    today = timezone.now().date()
    answer = client.post(reverse(REVIEW), {"start": today, "end": today})
    assert answer.headers["Content-Disposition"] == f'attachment; filename="access-review-{today}-{today}.csv"'
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert [row["person"] for row in csv.DictReader(io.StringIO(answer.content.decode()))] == ["alice"]
    assert Event.objects.filter(tag="grant:review:exported").get().actor == str(administrator.subject)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [("2027-01-02", "2027-01-01", "must end after it starts"), ("2001-01-01", "2027-01-01", "at most five years"),
     ("", "", "required"), ("9999-12-31", "9999-12-31", "at most five years")],
)  # fmt: skip
def test_review_of_no_period_says_so(client: Client, administrator: Any, start: str, end: str, words: str) -> None:
    assert words in client.post(reverse(REVIEW), {"start": start, "end": end}).content.decode()
    assert not Event.objects.filter(tag="grant:review:exported").exists()


def test_view_as_begins_by_post_and_leads_there(client: Client, administrator: Any, bob: Any, north: Site) -> None:
    assert client.get(reverse(VIEW_AS)).status_code == 405
    answer = client.post(reverse(VIEW_AS), {"person": "bob", "site": "north"})
    assert (answer.status_code, answer["Location"]) == (302, reverse("view-as:site"))
    view = ViewAs.objects.get()
    assert (view.admin, view.person, view.site) == (administrator, bob, north)
    assert view.ends_at - view.begun_at == dt.timedelta(minutes=15)
    assert client.post(reverse(VIEW_AS), {"person": "dora", "site": "north"}, follow=True).status_code == 200
    assert ViewAs.objects.count() == 1


def test_strangers_and_others_are_kept_out(client: Client, bob: Any, north: Site) -> None:
    for person, status in ((bob, 302), (make_administrator("gina", "view_user"), 403)):
        client.force_login(person)
        for name in (WHY, REVIEW):
            assert client.get(reverse(name)).status_code == status
        assert client.post(reverse(VIEW_AS), {"person": "bob", "site": "north"}).status_code == status
    assert not ViewAs.objects.exists()
