"""First-party access tokens: exactly the scopes, one site, five minutes at most, and no value anybody could use."""

from __future__ import annotations

import datetime as dt
import hashlib
import time

import pytest
from django.contrib.auth.hashers import check_password
from django.utils import timezone
from oauth2_provider.models import AccessToken, Application
from oauth2_provider.oauth2_validators import GRANT_TYPE_MAPPING

from accounts import first_party
from accounts.first_party import (
    ACCESS_LIFE,
    CLEANUP_BATCH,
    CLEANUP_INTERVAL,
    CLIENT_ID,
    KEEP_EXPIRED,
    AccessRefused,
    delete_expired,
    end_access_of,
    end_access_token,
    first_party_application,
    open_access_token,
)

pytestmark = pytest.mark.django_db
NORTH = "http://127.0.0.1:8000/sites/7f1c"
SOUTH = "http://127.0.0.1:8000/sites/8a2d"


@pytest.fixture
def now():
    return time.time()


def test_row_says_exactly_what_was_asked_for(alice, now):
    row = open_access_token(alice, resource=NORTH, scopes={"data:live", "status:read"}, now=now)
    row.refresh_from_db()
    assert row.user == alice
    assert row.application.client_id == CLIENT_ID
    assert row.scope == "status:read data:live"
    assert row.resource == [NORTH]
    assert row.expires.timestamp() == pytest.approx(now + ACCESS_LIFE, abs=0.001)
    assert row.is_valid(["data:live"])
    assert not row.is_valid(["setpoint:write"])


def test_no_value_is_kept_anywhere(alice, now):
    one = open_access_token(alice, resource=NORTH, scopes={"data:live"}, now=now)
    other = open_access_token(alice, resource=NORTH, scopes={"data:live"}, now=now)
    one.refresh_from_db()
    assert one.token == ""
    assert len(one.token_checksum) == 64
    assert one.token_checksum != other.token_checksum
    assert one.token_checksum != hashlib.sha256(b"").hexdigest()


def test_no_value_is_kept_even_where_the_toolkit_would_keep_it(alice, now, settings):
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": False}
    row = open_access_token(alice, resource=NORTH, scopes={"data:live"}, now=now)
    assert AccessToken.objects.get(pk=row.pk).token == ""


@pytest.mark.parametrize("as_number", [True, False])
def test_never_outlives_the_grant(alice, now, as_number):
    until = now + 40
    row = open_access_token(
        alice,
        resource=NORTH,
        scopes={"data:live"},
        now=now,
        until=until if as_number else dt.datetime.fromtimestamp(until, tz=dt.UTC),
    )
    assert row.expires.timestamp() == pytest.approx(until, abs=0.001)


def test_a_grant_that_lasts_does_not_make_the_token_last(alice, now):
    row = open_access_token(alice, resource=NORTH, scopes={"data:live"}, now=now, until=now + 90 * 86400)
    assert row.expires.timestamp() == pytest.approx(now + ACCESS_LIFE, abs=0.001)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": {"data:live", "everything"}},
        {"scopes": set()},
        {"resource": ""},
        {"until": 0},
    ],
)
def test_what_is_refused_leaves_no_row(alice, now, wrong):
    asked = {"resource": NORTH, "scopes": {"data:live"}, **wrong}
    with pytest.raises(AccessRefused):
        open_access_token(alice, now=now, **asked)
    assert not AccessToken.objects.exists()


def test_ended_grant_opens_nothing(alice, now):
    with pytest.raises(AccessRefused, match="ended"):
        open_access_token(alice, resource=NORTH, scopes={"data:live"}, now=now, until=now)


def test_closed_account_opens_nothing(alice, now):
    alice.is_active = False
    with pytest.raises(AccessRefused, match="closed"):
        open_access_token(alice, resource=NORTH, scopes={"data:live"}, now=now)


def test_ending_it_removes_the_row_and_twice_is_no_error(alice, now):
    row = open_access_token(alice, resource=NORTH, scopes={"data:live"}, now=now)
    assert end_access_token(row) is True
    assert end_access_token(row) is False
    assert not AccessToken.objects.exists()


def test_ending_everything_of_one_person(alice, bob, now):
    for person in (alice, alice, bob):
        open_access_token(person, resource=SOUTH, scopes={"data:live"}, now=now)
    assert end_access_of(alice) == 2
    assert list(AccessToken.objects.values_list("user__username", flat=True)) == ["bob"]


def test_application_is_made_once_and_nobody_can_use_it_from_outside():
    application = first_party_application()
    assert first_party_application() == application
    assert application.name == "Sightline HMI"
    assert application.client_type == Application.CLIENT_CONFIDENTIAL
    assert application.redirect_uris == ""
    for grant_types in GRANT_TYPE_MAPPING.values():
        assert not application.allows_grant_type(*grant_types)
    for guess in ("", "None", application.client_secret):
        assert not check_password(guess, application.client_secret)


def test_rows_expired_for_more_than_an_hour_are_deleted(alice, now):
    other = AccessToken.objects.create(
        user=alice, token_checksum="a" * 64, expires=timezone.now() - dt.timedelta(days=9), scope="status:read"
    )
    long_ago = now - ACCESS_LIFE - KEEP_EXPIRED
    open_access_token(alice, resource=NORTH, scopes={"data:live"}, now=long_ago - 10)
    recent = open_access_token(alice, resource=NORTH, scopes={"data:live"}, now=long_ago + 10)
    assert delete_expired(now) == 1
    assert set(AccessToken.objects.all()) == {recent, other}  # another application's rows are not ours to delete


def test_one_cleanup_is_bounded(alice, now):
    application = first_party_application()
    AccessToken.objects.bulk_create(
        AccessToken(
            user=alice,
            application=application,
            token_checksum=f"{n:064d}",
            expires=timezone.now() - dt.timedelta(days=1),
        )
        for n in range(CLEANUP_BATCH + 5)
    )
    assert delete_expired(now) == CLEANUP_BATCH
    assert AccessToken.objects.count() == 5


def test_opening_cleans_up_now_and_then(alice, now, monkeypatch):
    monkeypatch.setattr(first_party, "_last_cleanup", 0.0)
    for day in range(3):
        open_access_token(alice, resource=NORTH, scopes={"data:live"}, now=now + day * 86400)
    assert AccessToken.objects.count() == 1
    assert CLEANUP_INTERVAL < 86400
