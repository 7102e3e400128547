"""Rows that nobody needs any more go; what can still be used, or used twice, stays."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone
from oauth2_provider.models import AccessToken, Grant, RefreshToken

from accounts.oauth import authorizations
from accounts.oauth.authorizations import begin, clean_up, why_closed
from accounts.oauth.models import SiteAuthorization, WrongCode
from accounts.oauth.places import find_place
from tests.hmi.live.people import give, make_person, make_site
from tests.support.oauth_client import register

HOUR = dt.timedelta(hours=1)
How = SiteAuthorization.How


@pytest.fixture
def alice(db):
    return make_person("alice")


@pytest.fixture
def place(alice):
    site = make_site()
    give(alice, "viewer", site)
    return find_place(alice, site.audience)


def test_old_rows_go(alice, place):
    application, now = register("native"), timezone.now()
    row = begin(place, user=alice, application=application, scopes=place.scopes, how=How.CODE, now=now, code="c")
    access = AccessToken.objects.create(user=alice, application=application, token_checksum="a", expires=now, token="")
    RefreshToken.objects.create(user=alice, application=application, token_checksum="b", token="", access_token=access)
    Grant.objects.create(user=alice, application=application, code="c", expires=now, redirect_uri="")
    WrongCode.objects.create(user=alice, at=now)
    clean_up(now + dt.timedelta(minutes=5))
    assert SiteAuthorization.objects.filter(pk=row.pk).exists() and RefreshToken.objects.exists()
    clean_up(now + 2 * HOUR)
    assert not SiteAuthorization.objects.exists(), "its code was never used"
    assert not Grant.objects.exists() and not WrongCode.objects.exists() and AccessToken.objects.exists()
    clean_up(now + 14 * HOUR)
    assert not AccessToken.objects.exists() and not RefreshToken.objects.exists()


def test_it_lasts_a_shift_or_as_long_as_the_grant(alice, place):
    application, now = register("native"), timezone.now()
    row = begin(place, user=alice, application=application, scopes=place.scopes, how=How.CODE, now=now)
    assert row.ends_at == min(place.until, now + authorizations.LONGEST)
    assert why_closed(row, now) == "" and why_closed(row, row.ends_at) != ""
    service = begin(place, user=alice, application=application, scopes=place.scopes, how=How.CLIENT, now=now)
    assert service.ends_at == place.until
    assert authorizations.end_all("Enough.", user=alice) == 2
    assert authorizations.end(row, "Again.") is False
    row.refresh_from_db()
    assert why_closed(row, now) == "Enough."
