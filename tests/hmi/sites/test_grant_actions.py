"""The list actions: a page first, done when confirmed, and never to a grant that changed meanwhile."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.audit.models import Event
from hmi.sites.access import sites_for
from hmi.sites.models import Grant, Site
from tests.hmi.sites.people import give, make_administrator

pytestmark = pytest.mark.django_db
LIST = "admin:sites_grant_changelist"


def choose(client: Client, action: str, *grants: Grant, **more: Any) -> str:
    """The page that the action shows, or, with ``confirmed``, what the list then says."""
    values = {"action": action, "_selected_action": [str(grant.pk) for grant in grants], **more}
    return client.post(reverse(LIST), values, follow=True).content.decode()


def confirm(client: Client, action: str, *grants: Grant, **more: Any) -> str:
    seen = [f"{grant.pk}:{grant.epoch}" for grant in grants]
    return choose(client, action, *grants, confirmed="yes", **({"seen": seen} | more))


def events() -> list[str]:
    return list(Event.objects.filter(tag__startswith="grant:role").order_by("seq").values_list("tag", flat=True))


def test_revoke_asks_for_a_reason_and_leaves_a_history(
    client: Client, dora: Any, alice: Any, alices_grant: Grant, bobs_grant: Grant
) -> None:
    client.force_login(dora)
    page = choose(client, "revoke", alices_grant)
    assert f'value="{alices_grant.pk}:1"' in page
    assert "This field is required" in confirm(client, "revoke", alices_grant)
    assert sites_for(alice)

    assert "Revoke: 1 of 1 grant(s)." in confirm(client, "revoke", alices_grant, reason="changed site")
    stored = Grant.objects.get(pk=alices_grant.pk)
    assert (stored.revoked_by, stored.end_reason) == (dora, "changed site")
    assert sites_for(alice) == []
    assert Grant.objects.live().get() == bobs_grant
    history = client.get(reverse("admin:sites_grant_history", args=[stored.pk])).content.decode()
    assert "Revoked: changed site" in history
    assert events()[-1] == "grant:role:revoked"
    assert Event.objects.filter(tag="grant:role:revoked").get().actor == str(dora.subject)
    assert "ended already" in confirm(client, "revoke", stored, reason="again")


def test_revoke_now_asks_nothing_and_is_told_all_the_same(
    client: Client, dora: Any, alice: Any, alices_grant: Grant, bobs_grant: Grant
) -> None:
    client.force_login(dora)
    assert "1 grant(s) revoked." in choose(client, "revoke_now", alices_grant)
    stored = Grant.objects.get(pk=alices_grant.pk)
    assert (stored.revoked_by, stored.end_reason) == (dora, "at once, without a reason")
    assert Grant.objects.live().get() == bobs_grant
    assert "0 grant(s) revoked." in choose(client, "revoke_now", alices_grant)
    assert events().count("grant:role:revoked") == 1


def test_approve_is_the_second_persons(
    approval: None, client: Client, dora: Any, erin: Any, alice: Any, north: Site
) -> None:
    grant = give(alice, "field-operator", north, granted_by=dora)
    client.force_login(dora)
    assert "somebody else has to approve it" in confirm(client, "approve", grant)
    assert sites_for(alice) == []
    client.force_login(erin)
    assert "waits for approval" in choose(client, "approve", grant)
    assert "Approve: 1 of 1 grant(s)." in confirm(client, "approve", grant)
    assert sites_for(alice)[0].grant_id == grant.pk
    assert events() == ["grant:role:given", "grant:role:approved"]
    assert LogEntry.objects.get(object_id=str(grant.pk)).change_message == "Approved."


def test_nobody_approves_own_access(approval: None, client: Client, dora: Any, erin: Any, north: Site) -> None:
    grant = give(erin, "field-operator", north, granted_by=dora)
    client.force_login(erin)
    assert "cannot approve your own access" in confirm(client, "approve", grant)
    assert sites_for(erin) == []


def test_refuse_says_why(approval: None, client: Client, dora: Any, erin: Any, alice: Any, north: Site) -> None:
    grant = give(alice, "field-operator", north, granted_by=dora)
    client.force_login(erin)
    confirm(client, "refuse", grant, reason="not trained")
    assert Grant.objects.get().state == "refused"
    assert events() == ["grant:role:given", "grant:role:refused"]


def test_grant_that_changed_since_the_page_is_left_alone(
    approval: None, client: Client, erin: Any, alice: Any, north: Site
) -> None:
    """Somebody shortens or swaps what is being approved: the second person approves what was seen, or nothing."""
    grant = give(alice, "field-operator", north)
    client.force_login(erin)
    seen = [f"{grant.pk}:{grant.epoch}"]
    grant.valid_until -= dt.timedelta(days=1)
    grant.save()
    assert "was changed since you looked" in confirm(client, "approve", grant, seen=seen)
    assert "was changed since you looked" in confirm(client, "approve", grant, seen=[])
    assert Grant.objects.get().approval == "pending"


def test_extend_lengthens_looking_and_gives_writing_anew(
    approval: None, client: Client, dora: Any, erin: Any, alice: Any, north: Site, bobs_grant: Grant
) -> None:
    writing = give(alice, "field-operator", north, days=5, granted_by=dora)
    writing.approve(erin)
    client.force_login(dora)
    end = timezone.now() + dt.timedelta(days=40)
    values = {"valid_until_0": f"{end:%Y-%m-%d}", "valid_until_1": "12:00", "reason": "goes on"}
    assert "Extend: 2 of 2 grant(s)." in confirm(client, "extend", writing, bobs_grant, **values)

    bobs_grant.refresh_from_db()
    assert bobs_grant.valid_until.date() == end.date()
    following = Grant.objects.get(user=alice, valid_from=writing.valid_until)
    assert (following.approval, following.granted_by, following.reason) == ("pending", dora, "goes on")
    assert events()[-2:] == ["grant:role:changed", "grant:role:given"] or events()[-2:] == [
        "grant:role:given", "grant:role:changed",
    ]  # fmt: skip
    assert "2 of" not in confirm(client, "extend", writing, bobs_grant, **values)


def test_actions_are_offered_and_done_by_permission_only(
    approval: None, client: Client, alice: Any, north: Site
) -> None:
    grant = give(alice, "field-operator", north)
    client.force_login(make_administrator("gina", "view_grant", "change_grant"))
    page = client.get(reverse(LIST)).content.decode()
    assert 'value="revoke"' in page
    assert 'value="revoke_now"' in page
    for action in ("approve", "refuse", "extend"):
        assert f'value="{action}"' not in page
        confirm(client, action, grant, reason="x")
    assert Grant.objects.get().approval == "pending"


def test_broken_audit_trail_keeps_grants_from_being_approved_but_not_from_being_revoked(
    approval: None, client: Client, erin: Any, dora: Any, alice: Any, bob: Any, north: Site
) -> None:
    waiting, live = give(alice, "field-operator", north, granted_by=dora), give(bob, "viewer", north)
    client.force_login(erin)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TRIGGER full BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    assert "could not be recorded in the audit trail" in confirm(client, "approve", waiting)
    confirm(client, "revoke", live, reason="at once")
    assert Grant.objects.get(pk=waiting.pk).approval == "pending"
    assert Grant.objects.get(pk=live.pk).revoked_at is not None
