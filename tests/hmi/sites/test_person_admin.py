"""The list of people with access: searched, narrowed, and a role given to many at once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.audit.models import Event
from hmi.sites.models import Grant, Site
from tests.hmi.sites.lists import queries_of
from tests.hmi.sites.people import give, make_administrator, make_person, role

pytestmark = pytest.mark.django_db
LIST = "admin:accounts_user_changelist"


@pytest.fixture
def administrator(client: Client, dora: Any) -> Any:
    client.force_login(dora)
    return dora


def choose(client: Client, people: list[Any], step: str = "", **facts: Any) -> Any:
    start = timezone.now().replace(second=0, microsecond=0)
    values = {"action": "grant_roles", "_selected_action": [person.pk for person in people]}
    if step:
        values |= {
            "step": step, "valid_from_0": f"{start:%Y-%m-%d}", "valid_from_1": f"{start:%H:%M}", "reason": "turnaround",
        } | facts  # fmt: skip
    return client.post(reverse(LIST), values, follow=True)


def test_role_is_given_to_many_at_several_sites_after_a_look(
    approval: None,
    client: Client,
    administrator: Any,
    alice: Any,
    bob: Any,
    north: Site,
    south: Site,
    bobs_grant: Grant,
) -> None:
    assert 'name="sites"' in choose(client, [alice, bob]).content.decode()
    facts = {"role": role("viewer").pk, "sites": [str(north.pk), str(south.pk)]}
    looked = choose(client, [alice, bob], "check", **facts).content.decode()
    assert "Give 3 grants" in looked
    assert "already holds viewer" in looked
    assert Grant.objects.count() == 1

    said = choose(client, [alice, bob], "give", **facts).content.decode()
    assert "3 of 4 grant(s) given." in said
    given = Grant.objects.filter(granted_by=administrator)
    assert {(grant.user, grant.site) for grant in given} == {(alice, north), (alice, south), (bob, south)}
    assert {grant.valid_until - grant.valid_from for grant in given} == {dt.timedelta(days=90)}
    assert Event.objects.filter(tag="grant:role:given", actor=str(administrator.subject)).count() == 3


def test_write_role_waits_and_nobody_gives_himself_one(
    approval: None, client: Client, administrator: Any, alice: Any, north: Site
) -> None:
    facts = {"role": role("field-operator").pk, "sites": [str(north.pk)]}
    assert "and waits for approval" in choose(client, [alice, administrator], "check", **facts).content.decode()
    said = choose(client, [alice, administrator], "give", **facts).content.decode()
    assert "1 of 2 grant(s) given. 1 wait(s) for another administrator" in said
    assert "cannot grant yourself" in said
    assert Grant.objects.get().user == alice
    assert Event.objects.filter(tag="grant:role:given", result="refused").count() == 1


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "This field is required"),
        ({"sites": ["nonsense"]}, "not a valid"),
        ({"valid_until_0": "soon", "valid_until_1": ""}, "Enter a valid date"),
        ({"reason": "x" * 201}, "at most 200 characters"),
    ],
)
def test_what_is_missing_is_said_and_nothing_given(
    client: Client, administrator: Any, alice: Any, north: Site, facts: dict[str, Any], words: str
) -> None:
    complete = {"role": role("viewer").pk, "sites": [str(north.pk)]} if facts else {}
    assert words in choose(client, [alice], "give", **(complete | facts)).content.decode()
    assert not Grant.objects.exists()


def test_too_many_at_once_are_refused(client: Client, administrator: Any, north: Site) -> None:
    people = [make_person(f"person{number}") for number in range(11)]
    sites = [Site.objects.create(slug=f"s{number}", name=f"S{number}") for number in range(50)]
    facts = {"role": role("viewer").pk, "sites": [str(site.pk) for site in sites]}
    assert "more than 500 grants" in choose(client, people, "give", **facts).content.decode()
    assert not Grant.objects.exists()


def test_action_needs_the_permission_to_grant(client: Client, alice: Any, north: Site) -> None:
    client.force_login(make_administrator("gina", "view_user", "change_user"))
    assert "grant_roles" not in client.get(reverse(LIST)).content.decode()
    choose(client, [alice], "give", role=role("viewer").pk, sites=[str(north.pk)])
    assert not Grant.objects.exists()


def test_list_is_searched_narrowed_and_costs_the_same_however_long(
    client: Client, administrator: Any, alice: Any, bob: Any, north: Site, south: Site, bobs_grant: Grant
) -> None:
    make_person("carl", is_contractor=True)

    def shown(**query: str) -> set[str]:
        return {person.username for person in client.get(reverse(LIST), query).context["cl"].queryset}

    assert shown(q=str(bob.subject)) == {"bob"}
    assert shown(is_contractor__exact="1") == {"carl"}
    assert shown(grants__site__id__exact=str(north.pk)) == {"bob"}
    assert shown(date_joined__year="2001") == set()
    before = queries_of(client, reverse(LIST))
    for number in range(5):
        give(make_person(f"person{number}"), "viewer", north)
    assert queries_of(client, reverse(LIST)) == before
    assert f"?user__id__exact={bob.pk}" in client.get(reverse(LIST)).content.decode()
    grants = client.get(reverse("admin:sites_grant_changelist"), {"user__id__exact": bob.pk})
    assert list(grants.context["cl"].queryset) == [bobs_grant]


def test_contractor_is_a_box_on_the_persons_page_with_a_history(client: Client, administrator: Any, alice: Any) -> None:
    page = reverse("admin:accounts_user_change", args=[alice.pk])
    assert 'name="is_contractor"' in client.get(page).content.decode()
    client.post(page, {"username": "alice", "is_active": "on", "is_contractor": "on"})
    alice.refresh_from_db()
    assert alice.is_contractor
    assert "Contractor" in client.get(reverse("admin:accounts_user_history", args=[alice.pk])).content.decode()
