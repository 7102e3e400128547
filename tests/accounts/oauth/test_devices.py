"""A shared tablet (RFC 8628): it asks, a person at it types its code; guessing is limited, and one shift is enough."""

from __future__ import annotations

import asyncio
import datetime as dt

from allauth.mfa.models import Authenticator
from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone

from accounts.audit.models import Event
from accounts.oauth.models import DeviceRequest, SiteAuthorization, WrongCode
from tests.hmi.live.people import amake_person, amake_site
from tests.support.oauth_client import DEVICE, Browser, Pkce, answer_of, aregister, bearer, get_token, token

TABLET = "Control hut 2"
SEE = "status:read data:live alarm:read"


async def ask(http, tablet, resource, scope=SEE):
    form = {"client_id": tablet.client_id, "scope": scope, "resource": resource}
    return await http.post("/oauth/device-authorization/", data=form)


async def poll(http, tablet, device_code):
    """As a tablet does, only that the five seconds between two questions are put into the past."""
    past = timezone.now() - dt.timedelta(minutes=2)
    await DeviceRequest.objects.aupdate(polled_at=past)
    return await token(http, grant_type=DEVICE, client_id=tablet.client_id, device_code=device_code)


async def type_code(browser, code, **fields):
    page = await browser.http.get("/oauth/device/")
    return await browser.post("/oauth/device/", page, user_code=code, **fields)


async def test_a_person_lets_a_tablet_look(browser, north, alice):
    tablet = await aregister("tablet", TABLET)
    asked = (await ask(browser.http, tablet, north.audience)).json()
    assert asked["verification_uri"] == f"{browser.origin}/oauth/device/"
    assert asked["expires_in"] == 300 and asked["interval"] == 5 and "verification_uri_complete" not in asked
    row = await DeviceRequest.objects.aget()
    assert asked["device_code"] not in vars(row).values() and asked["user_code"] not in vars(row).values()
    assert (await poll(browser.http, tablet, asked["device_code"])).json()["error"] == "authorization_pending"
    form = {"grant_type": DEVICE, "client_id": tablet.client_id, "device_code": asked["device_code"]}
    assert (await token(browser.http, **form)).json()["error"] == "slow_down"
    page = await type_code(browser, asked["user_code"].lower())
    for words in (TABLET, "North Terminal", "See live values", "127.0.0.1", asked["user_code"]):
        assert words in page.text
    assert (await poll(browser.http, tablet, asked["device_code"])).json()["error"] == "authorization_pending"
    done = await browser.post("/oauth/device/", page, user_code=asked["user_code"], decision="allow")
    assert "can look at North Terminal now" in done.text
    other = await aregister("tablet", "Another tablet")
    assert (await poll(browser.http, other, asked["device_code"])).json()["error"] == "invalid_grant"
    issued = (await poll(browser.http, tablet, asked["device_code"])).json()
    assert issued["scope"] == SEE and issued["expires_in"] == 300
    assert (await poll(browser.http, tablet, asked["device_code"])).json()["error"] == "invalid_grant"
    sites = await browser.http.get("/api/v1/sites", headers=bearer(issued["access_token"]))
    assert sites.json()["items"][0]["slug"] == "north"
    renewed = await token(
        browser.http, grant_type="refresh_token", client_id=tablet.client_id, refresh_token=issued["refresh_token"]
    )
    assert renewed.status_code == 200
    # One tablet, one access: new access ends what it had.
    again = (await ask(browser.http, tablet, north.audience)).json()
    await type_code(browser, again["user_code"], decision="allow")
    gone = await browser.http.get("/api/v1/sites", headers=bearer(renewed.json()["access_token"]))
    assert gone.status_code == 401
    assert await SiteAuthorization.objects.filter(ended_at=None).acount() == 1
    await sync_to_async(alice.north.revoke)()
    assert (await poll(browser.http, tablet, again["device_code"])).json()["error"] == "invalid_grant"


async def test_guessing_codes_is_limited_for_the_person_and_the_source(browser, north):
    tablet = await aregister("tablet", TABLET)
    asked = (await ask(browser.http, tablet, north.audience)).json()
    for _ in range(5):
        assert (await type_code(browser, "BBBB-BBBB")).status_code == 400
    locked = await type_code(browser, asked["user_code"], decision="allow")
    assert locked.status_code == 429 and 0 < int(locked.headers["retry-after"]) <= 901
    bob = await Browser(browser.origin).sign_in(await amake_person("bob"))
    assert (await type_code(bob, asked["user_code"])).status_code == 429  # the same source
    await bob.close()
    assert not await SiteAuthorization.objects.aexists()
    assert "token:device:locked" in [event.tag async for event in Event.objects.all()]
    await WrongCode.objects.aupdate(at=timezone.now() - dt.timedelta(minutes=16))
    assert (await type_code(browser, asked["user_code"])).status_code == 200


async def test_many_guesses_at_once_are_five(browser, north):
    tablet = await aregister("tablet", TABLET)
    asked = (await ask(browser.http, tablet, north.audience)).json()
    page = await browser.http.get("/oauth/device/")
    sent = [browser.post("/oauth/device/", page, user_code="BBBB-BBBB") for _ in range(16)]
    answers = [answer.status_code for answer in await asyncio.gather(*sent)]
    assert sorted(answers) == [400] * 5 + [429] * 11
    assert await WrongCode.objects.acount() == 5
    assert (await type_code(browser, asked["user_code"])).status_code == 429


async def test_right_codes_are_not_counted(browser, north):
    tablet = await aregister("tablet", TABLET)
    asked = (await ask(browser.http, tablet, north.audience)).json()
    for _ in range(7):
        assert (await type_code(browser, asked["user_code"])).status_code == 200
    assert not await WrongCode.objects.aexists()


async def test_who_has_a_second_factor_confirms_before_deciding_and_losing_it_ends_everything(browser, north, alice):
    issued = await get_token(browser, await aregister("native"), north.audience)
    factor = await Authenticator.objects.acreate(user=alice, type=Authenticator.Type.TOTP, data={})
    for answer in (await browser.http.get("/oauth/device/"), await post_blindly(browser)):
        assert answer.status_code == 303 and answer.headers["location"].startswith("/confirm/")
    await sync_to_async(factor.delete)()
    assert (await browser.http.get("/api/v1/sites", headers=bearer(issued["access_token"]))).status_code == 401
    assert (await SiteAuthorization.objects.aget()).ended_because == "The person's second factors were taken away."


async def post_blindly(browser):
    page = await browser.http.get("/oauth/")
    assert page.status_code == 200
    token = browser.http.cookies.get(settings.CSRF_COOKIE_NAME, "")
    data = {"csrfmiddlewaretoken": token, "user_code": "BBBBBBBB", "decision": "allow"}
    return await browser.http.post("/oauth/device/", data=data, headers={"Origin": browser.origin})


async def test_what_a_tablet_does_not_get(browser, north):
    tablet = await aregister("tablet", TABLET)
    for scope in ("", "data:history", "status:read setpoint:write"):
        assert (await ask(browser.http, tablet, north.audience, scope)).json()["error"] == "invalid_scope"
    assert (await ask(browser.http, tablet, "")).json()["error"] == "invalid_target"
    native = await aregister("native")
    assert (await ask(browser.http, native, north.audience)).status_code == 401
    assert answer_of_code_flow(await browser.allow(tablet, north.audience, Pkce(), redirect_uri=None))
    # An unknown site is not told apart from one of somebody else's until a person who may decide is there.
    south = await amake_site("south", "South Terminal")
    for resource in (south.audience, south.audience[:-1] + "0"):
        asked = (await ask(browser.http, tablet, resource)).json()
        refused = await type_code(browser, asked["user_code"], decision="allow")
        assert refused.status_code == 403 and "South" not in refused.text
    asked = (await ask(browser.http, tablet, north.audience)).json()
    await type_code(browser, asked["user_code"], decision="deny")
    assert (await poll(browser.http, tablet, asked["device_code"])).json()["error"] == "access_denied"
    late = (await ask(browser.http, tablet, north.audience)).json()
    await DeviceRequest.objects.aupdate(expires=timezone.now())
    assert (await type_code(browser, late["user_code"], decision="allow")).status_code == 400
    assert (await poll(browser.http, tablet, late["device_code"])).json()["error"] == "expired_token"
    for _ in range(10):
        assert (await ask(browser.http, tablet, north.audience)).status_code == 200
    assert (await ask(browser.http, tablet, north.audience)).status_code == 429


def answer_of_code_flow(response):
    """Refused, whether here or by sending back."""
    return response.status_code == 400 or answer_of(response)["error"] == "unauthorized_client"
