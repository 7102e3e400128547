"""The admin of sites: it never shows a key, and switching one off ends access."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from hmi.sites.models import Conduit, Grant, Site
from hmi.sites.secret_files import write_private
from tests.hmi.sites.lists import queries_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator(client: Client, dora: Any) -> Any:
    client.force_login(dora)
    return dora


def test_sites_are_never_added_or_deleted_here(client: Client, administrator: Any, north: Site) -> None:
    assert client.get(reverse("admin:sites_site_delete", args=[north.pk])).status_code == 403
    assert client.get(reverse("admin:sites_site_add")).status_code == 403


def test_list_is_searched_narrowed_and_costs_the_same_however_long(
    client: Client, administrator: Any, north: Site, south: Site
) -> None:
    page = reverse("admin:sites_site_changelist")
    before = queries_of(client, page)
    for number in range(5):
        Site.objects.create(slug=f"site-{number}", name=f"Site {number}")
    assert queries_of(client, page) == before
    found = client.get(page, {"q": "nor", "enabled__exact": "1", "created__year": str(north.created.year)})
    assert [site.slug for site in found.context["cl"].queryset] == ["north"]


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
