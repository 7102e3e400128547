"""Rows of failed sign-ins are looked at and never deleted; a pause ends by an action that the trail names."""

from __future__ import annotations

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.audit.models import Event
from accounts.models import User
from tests.accounts.conftest import ALICES_PASSWORD, BOBS_PASSWORD
from tests.accounts.factor_help import give_app

pytestmark = pytest.mark.django_db
MODELS = (AccessAttempt, AccessLog, AccessFailureLog)


def client_of(person):
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def dora(db):
    """Holds every right that the library knows, and may look after people."""
    dora = User.objects.create_user("dora", password=BOBS_PASSWORD, is_staff=True)
    rights = Permission.objects.filter(content_type__app_label="axes")
    dora.user_permissions.set([*rights, *Permission.objects.filter(codename__in=["view_user", "change_user"])])
    return dora


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("who", ["dora", "root"])
def test_nobody_deletes_or_changes_a_row(request, who, model):
    client = client_of(request.getfixturevalue(who))
    row = model.objects.create(username="bob", **({"failures_since_start": 5} if model is AccessAttempt else {}))
    page = f"/admin/axes/{model._meta.model_name}/"
    assert client.get(page).status_code == 200
    assert client.get(f"{page}{row.pk}/change/").status_code == 200
    assert client.post(f"{page}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"{page}{row.pk}/change/", {"username": "other"}).status_code == 403
    for action in ("delete_selected", "cleanup_expired_attempts"):
        client.post(page, {"action": action, "_selected_action": [row.pk], "post": "yes"})
    assert model.objects.get(pk=row.pk).username == "bob"


def test_superuser_ends_the_pause_of_an_address_and_the_trail_names_it(root, dora, alice, client):
    for number in range(5):
        client.post("/sign-in/", {"username": f"nobody{number}", "password": "guess"}, REMOTE_ADDR="198.51.100.7")
    chosen = [AccessAttempt.objects.filter(ip_address="198.51.100.7")[0].pk]
    form = {"action": "end_source_pause", "_selected_action": chosen}
    client_of(dora).post("/admin/axes/accessattempt/", form)
    assert AccessAttempt.objects.count() == 5, "whoever is no superuser is not offered it"
    client_of(root).post("/admin/axes/accessattempt/", form)
    assert not AccessAttempt.objects.exists()
    event = Event.objects.get(tag="source:sign-in:unlocked")
    assert (event.username, event.subject, event.facts) == ("root", "198.51.100.7", '{"count":"5"}')
    assert not Event.objects.filter(tag="admin:row:deleted").exists(), "one event for one action"


def test_pause_of_an_administrator_is_ended_by_superusers_only(root, dora, sign_in):
    for number in range(5):
        sign_in("root", f"guess {number}")
    form = {"action": "end_sign_in_pause", "_selected_action": [root.pk]}
    client_of(dora).post("/admin/accounts/user/", form)
    assert sign_in("root", ALICES_PASSWORD).status_code == 429
    client_of(root).post("/admin/accounts/user/", form)
    assert sign_in("root", ALICES_PASSWORD).status_code == 303


def test_ending_a_pause_also_ends_that_of_confirming(root, alice, client):
    app = give_app(alice)
    client.force_login(alice)
    for _ in range(5):
        last = client.post("/confirm/", {"code": app.wrong_code()})
    assert last.status_code == 429
    client_of(root).post("/admin/accounts/user/", {"action": "end_sign_in_pause", "_selected_action": [alice.pk]})
    assert client.post("/confirm/", {"code": app.code()}).status_code == 303
    assert Event.objects.filter(tag="person:sign-in:unlocked").count() == 1
