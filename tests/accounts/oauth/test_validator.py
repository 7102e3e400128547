"""Codes and tokens: once, hashed, rotated, bound to one grant, and over when it is over."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from allauth.socialaccount.models import SocialAccount
from asgiref.sync import sync_to_async
from django.utils import timezone
from oauth2_provider.models import AccessToken, RefreshToken
from oauth2_provider.models import Grant as CodeRow

from accounts.audit.models import Event
from accounts.models import Role
from accounts.oauth import client_checks
from accounts.oauth.models import SiteAuthorization
from hmi.sites.models import Grant
from tests.hmi.live.people import PASSWORD, agive, amake_person, amake_site
from tests.support.oauth_client import Browser, Pkce, answer_of, aregister, bearer, exchange, get_token, token


async def code_for(browser, application, north, pkce):
    return answer_of(await browser.allow(application, north.audience, pkce))["code"]


async def refresh(http, application, text, **more):
    return await token(http, grant_type="refresh_token", client_id=application.client_id, refresh_token=text, **more)


async def status_at_api(http, text):
    return (await http.get("/api/v1/sites", headers=bearer(text))).status_code


async def tags():
    return [event.tag async for event in Event.objects.order_by("seq")]


async def test_nothing_that_opens_anything_is_stored(browser, north):
    application, pkce = await aregister("native"), Pkce()
    code = await code_for(browser, application, north, pkce)
    stored = await CodeRow.objects.aget()
    assert not any(code in str(value) for value in vars(stored).values())
    assert (await exchange(browser.http, application, stored.code, pkce)).status_code == 400
    issued = (await exchange(browser.http, application, code, pkce)).json()
    for model in (AccessToken, RefreshToken):
        row = await model.objects.aget()
        assert row.token == "" and row.resource == [north.audience]
        assert not {issued["access_token"], issued["refresh_token"]} & {str(value) for value in vars(row).values()}
    everything = " ".join([f"{event.subject} {event.reason} {event.facts}" async for event in Event.objects.all()])
    assert issued["access_token"] not in everything and issued["refresh_token"] not in everything


async def test_a_code_is_used_once_and_a_second_use_ends_what_the_first_bought(browser, north):
    application, pkce = await aregister("native"), Pkce()
    code = await code_for(browser, application, north, pkce)
    first = (await exchange(browser.http, application, code, pkce)).json()
    second = await exchange(browser.http, application, code, pkce)
    assert second.status_code == 400 and second.json()["error"] == "invalid_grant"
    assert await status_at_api(browser.http, first["access_token"]) == 401
    assert (await refresh(browser.http, application, first["refresh_token"])).status_code == 400
    assert "token:oauth:reused" in await tags()


WRONG_IN_EXCHANGE = [
    ({"code_verifier": "x" * 43}, "invalid_grant"),
    ({"code_verifier": ""}, "invalid_grant"),
    ({"redirect_uri": "https://reports.example.com/other"}, "invalid_request"),
    ({"resource": "https://hmi.example.com/sites/other"}, "invalid_target"),
    ({"code": "guessed"}, "invalid_grant"),
    ({"client_id": "nobody"}, "invalid_client"),
]


async def test_a_code_needs_everything_it_was_made_with(browser, north):
    application, pkce = await aregister("native"), Pkce()
    code = await code_for(browser, application, north, pkce)
    for changes, error in WRONG_IN_EXCHANGE:
        response = await exchange(browser.http, application, code, pkce, **changes)
        assert response.json()["error"] == error and response.status_code in {400, 401}, changes
    assert not await AccessToken.objects.aexists()
    assert (await tags()).count("token:oauth:refused") == len(WRONG_IN_EXCHANGE)
    for grant_type in ("password", "implicit", "", "urn:ietf:params:oauth:grant-type:jwt-bearer"):
        form = {"client_id": application.client_id, "username": "alice", "password": PASSWORD, "scope": "status:read"}
        right = await token(browser.http, grant_type=grant_type, **form)
        wrong = await token(browser.http, grant_type=grant_type, **{**form, "password": "guess"})
        assert right.status_code == 400 and right.content == wrong.content
        assert right.json()["error"] in {"unsupported_grant_type", "invalid_request"}


async def test_a_code_is_worth_nothing_to_another_client_or_without_the_secret(browser, north):
    web, pkce = await aregister("web", secret="the right secret"), Pkce()
    code = await code_for(browser, web, north, pkce)
    other = await aregister("native", "Other app")
    assert (await exchange(browser.http, other, code, pkce)).json()["error"] == "invalid_grant"
    assert (await exchange(browser.http, web, code, pkce)).json()["error"] == "invalid_client"
    wrong = await exchange(browser.http, web, code, pkce, client_secret="the wrong secret")
    assert wrong.status_code == 401 and wrong.headers["www-authenticate"].startswith("Basic")
    right = await exchange(browser.http, web, code, pkce, client_secret="the right secret")
    assert right.status_code == 200


async def test_refreshing_rotates_and_a_second_use_ends_the_family(browser, north):
    application = await aregister("native")
    first = await get_token(browser, application, north.audience)
    second = (await refresh(browser.http, application, first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"] and second["expires_in"] == 300
    assert await status_at_api(browser.http, first["access_token"]) == 401
    assert await status_at_api(browser.http, second["access_token"]) == 200
    stolen = await refresh(browser.http, application, first["refresh_token"])
    assert stolen.json()["error"] == "invalid_grant"
    assert await status_at_api(browser.http, second["access_token"]) == 401
    assert (await refresh(browser.http, application, second["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await SiteAuthorization.objects.aget()).ended_because == "A refresh token was used a second time."


async def test_what_is_used_twice_at_the_same_moment_buys_once(browser, north):
    application, pkce = await aregister("native"), Pkce()
    code = await code_for(browser, application, north, pkce)
    answers = await asyncio.gather(*(exchange(browser.http, application, code, pkce) for _ in range(4)))
    assert [answer.status_code for answer in answers].count(200) <= 1
    assert not any("access_token" in answer.json() for answer in answers if answer.status_code != 200)
    issued = await get_token(browser, application, north.audience)
    answers = await asyncio.gather(*(refresh(browser.http, application, issued["refresh_token"]) for _ in range(4)))
    (bought,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert bought["access_token"] and {answer.status_code for answer in answers} == {200, 400}
    assert await status_at_api(browser.http, bought["access_token"]) == 401, "the family ended"
    assert not await AccessToken.objects.filter(site_authorization__isnull=False).aexists()


async def test_a_refresh_token_belongs_to_its_client_its_site_and_its_scopes(browser, north):
    application = await aregister("native")
    issued = await get_token(browser, application, north.audience, "status:read")
    other = await aregister("native", "Other app")
    assert (await refresh(browser.http, other, issued["refresh_token"])).json()["error"] == "invalid_grant"
    wider = await refresh(browser.http, application, issued["refresh_token"], scope="status:read data:live")
    assert wider.json()["error"] == "invalid_scope"
    south = await amake_site("south", "South Terminal")
    elsewhere = await refresh(browser.http, application, issued["refresh_token"], resource=south.audience)
    assert elsewhere.json()["error"] == "invalid_target"
    assert (
        await refresh(browser.http, application, issued["refresh_token"], resource=north.audience)
    ).status_code == 200


async def revoke_grant(alice, north):
    await sync_to_async(alice.north.revoke)()


async def end_grant(alice, north):
    grant = await Grant.objects.select_related("user", "role", "site").aget(pk=alice.north.pk)
    grant.valid_until = timezone.now() + dt.timedelta(seconds=0.2)
    await sync_to_async(grant.save)()
    await asyncio.sleep(0.3)


async def change_role(alice, north):
    role = await Role.objects.aget(slug="field-operator")
    role.scopes = "status:read data:live"
    await sync_to_async(role.save)()


async def switch_site_off(alice, north):
    north.enabled = False
    await sync_to_async(north.save)()


async def disable_person(alice, north):
    alice.is_active = False
    await sync_to_async(alice.save)()


async def change_password(alice, north):
    alice.set_password("another long enough secret")
    await sync_to_async(alice.save)()


@pytest.mark.parametrize(
    "ending", [revoke_grant, end_grant, change_role, switch_site_off, disable_person, change_password]
)
async def test_tokens_end_with_what_they_stood_on(browser, north, alice, ending):
    application = await aregister("native")
    issued = await get_token(browser, application, north.audience)
    assert await status_at_api(browser.http, issued["access_token"]) == 200
    await ending(alice, north)
    assert await status_at_api(browser.http, issued["access_token"]) == 401
    again = await refresh(browser.http, application, issued["refresh_token"])
    assert again.json()["error"] == "invalid_grant"
    assert "token:oauth:ended" in await tags()
    assert not await AccessToken.objects.filter(site_authorization__isnull=False).aexists()


async def test_a_new_grant_wakes_neither_old_tokens_nor_old_codes(browser, north, alice):
    application, pkce = await aregister("native"), Pkce()
    issued = await get_token(browser, application, north.audience)
    code = await code_for(browser, application, north, pkce)
    await revoke_grant(alice, north)
    await agive(alice, "field-operator", north)
    assert await status_at_api(browser.http, issued["access_token"]) == 401
    assert (await exchange(browser.http, application, code, pkce)).json()["error"] == "invalid_grant"


async def test_a_token_never_outlives_its_grant_and_refreshing_does_not_outlive_a_shift(browser, north, origin):
    bob = await amake_person("bob")
    await agive(bob, "viewer", north, seconds=100)
    other = await Browser(origin).sign_in(bob)
    application = await aregister("native")
    issued = await get_token(other, application, north.audience)
    assert 90 <= issued["expires_in"] <= 100
    long = await get_token(browser, application, north.audience)
    row = await SiteAuthorization.objects.aget(user__username="alice")
    assert dt.timedelta(hours=11, minutes=59) < row.ends_at - timezone.now() <= dt.timedelta(hours=12)
    await SiteAuthorization.objects.filter(pk=row.pk).aupdate(ends_at=timezone.now())
    assert (await refresh(browser.http, application, long["refresh_token"])).json()["error"] == "invalid_grant"
    await other.close()


async def test_a_program_reads_through_its_service_accounts_grant(browser, north, alice):
    application = await aregister("service", secret="s3cret of the program")
    auth = (application.client_id, "s3cret of the program")
    ask = {"grant_type": "client_credentials", "scope": "status:read data:live", "resource": north.audience}
    assert (await token(browser.http, auth, **ask)).json()["error"] == "invalid_target"
    account = application.user
    grant = await agive(account, "viewer", north)
    issued = (await token(browser.http, auth, **ask)).json()
    assert "refresh_token" not in issued and issued["scope"] == "status:read data:live"
    assert await status_at_api(browser.http, issued["access_token"]) == 200
    assert (await token(browser.http, auth, **ask)).status_code == 200
    assert await SiteAuthorization.objects.acount() == 1
    without = {name: value for name, value in ask.items() if name != "resource"}
    assert (await token(browser.http, auth, **without)).json()["error"] == "invalid_target"
    assert (await token(browser.http, **ask, client_id=application.client_id)).json()["error"] == "invalid_client"
    writing = await token(browser.http, auth, **{**ask, "scope": "setpoint:write"})
    assert writing.json()["error"] == "invalid_scope"
    await sync_to_async(grant.revoke)()
    assert await status_at_api(browser.http, issued["access_token"]) == 401
    application.user = alice  # a person's account, set past the administration
    await application.asave()
    assert (await token(browser.http, auth, **ask)).json()["error"] == "unauthorized_client"


async def test_no_program_speaks_for_an_account_that_a_person_can_sign_in_with(browser, north):
    application = await aregister("service", secret="s3cret of the program")
    await agive(application.user, "viewer", north)
    auth = (application.client_id, "s3cret of the program")
    ask = {"grant_type": "client_credentials", "scope": "status:read", "resource": north.audience}
    assert (await token(browser.http, auth, **ask)).status_code == 200
    connected = await SocialAccount.objects.acreate(user=application.user, provider="acme", uid="emp-1")
    assert (await token(browser.http, auth, **ask)).json()["error"] == "unauthorized_client"
    await connected.adelete()
    assert (await token(browser.http, auth, **ask)).status_code == 200


async def test_a_program_that_waited_too_long_is_not_told_that_its_secret_is_wrong(browser, north, monkeypatch):
    application = await aregister("service", secret="s3cret of the program")
    monkeypatch.setattr(client_checks, "CHECK_WAIT", 0.01)
    auth = (application.client_id, "s3cret of the program")
    with client_checks._turn:
        for address, form in (
            ("/oauth/token/", {"grant_type": "client_credentials", "scope": "status:read", "resource": north.audience}),
            ("/oauth/introspect/", {"token": "anything"}),
            ("/oauth/revoke/", {"token": "anything"}),
        ):
            busy = await browser.http.post(address, data=form, auth=auth)
            assert (busy.status_code, busy.json()["error"]) == (503, "temporarily_unavailable"), address


async def test_a_refused_program_is_recorded_by_its_name_and_never_with_its_secret(browser, north):
    application = await aregister("service", secret="s3cret of the program")
    ask = {"grant_type": "client_credentials", "scope": "status:read", "resource": north.audience}
    await token(browser.http, (application.client_id, "guessed secret"), **ask)
    event = await Event.objects.aget(tag="token:oauth:refused")
    assert event.subject == application.client_id
    assert "guessed secret" not in str(vars(event))
