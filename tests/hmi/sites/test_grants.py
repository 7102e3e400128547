"""The rules of a grant hold whichever door it comes through, and each change of it counts."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from hmi.sites.grants import State
from hmi.sites.models import Grant, Site
from hmi.sites.seal import seal_holds
from tests.hmi.sites.people import give, make_person

pytestmark = pytest.mark.django_db


def test_grant_must_end_after_it_starts(alice: Any, north: Site) -> None:
    now = timezone.now()
    with pytest.raises(ValidationError, match="must end after it starts"):
        give(alice, "viewer", north, valid_from=now, valid_until=now)


@pytest.mark.parametrize("reason", ["", "   "])
def test_grant_needs_a_reason(alice: Any, north: Site, reason: str) -> None:
    with pytest.raises(ValidationError):
        give(alice, "viewer", north, reason=reason)


def test_overlapping_grant_of_the_same_role_is_refused(alice: Any, bob: Any, north: Site, south: Site) -> None:
    first = give(alice, "viewer", north)
    with pytest.raises(ValidationError, match="already holds viewer at North Terminal until"):
        give(alice, "viewer", north, days=1)

    give(alice, "viewer", south)
    give(bob, "viewer", north)
    give(alice, "viewer", north, valid_from=first.valid_until, valid_until=first.valid_until + dt.timedelta(days=1))


def test_revoked_grant_makes_room_for_another(alice: Any, north: Site, alices_grant: Grant) -> None:
    alices_grant.revoke()
    assert give(alice, "field-operator", north).epoch == 1


def test_superuser_cannot_hold_a_role_that_shows_process_data(north: Site) -> None:
    root = make_person("root", is_superuser=True)
    with pytest.raises(ValidationError, match="cannot hold viewer"):
        give(root, "viewer", north)
    assert give(root, "site-administrator", north).pk


def test_epoch_counts_each_change_and_nothing_else(alices_grant: Grant) -> None:
    alices_grant.save()
    assert alices_grant.epoch == 1
    alices_grant.reason = "covers the night shift"
    alices_grant.save()
    assert alices_grant.epoch == 2
    stale = Grant.objects.get(pk=alices_grant.pk)
    alices_grant.valid_until += dt.timedelta(hours=1)
    alices_grant.save()
    assert alices_grant.epoch == 3
    # An older copy in memory neither counts back nor keeps its seal from fitting.
    stale.valid_until += dt.timedelta(days=1)
    stale.save()
    assert Grant.objects.get(pk=stale.pk).epoch == 4
    assert seal_holds(Grant.objects.get(pk=stale.pk))


def test_older_copy_does_not_bring_an_ended_grant_back(alices_grant: Grant) -> None:
    stale = Grant.objects.get(pk=alices_grant.pk)
    alices_grant.revoke()
    stale.valid_until += dt.timedelta(days=1)
    with pytest.raises(ValidationError, match="has ended and is history"):
        stale.save()
    assert Grant.objects.get(pk=stale.pk).revoked_at is not None


def test_revoking_twice_keeps_the_first_time(alices_grant: Grant) -> None:
    first = timezone.now() - dt.timedelta(minutes=5)
    alices_grant.revoke(first)
    alices_grant.revoke()
    assert Grant.objects.get(pk=alices_grant.pk).revoked_at == first


def test_partial_saves_and_mass_updates_cannot_go_around_the_seal(alices_grant: Grant) -> None:
    alices_grant.valid_until -= dt.timedelta(days=1)
    alices_grant.save(update_fields=["reason"])
    stored = Grant.objects.get(pk=alices_grant.pk)
    assert (stored.epoch, seal_holds(stored)) == (2, True)
    with pytest.raises(TypeError, match="save"):
        Grant.objects.update(reason="all of them")
    with pytest.raises(TypeError, match="one by one"):
        Grant.objects.bulk_create([])


def test_live_is_the_same_rule_for_rows_and_queries(alice: Any, north: Site, south: Site) -> None:
    now = timezone.now()
    hour = dt.timedelta(hours=1)
    rows = [
        give(alice, "viewer", north),
        give(alice, "auditor", north, valid_from=now + hour, valid_until=now + 2 * hour),
        give(alice, "viewer", south, valid_from=now - 2 * hour, valid_until=now - hour),
    ]
    assert set(Grant.objects.live(now)) == {grant for grant in rows if grant.is_live(now)} == {rows[0]}
    rows[0].revoke(now + hour)
    assert set(Grant.objects.live(now)) == {grant for grant in rows if grant.is_live(now)} == set()


def test_every_state_follows_from_row_person_site_and_clock(
    approval: None, alice: Any, bob: Any, erin: Any, north: Site, south: Site
) -> None:
    now = timezone.now()
    live = give(alice, "viewer", north)
    refused, pending = give(alice, "field-operator", south), give(bob, "field-operator", south, days=2)
    refused.refuse(erin, "not trained")
    later = give(bob, "auditor", south, valid_from=now + dt.timedelta(hours=1))
    revoked = give(bob, "auditor", north)
    revoked.revoke()

    assert [grant.state for grant in (live, refused, pending, later, revoked)] == [
        State.LIVE, State.REFUSED, State.PENDING, State.LATER, State.REVOKED,
    ]  # fmt: skip
    assert live.state_at(live.valid_until) == pending.state_at(pending.valid_until) == State.OVER
    assert set(Grant.objects.live()) == {live}
    assert set(Grant.objects.pending()) == {pending}
    live.site.enabled = False
    assert live.state == State.SUSPENDED


def test_role_with_an_unknown_scope_opens_nothing(alices_grant: Grant) -> None:
    type(alices_grant.role).objects.filter(pk=alices_grant.role_id).update(scopes="data:live all:power")
    assert Grant.objects.get(pk=alices_grant.pk).scopes == frozenset()


def test_seal_covers_what_a_second_person_said(approval: None, alice: Any, erin: Any, north: Site) -> None:
    grant = give(alice, "field-operator", north)
    grant.approve(erin)
    for change in ("approval = 'not-needed'", "approved_by_id = NULL", "given_at = NULL", "end_reason = 'x'"):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE sites_grant SET {change}")
            assert not seal_holds(Grant.objects.get()), change
            transaction.set_rollback(True)
    assert seal_holds(Grant.objects.get())


def test_grant_sealed_before_there_was_approval_still_counts(alices_grant: Grant) -> None:
    """A row of an earlier version has none of the later fields, and the seal that was made without them."""
    alices_grant.given_at = None
    fields = [
        alices_grant.pk, alices_grant.user_id, alices_grant.role_id, alices_grant.site_id, None, 1, alices_grant.reason,
        *(int((at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) / dt.timedelta(microseconds=1)) for at in
          (alices_grant.valid_from, alices_grant.valid_until)), None,
    ]  # fmt: skip
    text = json.dumps([str(field) for field in fields])
    alices_grant.seal = salted_hmac("hmi.sites.grant", text, algorithm="sha256").hexdigest()
    assert seal_holds(alices_grant)
    alices_grant.approval = "approved"
    assert not seal_holds(alices_grant)
