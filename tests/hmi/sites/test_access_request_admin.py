"""The list of requests: for those who may give, answered through a page, and never one's own."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.audit.models import Event
from hmi.sites.access_request_rules import ask
from hmi.sites.access_requests import AccessRequest
from hmi.sites.models import Grant, Site
from tests.hmi.sites.lists import queries_of
from tests.hmi.sites.people import make_administrator, make_person, role

pytestmark = pytest.mark.django_db
LIST = "/admin/sites/accessrequest/"


@pytest.fixture
def asked(charlie: Any, north: Site) -> AccessRequest:
    return request_of(charlie)


def request_of(person: Any, slug: str = "north", kind: str = "viewer") -> AccessRequest:
    day = timezone.now().date() + dt.timedelta(days=3)
    return ask(person, slug=slug, role=role(kind), last_day=day, reason="stock accounting")


def act(client: Client, action: str, *rows: AccessRequest, **more: Any) -> str:
    values = {"action": action, "_selected_action": [str(row.pk) for row in rows], **more}
    return client.post(LIST, values, follow=True).content.decode()


def test_granted_through_the_page(client: Client, dora: Any, charlie: Any, asked: AccessRequest) -> None:
    charlie.email = "charlie@example.com"
    charlie.save()
    client.force_login(dora)
    assert "stock accounting" in client.get(LIST, {"state": "open"}).content.decode()
    page = act(client, "grant_as_asked", asked)
    assert f'value="{asked.pk}"' in page and "Grant 1 request" in page
    assert Grant.objects.count() == 0
    assert "Grant: 1 of 1 request(s)." in act(client, "grant_as_asked", asked, confirmed="yes")
    grant = Grant.objects.get()
    assert (grant.user, grant.granted_by) == (charlie, dora)
    assert [letter.subject for letter in mail.outbox] == ["Your request for north was granted"]
    again = act(client, "grant_as_asked", asked, confirmed="yes")
    assert "not done. This request is granted." in again
    assert Grant.objects.count() == 1
    assert not Event.objects.filter(tag="admin:row:changed", subject__contains=str(asked.pk)).exists()


def test_declined_with_a_reason(client: Client, dora: Any, asked: AccessRequest) -> None:
    client.force_login(dora)
    assert "This field is required" in act(client, "decline", asked, confirmed="yes")
    act(client, "decline", asked, confirmed="yes", reason="Ask your supervisor first.")
    asked.refresh_from_db()
    assert (asked.decision, asked.answer) == ("declined", "Ask your supervisor first.")
    assert asked.answer in client.get(LIST, {"state": "declined"}).content.decode()


def test_own_request_is_left_alone(client: Client, dora: Any, north: Site) -> None:
    own = request_of(dora)
    client.force_login(dora)
    assert "cannot answer your own request" in act(client, "grant_as_asked", own, confirmed="yes")
    assert Grant.objects.count() == 0


@pytest.mark.parametrize("permission", ["view_grant", "change_grant", "approve_grant"])
def test_whoever_may_not_give_sees_and_answers_nothing(client: Client, asked: AccessRequest, permission: str) -> None:
    client.force_login(make_administrator("finn", permission))
    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}{asked.pk}/change/").status_code == 403
    values = {"action": "grant_as_asked", "_selected_action": [str(asked.pk)], "confirmed": "yes"}
    assert client.post(LIST, values).status_code == 403
    assert Grant.objects.count() == 0


def test_row_is_for_reading_and_filters_fit(client: Client, dora: Any, asked: AccessRequest) -> None:
    client.force_login(dora)
    page = client.get(reverse("admin:sites_accessrequest_change", args=[asked.pk])).content.decode()
    assert "_save" not in page
    for state, shown in (("open", True), ("granted", False), ("expired", False), ("nonsense", True)):
        assert (str(asked.pk) in client.get(LIST, {"state": state}).content.decode()) == shown
    assert client.get(f"{LIST}add/").status_code == client.get(f"{LIST}{asked.pk}/delete/").status_code == 403


def test_list_costs_the_same_however_long(client: Client, dora: Any, asked: AccessRequest) -> None:
    client.force_login(dora)
    few = queries_of(client, LIST)
    for number in range(8):
        request_of(make_person(f"p{number}"), slug=f"site-{number}", kind="auditor")
    assert queries_of(client, LIST) <= few
