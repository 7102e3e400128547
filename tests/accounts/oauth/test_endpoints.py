"""Revocation, introspection, metadata, and the shape of every request that programs send."""

from __future__ import annotations

from oauth2_provider.models import Application

from accounts.audit.models import Event
from accounts.first_party import open_access_token
from accounts.oauth.endpoints import FORM
from accounts.oauth.models import SiteAuthorization
from relay_bridge.contract.scopes import SCOPES
from tests.hmi.live.people import agive
from tests.support.oauth_client import DEVICE, Pkce, answer_of, aregister, bearer, exchange, get_token, token


async def test_a_token_given_back_is_over_at_once_and_only_its_own_client_can_give_it(browser, north):
    application, other = await aregister("native"), await aregister("native", "Other app")
    issued = await get_token(browser, application, north.audience)

    async def give_back(client, text, **more):
        return await browser.http.post("/oauth/revoke/", data={"client_id": client.client_id, "token": text, **more})

    assert (await give_back(other, issued["access_token"])).status_code == 200
    assert (await give_back(application, "unknown")).status_code == 200
    headers = bearer(issued["access_token"])
    assert (await browser.http.get("/api/v1/sites", headers=headers)).status_code == 200
    assert (await give_back(application, issued["refresh_token"], token_type_hint="access_token")).status_code == 200
    assert (await browser.http.get("/api/v1/sites", headers=headers)).status_code == 401
    assert (await SiteAuthorization.objects.aget()).ended_because == "The application gave it back."
    again = await token(
        browser.http, grant_type="refresh_token", client_id=application.client_id,
        refresh_token=issued["refresh_token"],
    )  # fmt: skip
    assert again.json()["error"] == "invalid_grant"
    assert [event.subject async for event in Event.objects.filter(tag="token:oauth:revoked")] == [application.client_id]


async def test_a_client_with_a_secret_may_ask_about_its_own_tokens(browser, north, alice):
    web, pkce = await aregister("web", secret="of the web application"), Pkce()
    code = answer_of(await browser.allow(web, north.audience, pkce))["code"]
    auth = (web.client_id, "of the web application")
    issued = (await exchange(browser.http, web, code, pkce, client_secret=auth[1])).json()

    async def ask(text, auth=None, **more):
        return await browser.http.post("/oauth/introspect/", data={"token": text, **more}, auth=auth)

    known = (await ask(issued["access_token"], auth)).json()
    assert known["active"] and known["aud"] == [north.audience] and known["sub"] == str(alice.subject)
    assert known["scope"] == "status:read data:live" and known["iss"] == browser.origin and "username" not in known
    service = await aregister("service", "Other program", secret="of the program")
    await agive(service.user, "viewer", north)
    other = (service.client_id, "of the program")
    assert (await ask(issued["access_token"], other)).json() == {"active": False}
    assert (await ask(issued["refresh_token"], auth)).json() == {"active": False}
    tablet = await aregister("tablet")
    # The toolkit itself takes these for an authenticated client.
    trick = await ask(issued["access_token"], client_id=tablet.client_id, grant_type=DEVICE)
    assert trick.status_code == 401 and trick.json()["error"] == "invalid_client"
    assert (await ask(issued["access_token"], client_id=web.client_id)).status_code == 401
    bearer_only = await browser.http.post(
        "/oauth/introspect/", data={"token": issued["access_token"]}, headers=bearer(issued["access_token"])
    )
    assert bearer_only.status_code == 401
    alice.north.reason = "changed"
    await alice.north.asave()
    assert (await ask(issued["access_token"], auth)).json() == {"active": False}


async def test_requests_that_no_program_should_send_are_refused(browser, north):
    application = await aregister("native")
    http = browser.http
    for address in ("/oauth/token/", "/oauth/revoke/", "/oauth/introspect/", "/oauth/device-authorization/"):
        assert (await http.get(address)).status_code == 405
        assert (await http.post(f"{address}?token=x", data={"a": "b"})).status_code == 400
        assert (await http.post(address, json={"grant_type": "refresh_token"})).status_code == 400
        long = await http.post(address, data={"token": "x" * 20_000})
        assert long.status_code == 413
        twice = "client_id=a&client_id=b&grant_type=refresh_token&token=x"
        answer = await http.post(address, content=twice, headers={"Content-Type": FORM})
        assert answer.status_code == 400 and answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers and "set-cookie" not in answer.headers
    # The web app's own application and its rows open nothing here.
    row = await _first_party_row(north)
    assert row.application.client_id == "sightline-hmi"
    for form in (
        {"grant_type": "client_credentials", "client_id": "sightline-hmi", "client_secret": "", "scope": "status:read"},
        {"grant_type": "refresh_token", "client_id": "sightline-hmi", "refresh_token": ""},
    ):
        assert (await token(http, **form, resource=north.audience)).json()["error"] in {
            "invalid_client",
            "invalid_request",
        }
    assert application.client_id


async def test_the_metadata_name_what_is_served_and_nothing_else(browser):
    server = (await browser.http.get("/.well-known/oauth-authorization-server")).json()
    assert server["issuer"] == browser.origin
    assert server["response_types_supported"] == ["code"]
    assert server["code_challenge_methods_supported"] == ["S256"]
    assert set(server["grant_types_supported"]) == {
        "authorization_code", "client_credentials", "refresh_token", DEVICE,
    }  # fmt: skip
    assert set(server["scopes_supported"]) <= SCOPES.keys() and server["authorization_response_iss_parameter_supported"]
    for name, address in server.items():
        if name.endswith("_endpoint"):
            assert (await browser.http.options(address)).status_code in {302, 405}, name
    api = (await browser.http.get("/.well-known/oauth-protected-resource/api/v1")).json()
    assert api["resource"] == f"{browser.origin}/api/v1" and api["authorization_servers"] == [browser.origin]
    assert api["bearer_methods_supported"] == ["header"]
    challenge = (await browser.http.get("/api/v1/sites")).headers["www-authenticate"]
    assert f'resource_metadata="{browser.origin}/.well-known/oauth-protected-resource/api/v1"' in challenge


async def _first_party_row(north):
    from asgiref.sync import sync_to_async  # noqa: PLC0415
    from django.contrib.auth import get_user_model  # noqa: PLC0415

    user = await get_user_model().objects.aget(username="alice")
    now = __import__("time").time()
    row = await sync_to_async(open_access_token)(user, resource=north.audience, scopes=["status:read"], now=now)
    row.application = await Application.objects.aget(pk=row.application_id)
    return row


async def test_what_a_stranger_calls_a_grant_type_or_a_client_is_refused_and_not_kept(browser):
    """The trail refuses facts that look like keys, loudly: a stranger must not reach that, nor a NUL the database."""
    like_a_key = "eyJhbGciOiJFZDI1NTE5In0.eyJzdWIiOiJhbGljZSJ9.AAAA" + "aB3" * 12
    refused = await token(browser.http, grant_type=like_a_key, client_id=like_a_key)
    assert (refused.status_code, refused.json()["error"]) == (400, "unsupported_grant_type")
    for name in ("a\x00b", "a\nb", "\ud83d".encode("utf-8", "surrogatepass").decode("utf-8", "replace"), "x" * 500):
        auth = (name, "secret")
        assert (await token(browser.http, auth, grant_type="client_credentials")).status_code == 401
        assert (await browser.http.post("/oauth/introspect/", data={"token": "x"}, auth=auth)).status_code == 401
    kept = [event.facts + event.subject async for event in Event.objects.filter(tag="token:oauth:refused")]
    assert len(kept) == 9 and not any("eyJ" in text or "x" * 50 in text for text in kept)
