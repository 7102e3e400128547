"""The admin as the one uses it who gives and takes access every day."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from hmi.sites.access import get_site_for
from hmi.sites.models import Conduit, Grant, Site
from hmi.sites.secret_files import write_private
from tests.hmi.sites.people import give, make_person, role

pytestmark = pytest.mark.django_db
LIST = "admin:sites_grant_changelist"


@pytest.fixture
def administrator(client: Client) -> Any:
    person = make_person("dora", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(content_type__app_label__in=["sites", "accounts"]))
    client.force_login(person)
    return person


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
    add(client, form(alice, "viewer", north, valid_until_0="2999-01-31", valid_until_1="12:00:00"))
    assert Grant.objects.get().valid_until == dt.datetime(2999, 1, 31, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reason": ""}, "This field is required"),
        ({"valid_until_0": "2001-01-01", "valid_until_1": "00:00"}, "must end after it starts"),
        ({"valid_until_0": "soon", "valid_until_1": ""}, "Enter a valid date"),
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
    answer = client.post(page, form(administrator, "viewer", north, valid_until_0="2999-01-01", valid_until_1="00:00"))
    assert "cannot grant yourself" in answer.content.decode()
    own.refresh_from_db()
    assert own.epoch == 1


def test_edit_counts_the_epoch_and_moves_nobody_else_in(
    client: Client, administrator: Any, alice: Any, bob: Any, north: Site, south: Site, alices_grant: Grant
) -> None:
    page = reverse("admin:sites_grant_change", args=[alices_grant.pk])
    values = form(bob, "shift-supervisor", south, valid_until_0="2999-01-01", valid_until_1="00:00")
    assert client.post(page, values).status_code == 302

    changed = Grant.objects.get()
    assert (changed.user, changed.role.slug, changed.site) == (alice, "field-operator", north)
    assert (changed.epoch, changed.valid_until.year) == (2, 2999)


def test_revoke_is_one_action_with_a_history(
    client: Client, administrator: Any, alice: Any, bob: Any, north: Site, alices_grant: Grant, bobs_grant: Grant
) -> None:
    answer = client.post(reverse(LIST), {"action": "revoke", "_selected_action": [str(alices_grant.pk)]}, follow=True)

    assert "1 grant(s) revoked" in answer.content.decode()
    alices_grant.refresh_from_db()
    bobs_grant.refresh_from_db()
    assert (alices_grant.revoked_at is None, bobs_grant.revoked_at is None) == (False, True)
    history = client.get(reverse("admin:sites_grant_history", args=[alices_grant.pk])).content.decode()
    assert "Revoked." in history
    # An ended grant is history: its page has nothing to write in.
    page = client.get(reverse("admin:sites_grant_change", args=[alices_grant.pk])).content.decode()
    assert 'name="reason"' not in page


def test_grants_and_sites_are_never_deleted(client: Client, administrator: Any, alices_grant: Grant) -> None:
    assert client.get(reverse("admin:sites_grant_delete", args=[alices_grant.pk])).status_code == 403
    assert client.get(reverse("admin:sites_site_delete", args=[alices_grant.site_id])).status_code == 403
    assert client.get(reverse("admin:sites_site_add")).status_code == 403


def test_list_is_searched_and_filtered(
    client: Client, administrator: Any, alice: Any, bob: Any, north: Site, south: Site, alices_grant: Grant,
    django_assert_max_num_queries: Any,
) -> None:  # fmt: skip
    soon = give(bob, "viewer", south, days=3)
    later = give(bob, "auditor", south, valid_from=timezone.now() + dt.timedelta(days=1))
    over = give(bob, "auditor", north)
    over.revoke()

    def shown(**query: str) -> set[Any]:
        return {grant.pk for grant in client.get(reverse(LIST), query).context["cl"].queryset}

    assert shown(q="ali") == {alices_grant.pk}
    assert shown(q="south") == {soon.pk, later.pk}
    assert shown(state="live") == {alices_grant.pk, soon.pk}
    assert shown(state="soon") == {soon.pk}
    assert shown(state="later") == {later.pk}
    assert shown(state="over") == {over.pk}
    with django_assert_max_num_queries(20):
        page = client.get(reverse(LIST)).content.decode()
    for words in ("live, ends soon", "starts later", "revoked 20"):
        assert words in page


def test_site_page_never_shows_a_key(client: Client, administrator: Any, north: Site) -> None:
    conduit = Conduit.objects.create(
        site=north, endpoint="sb://relay/", entity_path="north", send_key_ref="file:conduits/north.send"
    )
    page = reverse("admin:sites_site_change", args=[north.pk])
    assert "missing, changed at" in client.get(page).content.decode()
    write_private(conduit.send_key_path, "dG9wc2VjcmV0\n")
    shown = client.get(page).content.decode()
    assert "present, changed at" in shown
    assert "not pinned" in shown
    assert "dG9wc2VjcmV0" not in shown


def test_switching_a_site_off_in_the_admin_ends_access(
    client: Client, administrator: Any, alice: Any, north: Site, alices_grant: Grant
) -> None:
    page = reverse("admin:sites_site_change", args=[north.pk])
    none = {"conduit-TOTAL_FORMS": "0", "conduit-INITIAL_FORMS": "0"}
    client.post(page, {"name": "North Terminal", "time_zone": "Europe/Oslo", **none})
    north.refresh_from_db()
    assert not north.enabled
    assert client.post(page, {"name": "N", "time_zone": "Nowhere", **none}).status_code == 200
