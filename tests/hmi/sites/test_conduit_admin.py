"""Conduits in the administration: seen by who may see them, rotated by who may change them, after a question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from hmi.sites import key_rotation
from hmi.sites.conduit_admin import MAX_ROTATED
from hmi.sites.models import Conduit, ConduitChange, Site
from tests.hmi.sites.people import make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("relay")]
LIST = "admin:sites_site_changelist"


@pytest.fixture(autouse=True)
def conduit(relay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Conduit:
    call_command("provision_site", "north", name="North Terminal", out=str(tmp_path / "agent"), verbosity=0)
    monkeypatch.setattr(key_rotation, "SETTLE", 0.0)
    return Conduit.objects.get()


def sign_in(client: Client, *permissions: str) -> Any:
    person = make_person("dora", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(content_type__app_label="sites", codename__in=permissions))
    client.force_login(person)
    return person


def act(client: Client, action: str, **more: str) -> Any:
    values = {"action": action, "_selected_action": [str(site.pk) for site in Site.objects.all()], **more}
    return client.post(reverse(LIST), values, follow=True)


def test_page_of_a_site_shows_ages_and_no_key(client: Client, conduit: Conduit) -> None:
    sign_in(client, "view_site", "view_conduit")
    text = client.get(reverse("admin:sites_site_change", args=[conduit.site_id])).content.decode()
    assert "present, changed at" in text and "at the site, changed at" in text and "0 days ago" in text
    assert conduit.send_key_path.read_text().strip() not in text


def test_listeners_are_counted_on_demand(client: Client) -> None:
    sign_in(client, "view_site", "view_conduit")
    text = act(client, "count_listeners").content.decode()
    assert "North Terminal: 0 listener(s) at the relay. Nobody listens." in text


def test_rotation_asks_first_then_acts_and_is_on_record(client: Client, conduit: Conduit) -> None:
    dora = sign_in(client, "view_site", "change_site", "change_conduit")
    key = conduit.send_key_path.read_text()

    asked = act(client, "rotate_send_key").content.decode()
    assert "Rotate" in asked and "North Terminal" in asked and 'name="confirmed"' in asked
    assert conduit.send_key_path.read_text() == key

    done = act(client, "rotate_send_key", confirmed="yes").content.decode()
    assert "North Terminal: the Send key is a new one" in done
    assert conduit.send_key_path.read_text() != key
    assert conduit.send_key_path.read_text().strip() not in done
    assert LogEntry.objects.filter(user=dora, change_message__contains="Rotated the Send key").count() == 1
    assert ConduitChange.objects.first().by == "dora"  # type: ignore[union-attr]


def test_whoever_may_only_look_rotates_nothing(client: Client, conduit: Conduit) -> None:
    sign_in(client, "view_site", "view_conduit", "change_site")
    key = conduit.send_key_path.read_text()
    act(client, "rotate_send_key", confirmed="yes")
    assert conduit.send_key_path.read_text() == key
    assert "rotate_send_key" not in client.get(reverse(LIST)).content.decode()


def test_whoever_may_not_see_conduits_counts_nothing(client: Client) -> None:
    sign_in(client, "view_site")
    assert "listener(s)" not in act(client, "count_listeners").content.decode()


def test_relay_that_cannot_be_asked_is_said(client: Client, settings: Any, bridge: Any, conduit: Conduit) -> None:
    settings.SIGHTLINE = bridge
    sign_in(client, "view_site", "view_conduit", "change_conduit")
    key = conduit.send_key_path.read_text()
    for text in (act(client, "count_listeners"), act(client, "rotate_send_key", confirmed="yes")):
        assert "SIGHTLINE_RELAY_MANAGEMENT" in text.content.decode()
    assert conduit.send_key_path.read_text() == key


def test_sites_without_a_conduit_are_said(client: Client, conduit: Conduit) -> None:
    sign_in(client, "view_site", "view_conduit")
    conduit.delete()
    assert "ever provisioned" in act(client, "count_listeners").content.decode()


def test_record_is_read_only(client: Client) -> None:
    sign_in(client, "view_conduitchange", "change_conduitchange", "delete_conduitchange", "add_conduitchange")
    text = client.get(reverse("admin:sites_conduitchange_changelist")).content.decode()
    assert "provisioned" in text
    change = ConduitChange.objects.get()
    address = {name: reverse(f"admin:sites_conduitchange_{name}", args=[change.pk]) for name in ("change", "delete")}
    assert client.post(address["change"], {"what": "x"}).status_code == 403
    assert client.post(address["delete"], {"post": "yes"}).status_code == 403
    assert client.get(reverse("admin:sites_conduitchange_add")).status_code == 403


def test_nobody_waits_for_the_rotation_of_many_sites_at_once(client: Client, conduit: Conduit) -> None:
    sign_in(client, "view_site", "change_site", "change_conduit")
    for number in range(MAX_ROTATED):
        site = Site.objects.create(slug=f"south-{number}", name=f"South {number}")
        Conduit.objects.create(site=site, endpoint=conduit.endpoint, entity_path=site.slug, send_key_ref="file:none")
    key = conduit.send_key_path.read_text()
    text = act(client, "rotate_send_key", confirmed="yes").content.decode()
    assert f"Choose at most {MAX_ROTATED} sites at once." in text
    assert conduit.send_key_path.read_text() == key
