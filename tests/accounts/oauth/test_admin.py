"""Registering applications in the administration, their secrets, and the end of what they see."""

from __future__ import annotations

import stat

import pytest
from django.contrib.auth.hashers import check_password
from django.core.management import CommandError, call_command
from django.utils import timezone
from oauth2_provider.models import Application

from accounts.audit.models import Event
from accounts.models import User
from accounts.oauth import authorizations
from accounts.oauth.models import SiteAuthorization
from accounts.oauth.places import find_place
from tests.hmi.live.people import give, make_person, make_site

ADD = "/admin/oauth/client/add/"


@pytest.fixture
def admin(db, client):
    client.force_login(User.objects.create_superuser("root", password="a long enough secret"))
    session = client.session
    now = int(timezone.now().timestamp())
    session["signed_in_at"] = session["seen_at"] = now
    session.save()
    return client


def add(admin, **fields):
    return admin.post(ADD, {"name": "Report server", "kind": "native", "redirect_uris": "", **fields})


def test_a_native_app_is_registered_with_exact_addresses(admin):
    for wrong in ("", "http://reports.example.com/", "https://a.example/#x", "https://a.example/ https://*.b.example/"):
        assert add(admin, redirect_uris=wrong).status_code == 200, wrong
    assert not Application.objects.exists()
    done = add(admin, redirect_uris="https://reports.example.com/callback\nhttp://127.0.0.1/done")
    assert done.status_code == 302
    application = Application.objects.get()
    assert (application.client_type, application.authorization_grant_type) == ("public", "authorization-code")
    assert application.redirect_uris == "https://reports.example.com/callback http://127.0.0.1/done"
    assert application.client_id.startswith("report-server-") and application.user is None
    event = Event.objects.get(tag="client:row:added")
    assert event.subject == application.client_id and event.username == "root"


def test_a_program_gets_a_service_account_and_its_secret_in_a_file(admin, tmp_path, capsys):
    done = add(admin, kind="service", name="History export")
    application = Application.objects.get()
    account = application.user
    assert account.username == f"service {application.client_id}" and not account.has_usable_password()
    page = admin.get(done.headers["Location"]).content.decode()
    assert f"new_client_secret {application.client_id}" in page
    shown = admin.get(f"/admin/oauth/client/{application.pk}/change/").content.decode()
    assert application.client_secret not in shown and "client_secret" not in shown
    out = tmp_path / "secret"
    call_command("new_client_secret", application.client_id, "--out", str(out))
    secret = out.read_text().strip()
    application.refresh_from_db()
    assert check_password(secret, application.client_secret) and secret not in capsys.readouterr().out
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with pytest.raises(CommandError, match="not there yet"):
        call_command("new_client_secret", application.client_id, "--out", str(out))
    with pytest.raises(CommandError, match="no confidential application"):
        call_command("new_client_secret", "nobody", "--out", str(tmp_path / "other"))
    admin.post(f"/admin/oauth/client/{application.pk}/delete/", {"post": "yes"})
    account.refresh_from_db()
    assert not account.is_active and not Application.objects.exists()


def test_only_superusers_register_and_who_may_end_access_ends_it(admin, client):
    site = make_site()
    alice = make_person("alice")
    give(alice, "viewer", site)
    add(admin, redirect_uris="https://reports.example.com/callback")
    row = authorizations.begin(
        find_place(alice, site.audience), user=alice, application=Application.objects.get(),
        scopes=frozenset({"status:read"}), how=SiteAuthorization.How.CODE, now=timezone.now(),
    )  # fmt: skip
    listed = admin.get("/admin/oauth/siteauthorization/").content.decode()
    assert "North Terminal" in listed and "alice" in listed
    admin.post("/admin/oauth/siteauthorization/", {"action": "end_access", "_selected_action": [str(row.pk)]})
    row.refresh_from_db()
    assert row.ended_because == "An administrator ended it."
    assert Event.objects.get(tag="token:oauth:ended").username == "root"
    clerk = make_person("clerk", is_staff=True)
    client.force_login(clerk)
    assert client.get(ADD).status_code in {302, 403}
