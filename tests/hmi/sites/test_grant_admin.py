"""The list and the form of grants as the one uses them who gives and takes access every day."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.audit.models import Event
from hmi.sites.access import get_site_for
from hmi.sites.models import Grant, Site
from tests.hmi.sites.lists import queries_of
from tests.hmi.sites.people import give, make_administrator, make_person, role

pytestmark = pytest.mark.django_db
LIST = "admin:sites_grant_changelist"
_SAVE = 'name="_save"'


@pytest.fixture
def administrator(client: Client, dora: Any) -> Any:
    client.force_login(dora)
    return dora


def form(user: Any, role_slug: str, site: Site, **facts: Any) -> dict[str, Any]:
    start = timezone.now().replace(microsecond=0) - dt.timedelta(minutes=1)
    return {
        "user": user.pk, "role": role(role_slug).pk, "site": str(site.pk), "reason": "night shift",
        "valid_from_0": f"{start:%Y-%m-%d}", "valid_from_1": f"{start:%H:%M:%S}",
        "valid_until_0": "", "valid_until_1": "", **facts,
    }  # fmt: skip


def add(client: Client, values: dict[str, Any]) -> Any:
    return client.post(reverse("admin:sites_grant_add"), values)


def test_grant_ends_by_default_after_the_roles_days_and_says_who_gave_it(
    client: Client, administrator: Any, alice: Any, north: Site
) -> None:
    assert add(client, form(alice, "field-operator", north)).status_code == 302

    grant = Grant.objects.get()
    assert grant.valid_until - grant.valid_from == dt.timedelta(days=30)
    assert grant.granted_by == administrator
    assert get_site_for(alice, "north").grant_id == grant.pk
    assert LogEntry.objects.filter(object_id=str(grant.pk), user=administrator).exists()


def test_end_may_be_written(client: Client, administrator: Any, alice: Any, north: Site) -> None:
    end = (timezone.now() + dt.timedelta(days=40)).replace(hour=12, minute=0, second=0, microsecond=0)
    add(client, form(alice, "viewer", north, valid_until_0=f"{end:%Y-%m-%d}", valid_until_1="12:00:00"))
    assert Grant.objects.get().valid_until == end


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reason": ""}, "This field is required"),
        ({"valid_until_0": "2001-01-01", "valid_until_1": "00:00"}, "must end after it starts"),
        ({"valid_until_0": "soon", "valid_until_1": ""}, "Enter a valid date"),
        ({"valid_until_0": "2999-01-01", "valid_until_1": "00:00"}, "for 366 days at a time"),
    ],
)
def test_wrong_grant_is_explained_on_the_form(
    client: Client, administrator: Any, alice: Any, north: Site, change: dict[str, str], words: str
) -> None:
    answer = add(client, form(alice, "viewer", north, **change))
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not Grant.objects.exists()


def test_overlap_and_superuser_are_refused_on_the_form(
    client: Client, administrator: Any, alice: Any, north: Site, alices_grant: Grant
) -> None:
    assert "already holds" in add(client, form(alice, "field-operator", north)).content.decode()
    root = make_person("root", is_superuser=True)
    assert "cannot hold viewer" in add(client, form(root, "viewer", north)).content.decode()
    assert Grant.objects.count() == 1


def test_nobody_grants_himself_or_lengthens_his_own(client: Client, administrator: Any, north: Site) -> None:
    assert "cannot grant yourself" in add(client, form(administrator, "viewer", north)).content.decode()
    assert not Grant.objects.exists()
    own = give(administrator, "viewer", north)
    page = reverse("admin:sites_grant_change", args=[own.pk])
    later = timezone.now() + dt.timedelta(days=60)
    values = form(administrator, "viewer", north, valid_until_0=f"{later:%Y-%m-%d}", valid_until_1="00:00")
    answer = client.post(page, values)
    assert "cannot grant yourself" in answer.content.decode()
    own.refresh_from_db()
    assert own.epoch == 1
    refused = Event.objects.filter(tag="grant:role:given", result="refused")
    assert [event.actor for event in refused] == [str(administrator.subject)] * 2  # each try is seen


def test_edit_counts_the_epoch_and_moves_nobody_else_in(
    client: Client, administrator: Any, alice: Any, bob: Any, north: Site, south: Site, alices_grant: Grant
) -> None:
    page = reverse("admin:sites_grant_change", args=[alices_grant.pk])
    later = timezone.now() + dt.timedelta(days=60)
    values = form(bob, "shift-supervisor", south, valid_until_0=f"{later:%Y-%m-%d}", valid_until_1="00:00")
    assert client.post(page, values).status_code == 302

    changed = Grant.objects.get()
    assert (changed.user, changed.role.slug, changed.site) == (alice, "field-operator", north)
    assert (changed.epoch, changed.valid_until.date()) == (2, later.date())


def test_ended_and_waiting_grants_have_nothing_to_write_in(
    approval: None, client: Client, administrator: Any, alice: Any, bob: Any, north: Site
) -> None:
    """The page shows them; a form that is posted all the same changes nothing."""
    ended, waiting = give(bob, "viewer", north), give(alice, "field-operator", north)
    ended.revoke(by=administrator, reason="left")
    for grant in (ended, waiting):
        page = reverse("admin:sites_grant_change", args=[grant.pk])
        assert 'name="reason"' not in client.get(page).content.decode()
        client.post(page, form(grant.user, "viewer", north, reason="something else"))
        stored = Grant.objects.get(pk=grant.pk)
        assert (stored.reason, stored.epoch) == (grant.reason, grant.epoch)


def test_write_role_given_here_waits_and_says_so(
    approval: None, client: Client, administrator: Any, alice: Any, north: Site
) -> None:
    answer = client.post(reverse("admin:sites_grant_add"), form(alice, "field-operator", north), follow=True)
    assert "opens nothing yet: another administrator has to approve it" in answer.content.decode()
    assert Grant.objects.get().approval == "pending"


def test_approved_grant_is_only_shortened_here(
    approval: None, client: Client, administrator: Any, erin: Any, alice: Any, north: Site
) -> None:
    grant = give(alice, "field-operator", north)
    grant.approve(erin)
    page = reverse("admin:sites_grant_change", args=[grant.pk])
    later = grant.valid_until + dt.timedelta(days=5)
    values = {"valid_until_0": f"{later:%Y-%m-%d}", "valid_until_1": "00:00", "reason": "else"}
    assert "Choose Extend in the list" in client.post(page, values).content.decode()
    earlier = grant.valid_until - dt.timedelta(days=5)
    assert client.post(page, values | {"valid_until_0": f"{earlier:%Y-%m-%d}"}).status_code == 302
    stored = Grant.objects.get()
    assert (stored.valid_until.date(), stored.reason) == (earlier.date(), grant.reason)


def test_other_role_at_the_site_is_a_warning(
    client: Client, administrator: Any, alice: Any, north: Site, alices_grant: Grant
) -> None:
    answer = client.post(reverse("admin:sites_grant_add"), form(alice, "viewer", north), follow=True)
    assert "lice also holds field operator until" in answer.content.decode()
    assert Grant.objects.count() == 2


def test_contractor_gets_a_week(client: Client, administrator: Any, north: Site) -> None:
    carl = make_person("carl", is_contractor=True)
    add(client, form(carl, "viewer", north))
    grant = Grant.objects.get()
    assert grant.valid_until - grant.valid_from == dt.timedelta(days=7)


@pytest.mark.parametrize(
    "permission", ["add_grant", "approve_grant", "change_grant", "view_grant", "review_access", "view_as"]
)
def test_each_permission_opens_its_own_and_no_more(
    client: Client, alice: Any, north: Site, alices_grant: Grant, permission: str
) -> None:
    client.force_login(make_administrator("gina", permission))
    page = reverse("admin:sites_grant_change", args=[alices_grant.pk])
    opened = {
        "add_grant": client.get(reverse("admin:sites_grant_add")).status_code == 200,
        "change_grant": _SAVE in client.get(page).content.decode(),
        "view_grant": client.get(reverse("admin:sites_grant_why")).status_code == 200,
        "review_access": client.get(reverse("admin:sites_grant_review")).status_code == 200,
        "view_as": client.post(reverse("admin:sites_grant_view_as")).status_code == 302,
    }
    assert {name for name, is_open in opened.items() if is_open} <= {permission}
    assert permission == "approve_grant" or opened[permission]
    for action in ("approve", "refuse", "extend", "revoke", "revoke_now"):
        client.post(reverse(LIST), {"action": action, "_selected_action": [str(alices_grant.pk)], "confirmed": "yes",
                                    "seen": f"{alices_grant.pk}:1", "reason": "x"})  # fmt: skip
    alices_grant.refresh_from_db()
    # The list itself needs looking or changing.
    assert (alices_grant.revoked_at is not None) == (permission == "change_grant")


def test_grants_are_never_deleted(client: Client, administrator: Any, alices_grant: Grant) -> None:
    assert client.get(reverse("admin:sites_grant_delete", args=[alices_grant.pk])).status_code == 403
    assert "delete_selected" not in client.get(reverse(LIST)).content.decode()


def test_list_is_searched_filtered_and_costs_the_same_however_long(
    approval: None, client: Client, administrator: Any, alice: Any, bob: Any, north: Site, south: Site
) -> None:
    live = give(alice, "viewer", north)
    soon = give(bob, "viewer", south, days=3)
    later = give(bob, "auditor", south, valid_from=timezone.now() + dt.timedelta(days=1))
    over = give(bob, "auditor", north)
    over.revoke()
    pending = give(alice, "field-operator", south, granted_by=administrator)
    contractor = give(make_person("carl", is_contractor=True), "auditor", north)

    def shown(**query: str) -> set[Any]:
        return {grant.pk for grant in client.get(reverse(LIST), query).context["cl"].queryset}

    assert shown(q="ali") == {live.pk, pending.pk}
    assert shown(q="south") == {soon.pk, later.pk, pending.pk}
    assert shown(state="live") == {live.pk, soon.pk, contractor.pk}
    assert shown(state="soon") == {soon.pk}
    assert shown(state="later") == {later.pk}
    assert shown(state="over") == {over.pk}
    assert shown(state="pending") == {pending.pk}
    assert shown(user__is_contractor__exact="1") == {contractor.pk}
    assert shown(site__id__exact=str(south.pk), role__id__exact=str(role("viewer").pk)) == {soon.pk}
    assert shown(valid_until__year=str(soon.valid_until.year + 3)) == set()
    page = client.get(reverse(LIST)).content.decode()
    for words in ("live, ends soon", "starts later", "revoked 20", "waits for approval"):
        assert words in page

    before = queries_of(client, reverse(LIST))
    for number in range(5):
        give(make_person(f"person{number}"), "viewer", north, granted_by=administrator)
    assert queries_of(client, reverse(LIST)) == before
