"""Tokens under an access: never wider, never longer, and gone the moment what they stand on changes."""

from __future__ import annotations

import base64
import datetime as dt
import json
import ssl
import time
from typing import Any

import msgspec
import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from oauth2_provider.models import AccessToken

from accounts.assurance import AMR, STEPPED_UP_AT, STEPPED_UP_WITH
from accounts.audit.models import Event
from accounts.issuer import create_signing_key
from accounts.sessions import SEEN_AT, SIGNED_IN_AT
from hmi.sites.access import SiteAccess, aget_site_for, get_site_for
from hmi.sites.errors import AccessEnded, SiteRefused
from hmi.sites.identity import ensure_web_app_identity
from hmi.sites.models import Grant, Site, SiteAccessToken
from hmi.sites.tokens import access_token_for, asite_token_for, site_token_for
from relay_bridge.contract.authorization_details import WriteDetail
from relay_bridge.contract.scopes import format_scopes
from relay_bridge.contract.tokens import certificate_thumbprint
from tests.hmi.sites.people import give, role

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _keys(bridge: Any) -> None:
    ensure_web_app_identity(timezone.now())
    create_signing_key(bridge.signing_key)


@pytest.fixture
def access(alice: Any, north: Site, alices_grant: Grant) -> SiteAccess:
    return get_site_for(alice, "north")


def sign_in(person: Any, client: Any) -> Any:
    client.force_login(person)
    return client.session


def claims_of(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def test_access_token_says_who_where_and_exactly_what(access: SiteAccess, alice: Any, north: Site) -> None:
    now = time.time()
    row = access_token_for(access, now)

    assert (row.user, row.resource, row.application.name) == (alice, [north.audience], "Sightline HMI")
    assert row.scope == format_scopes(access.scopes)
    assert row.expires.timestamp() == pytest.approx(now + 300, abs=0.01)
    assert north.audience == f"https://hmi.example.com/sites/{north.id}"


def test_access_token_is_used_again_while_it_lives_long_enough(access: SiteAccess) -> None:
    now = time.time()
    first = access_token_for(access, now)

    assert access_token_for(access, now + 209) == first
    second = access_token_for(access, now + 211)
    assert second != first
    # The one before is gone: a row without its link would outlive a revocation.
    assert list(AccessToken.objects.all()) == [second]


def test_access_token_never_outlives_the_grant(alice: Any, north: Site) -> None:
    end = timezone.now() + dt.timedelta(seconds=40)
    give(alice, "viewer", north, valid_until=end)
    access = get_site_for(alice, "north")
    row = access_token_for(access)

    assert row.expires == end
    assert access_token_for(access) == row  # short, but there is no longer one to be had
    with pytest.raises(AccessEnded, match="ended at"):
        access_token_for(access, end.timestamp())


def test_each_session_has_its_own_token_and_ends_it(alice: Any, north: Site, alices_grant: Grant, client: Any) -> None:
    elsewhere = get_site_for(alice, "north")
    here = get_site_for(alice, "north", session=sign_in(alice, client))
    kept, ended = access_token_for(elsewhere), access_token_for(here)
    assert kept != ended
    assert here.auth_time == client.session[SIGNED_IN_AT]

    client.session.delete()

    assert list(AccessToken.objects.all()) == [kept]
    with pytest.raises(AccessEnded, match="signed out"):
        access_token_for(here)


def test_idle_session_opens_nothing(alice: Any, north: Site, alices_grant: Grant, client: Any) -> None:
    session = sign_in(alice, client)
    access = get_site_for(alice, "north", session=session)
    values = {**session.load(), SEEN_AT: int(time.time()) - 1801}
    Session.objects.filter(pk=session.session_key).update(session_data=SessionStore().encode(values))

    with pytest.raises(AccessEnded, match="signed out"):
        site_token_for(access, {"data:live"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("revoke", "withdrawn"), ("shorten", "was changed"), ("role", "field operator may do"),
        ("site", "switched off"), ("account", "disabled"), ("superuser", "ended"),
    ],
)  # fmt: skip
def test_change_ends_the_token_at_once_and_opens_no_other(
    access: SiteAccess, alices_grant: Grant, alice: Any, north: Site, change: str, words: str
) -> None:
    row = access_token_for(access)
    if change == "revoke":
        alices_grant.revoke()
    elif change == "shorten":
        alices_grant.valid_until -= dt.timedelta(days=1)
        alices_grant.save()
    elif change == "role":
        changed = role("field-operator")
        changed.scopes = "status:read data:live"
        changed.save()
    elif change == "site":
        north.enabled = False
        north.save()
    elif change == "account":
        alice.is_active = False
        alice.save()
    else:
        alice.is_superuser = True
        alice.save()

    assert not AccessToken.objects.filter(pk=row.pk).exists()
    assert not SiteAccessToken.objects.exists()
    for ask in (access_token_for, lambda kept: site_token_for(kept, {"data:live"})):
        with pytest.raises(AccessEnded, match=words):
            ask(access)


def test_change_of_one_leaves_the_others_alone(
    access: SiteAccess, alices_grant: Grant, bob: Any, bobs_grant: Grant
) -> None:
    access_token_for(access)
    kept = access_token_for(get_site_for(bob, "north"))
    alices_grant.revoke()
    assert list(AccessToken.objects.all()) == [kept]


def test_site_token_is_narrowed_short_and_bound_to_our_certificate(
    access: SiteAccess, alice: Any, north: Site, bridge: Any
) -> None:
    now = time.time()
    claims = claims_of(site_token_for(access, {"data:live"}, 120, now))

    assert (claims["aud"], claims["iss"]) == (north.audience, "https://hmi.example.com")
    assert (claims["scope"], claims["sub"]) == ("data:live", str(alice.subject))
    assert claims["exp"] - claims["iat"] == 120
    assert (claims["gid"], claims["gep"]) == (str(access.grant_id), 1)
    der = ssl.PEM_cert_to_DER_cert(bridge.web_app_cert.read_text())
    assert claims["cnf"]["x5t#S256"] == certificate_thumbprint(der)


def test_site_token_never_holds_more_than_the_role(bob: Any, north: Site, bobs_grant: Grant) -> None:
    looking = get_site_for(bob, "north")
    with pytest.raises(SiteRefused, match="does not hold"):
        site_token_for(looking, {"setpoint:write"})
    event = Event.objects.get(tag="token:site:refused")
    assert (event.result, event.username, event.site) == ("refused", "bob", "north")
    assert json.loads(event.facts) == {"kind": "scope", "grant": str(bobs_grant.pk), "scope": "setpoint:write"}


def test_made_up_scope_is_refused_and_not_repeated_in_the_trail(access: SiteAccess) -> None:
    with pytest.raises(SiteRefused):
        site_token_for(access, {"<script>"})
    assert "script" not in Event.objects.get(tag="token:site:refused").facts


# --- how the person signed in, and writes -------------------------------------------------------------------------


def confirmed(person: Any, client: Any, seconds_ago: int = 10) -> Any:
    session = sign_in(person, client)
    session[AMR] = ["pwd", "otp", "mfa"]
    session[STEPPED_UP_AT], session[STEPPED_UP_WITH] = int(time.time()) - seconds_ago, ["hwk", "user"]
    session.save()
    return session


def setpoint(**changes: Any) -> WriteDetail:
    facts = {"type": "setpoint", "tag": "FT-1.sp", "value": 12.5, "unit": "m³/h", "expected": 10.0}
    return WriteDetail(**{**facts, "valid_until": int(time.time()) + 25, **changes})


def test_token_says_how_its_person_signed_in(alice: Any, north: Site, alices_grant: Grant, client: Any) -> None:
    session = confirmed(alice, client)
    claims = claims_of(site_token_for(get_site_for(alice, "north", session=session), {"data:live"}))
    assert (claims["acr"], claims["amr"]) == ("mfa", ["pwd", "otp", "mfa"])
    assert claims["auth_time"] == session[SIGNED_IN_AT]
    assert claims_of(site_token_for(get_site_for(alice, "north"), {"data:live"}))["amr"] == ["pwd"]


def test_write_is_minted_for_one_change_after_a_fresh_confirmation(
    alice: Any, north: Site, alices_grant: Grant, client: Any
) -> None:
    session = confirmed(alice, client)
    access = get_site_for(alice, "north", session=session)
    claims = claims_of(site_token_for(access, {"setpoint:write"}, write=setpoint()))
    assert (claims["acr"], claims["amr"], claims["auth_time"]) == ("phr", ["hwk", "user"], session[STEPPED_UP_AT])
    assert claims["exp"] - claims["iat"] == 30
    assert claims["authorization_details"][0]["tag"] == "FT-1.sp"


@pytest.mark.parametrize(
    ("seconds_ago", "write", "kind"),
    [(10, None, "details"), (301, setpoint(), "write-proof"), (10, setpoint(type="command"), "details")],
)
def test_write_without_its_change_or_without_confirming_is_refused_and_recorded(
    alice: Any, north: Site, alices_grant: Grant, client: Any, seconds_ago: int, write: WriteDetail | None, kind: str
) -> None:
    access = get_site_for(alice, "north", session=confirmed(alice, client, seconds_ago))
    if write is not None:
        write = msgspec.structs.replace(write, valid_until=int(time.time()) + 25)
    with pytest.raises(SiteRefused):
        site_token_for(access, {"setpoint:write"}, write=write)
    assert json.loads(Event.objects.get(tag="token:site:refused").facts)["kind"] == kind


@pytest.mark.django_db(transaction=True)
async def test_tokens_are_made_off_the_event_loop(alice: Any, north: Site, alices_grant: Grant) -> None:
    token = await asite_token_for(await aget_site_for(alice, "north"), {"data:live"})
    assert claims_of(token)["scope"] == "data:live"
