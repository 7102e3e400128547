"""The authorization endpoint over real HTTP: code with PKCE S256, one site, and every way to be refused."""

from __future__ import annotations

import httpx
from asgiref.sync import sync_to_async

from accounts.audit.models import Event
from accounts.first_party import first_party_application
from accounts.oauth.models import SiteAuthorization
from tests.hmi.live.people import agive, amake_person, amake_site
from tests.support.oauth_client import (
    REDIRECT,
    Browser,
    Pkce,
    answer_of,
    aregister,
    authorize_address,
    bearer,
    exchange,
    get_token,
)

SOUTH = "South Terminal"


async def events(tag):
    return [event async for event in Event.objects.filter(tag=tag)]


async def test_a_person_lets_an_application_look_at_one_site(browser, north, alice):
    application, pkce = await aregister("native"), Pkce()
    address = authorize_address(application, north.audience, pkce, scope="status:read data:live alarm:read")
    page = await browser.http.get(address)
    assert page.status_code == 200
    for words in ("Report server", "North Terminal", "See live values", "reports.example.com", "alice"):
        assert words in page.text
    assert "form-action 'self' https://reports.example.com" in page.headers["content-security-policy"]
    back = await browser.post(address, page, decision="allow")
    answer = answer_of(back)
    assert back.headers["location"].startswith(REDIRECT + "?")
    assert answer["state"] == "xyz" and answer["iss"] == browser.origin
    response = await exchange(browser.http, application, answer["code"], pkce)
    token = response.json()
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert token["expires_in"] == 300 and token["token_type"] == "Bearer"
    assert token["scope"] == "status:read data:live alarm:read"
    sites = await browser.http.get("/api/v1/sites", headers=bearer(token["access_token"]))
    assert [site["slug"] for site in sites.json()["items"]] == ["north"]
    assert len(await events("token:oauth:consented")) == len(await events("token:oauth:issued")) == 1
    stored = await SiteAuthorization.objects.aget()
    assert stored.redeemed_at is not None and stored.grant_id == alice.north.pk


async def test_scopes_are_cut_to_what_the_role_holds(browser, north, origin):
    auditor = await amake_person("otto")
    await agive(auditor, "auditor", north)
    other = await Browser(origin).sign_in(auditor)
    application = await aregister("native")
    token = await get_token(other, application, north.audience, "status:read data:live data:history")
    assert token["scope"] == "status:read"
    nothing = answer_of(await other.allow(application, north.audience, Pkce(), scope="data:live"))
    assert nothing["error"] == "invalid_scope" and nothing["iss"] == origin
    await other.close()
    root = await Browser(origin).sign_in(await amake_person("root", is_superuser=True, is_staff=True))
    assert answer_of(await root.allow(application, north.audience, Pkce()))["error"] == "invalid_target"
    await root.close()


SENT_BACK = [
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"resource": None}, "invalid_target"),
    ({"resource": "https://hmi.example.com/sites/nowhere"}, "invalid_target"),
    ({"resource": "https://hmi.example.com"}, "invalid_target"),
    ({"scope": "setpoint:write"}, "invalid_scope"),
    ({"scope": "status:read alarm:ack"}, "invalid_scope"),
    ({"scope": ""}, "invalid_scope"),
    ({"response_type": "token"}, "unauthorized_client"),
    ({"response_type": "none"}, "unauthorized_client"),
]


async def test_a_request_that_asks_for_too_much_or_too_little_is_sent_back(browser, north):
    application = await aregister("native")
    for changes, error in SENT_BACK:
        answer = answer_of(await browser.allow(application, north.audience, Pkce(), **changes))
        assert answer["error"] == error, changes
        assert answer["state"] == "xyz" and answer["iss"] == browser.origin and "code" not in answer
    address = authorize_address(application, north.audience, Pkce())
    twice = answer_of(await browser.http.get(f"{address}&resource={north.audience}"))
    assert twice["error"] == "invalid_target"
    south = await amake_site("south", SOUTH)
    foreign = answer_of(await browser.allow(application, south.audience, Pkce()))
    unknown = answer_of(await browser.allow(application, south.audience[:-1] + "0", Pkce()))
    assert foreign == unknown and foreign["error"] == "invalid_target"
    assert SOUTH not in str(foreign)


NOT_EXACTLY_REGISTERED = [
    "https://reports.example.com/callback/",
    "https://REPORTS.example.com/callback",
    "HTTPS://reports.example.com/callback",
    "https://reports.example.com:443/callback",
    "https://reports.example.com:/callback",
    "https://reports.example.com./callback",
    "https://reports.example.com/callback?",
    "https://reports.example.com/callback#",
    "https://reports.example.com/callback;a",
    "https://reports.example.com/callback\n",
    "https://reports.example.com/callback ",
    " https://reports.example.com/callback",
    "https://reports.example.com/call\tback",
    "https://reports.example.com/./callback",
    "https://reports.example.com/a/../callback",
    "https://reports.example.com//callback",
    "https://reports.example.com/%63allback",
    "https://reports.example.com\\@evil.example/callback",
    "https://user@reports.example.com/callback",
    "https://reports.example.com.evil.example/callback",
    "//reports.example.com/callback",
]

NEVER_REDIRECTED = [
    *({"redirect_uri": uri} for uri in NOT_EXACTLY_REGISTERED),
    {"redirect_uri": "https://evil.example.com/callback"},
    {"redirect_uri": REDIRECT + "/more"},
    {"redirect_uri": REDIRECT + "?a=b"},
    {"redirect_uri": "http://reports.example.com/callback"},
    {"client_id": "nobody"},
    {"client_id": "sightline-hmi"},
    {"client_id": None},
    {"scope": "status:read " * 500},
]


async def test_a_request_of_nobody_known_is_answered_here_and_never_redirected(browser, north):
    await sync_to_async(first_party_application)()
    application = await aregister("native")
    for changes in NEVER_REDIRECTED:
        page = await browser.allow(application, north.audience, Pkce(), **changes)
        assert page.status_code == 400 and "location" not in page.headers, changes
        assert "cannot be answered" in page.text


async def test_only_the_person_decides_and_each_time_anew(browser, north):
    application = await aregister("native")
    address = authorize_address(application, north.audience, Pkce())
    async with httpx.AsyncClient(base_url=browser.origin) as stranger:
        page = await stranger.get(address)
        assert page.status_code == 302 and page.headers["location"].startswith("/sign-in/?next=/oauth/authorize/")
    forged = await browser.http.post(address, data={"decision": "allow"}, headers={"Origin": "https://evil.example"})
    assert forged.status_code == 403
    page = await browser.http.get(address)
    answer = answer_of(await browser.post(address, page, decision="deny"))
    assert answer == {"error": "access_denied", "state": "xyz", "iss": browser.origin}
    assert not await SiteAuthorization.objects.aexists()
    assert [event.result for event in await events("token:oauth:not-consented")] == ["refused"]
    await get_token(browser, application, north.audience)
    again = authorize_address(application, north.audience, Pkce(), approval_prompt="auto", prompt="none")
    page = await browser.http.get(again)
    assert page.status_code == 200 and "Allow" in page.text
    # RFC 8252, 7.3: an app on this device listens at whatever port it gets.
    application.redirect_uris = "http://127.0.0.1/done"
    await application.asave()
    answered = await browser.allow(application, north.audience, Pkce(), redirect_uri="http://127.0.0.1:49152/done")
    assert answered.headers["location"].startswith("http://127.0.0.1:49152/done?")
    refused = await browser.allow(application, north.audience, Pkce(), redirect_uri="http://localhost:49152/done")
    assert refused.status_code == 400


async def test_the_persons_own_page_lists_and_ends_it(browser, north, alice):
    token = await get_token(browser, await aregister("native"), north.audience)
    page = await browser.http.get("/oauth/")
    assert "Report server at North Terminal" in page.text and north.audience in page.text
    row = await SiteAuthorization.objects.aget()
    bob = await Browser(browser.origin).sign_in(await amake_person("bob"))
    theirs = await bob.http.get("/oauth/device/")
    assert (await bob.post(f"/oauth/{row.pk}/end/", theirs)).status_code == 404
    await bob.close()
    assert (await browser.post(f"/oauth/{row.pk}/end/", page)).status_code == 303
    gone = await browser.http.get("/api/v1/sites", headers=bearer(token["access_token"]))
    assert gone.status_code == 401
    assert "There is none." in (await browser.http.get("/oauth/")).text
    assert [event.actor for event in await events("token:oauth:revoked")] == [str(alice.subject)]
