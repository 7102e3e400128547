"""Sites, assets and readings from a running site, as an application sees them."""

from __future__ import annotations

import datetime as dt
import json

import httpx
from asgiref.sync import sync_to_async

from accounts.audit.models import Event
from relay_bridge.contract.readings import UNCERTAIN_LAST_USABLE_VALUE
from tests.hmi.api.conftest import amake_token
from tests.hmi.live.people import agive, amake_person, amake_site, asign_in
from tests.support.oauth_client import bearer


async def test_an_application_reads_site_assets_and_values(api, terminal, alice):
    sites = (await api.get("/sites")).json()
    assert sites["next_cursor"] is None
    (site,) = sites["items"]
    assert (site["slug"], site["name"], site["resource"]) == ("north", "North Terminal", terminal.site.audience)
    assert site["role"] == "field operator"
    assert site["scopes"] == ["status:read", "data:live", "data:history", "alarm:read"], "writing is never lent"
    assert (await api.get(f"/sites/{site['id']}")).json()["link"]["state"] in {"connecting", "live"}
    page = await api.get("/sites/north/assets", params={"limit": 1})
    first = page.json()
    assert [asset["id"] for asset in first["items"]] == ["TK-101"]
    level = next(tag for tag in first["items"][0]["tags"] if tag["quantity"] == "level")
    assert level["id"] == "TK-101.level" and level["limits"]["high_high"] == 14.0
    second = (await api.get("/sites/north/assets", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [asset["id"] for asset in second["items"]] == ["TK-102"] and second["next_cursor"] is None
    assert (await api.get("/sites/north/assets", params={"kind": "pump"})).json()["items"] == []
    assert len((await api.get("/sites/north/assets", params={"area": "North farm"})).json()["items"]) == 2
    etag = page.headers["etag"]
    same = await api.get("/sites/north/assets", params={"limit": 1}, headers={"If-None-Match": f'"x", {etag}'})
    assert same.status_code == 304 and same.content == b"" and same.headers["etag"] == etag
    assert (await api.get("/sites/north/assets/TK-101")).json()["area"] == "North farm"

    terminal.set("TK-101.level", 7.25)
    for query in ({"tag": "TK-101.level", "fresh": "true"}, {"asset": "TK-101", "fresh": "true"}):
        answer = (await api.get("/sites/north/readings", params=query)).json()
        reading = next(item for item in answer["items"] if item["tag"] == "TK-101.level")
        assert reading["value"] == 7.25 and reading["unit"] == "m" and reading["stale"] is False
        assert reading["quality"] == {"status": "good", "code": 0, "text": ""}
        assert abs(dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(reading["time"])) < dt.timedelta(seconds=30)
        assert answer["origin"] == "site" and answer["trouble"] == ""
    pages, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        answer = (await api.get("/sites/north/readings", params=query)).json()
        pages += answer["items"]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert len(pages) == len({item["tag"] for item in pages}) >= 4
    terminal.set("TK-102.level", 5.0, UNCERTAIN_LAST_USABLE_VALUE)
    old = (await api.get("/sites/north/readings?tag=TK-102.level&fresh=true")).json()["items"][0]
    assert old["stale"] and old["quality"]["status"] == "uncertain" and old["quality"]["text"] == "last usable value"

    unserved = await api.get("/sites/north/alarms")
    assert unserved.status_code == 501 and unserved.headers["content-type"] == "application/problem+json"
    assert unserved.json()["title"] == "Not served by this site yet"
    assert "The agent at North Terminal does not serve" in unserved.json()["detail"]

    await terminal.stop_agent()
    silent = await api.get("/sites/north/readings?tag=TK-101.level")
    assert silent.status_code == 503 and silent.json()["type"] == "urn:sightline:problem:site-unreachable"
    assert "North Terminal cannot be reached" in silent.json()["detail"] and silent.headers["retry-after"] == "5"
    assert (await api.get("/sites/north/alarms")).status_code == 503
    assert (await api.get("/sites/north/assets")).status_code == 200, "names do not go stale"


async def test_nothing_but_a_token_opens_it_and_only_for_its_own_site_and_scopes(api, terminal, alice, settings):
    await amake_site("south", "South Terminal")
    origin = str(api.base_url).removesuffix("/api/v1/")
    for address in (
        "/sites/south", "/sites/south/assets", "/sites/nowhere/readings", "/sites/NORTH", "/sites/north/assets/TK-999",
        "/sites/north/readings?tag=TK-999.level", "/sites/north/readings?asset=TK-999",
        "/sites/north/readings?tag=TK-101.level&asset=TK-102", "/nothing", "/sites/",
    ):  # fmt: skip
        answer = await api.get(address)
        assert answer.status_code == 404, address
        assert answer.json()["type"] == "urn:sightline:problem:not-found"
    for cursor in ("zzz", "", "WyJzaXRlcyIsMF0", "WyJhc3NldHMiLDFd", "=" * 9, "a" * 300):
        assert (await api.get("/sites", params={"cursor": cursor})).json()["title"] == "There is no such page"
    for address in (
        "/sites?limit=0", "/sites?limit=201", "/sites?limit=1.5", "/sites?limit=", "/sites?page=2",
        "/sites?limit=1&limit=2", "/sites/north/assets?kind=ship", "/sites/north/assets?area=",
        "/sites/north/readings?fresh=yes", "/sites/north/readings?tag=a%20b", "/sites/north/readings?tag=",
        "/sites/north/assets/a%20b",
        "/sites/north/readings?" + "&".join(f"tag=t{n}" for n in range(201)),
    ):  # fmt: skip
        assert (await api.get(address)).status_code == 400, address
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        refused = await api.request(method, "/sites")
        assert refused.status_code == 405 and refused.headers["allow"] == "GET, HEAD"
        assert "access-control-allow-origin" not in refused.headers
    head = await api.head("/sites")
    assert head.status_code == 200 and head.content == b""
    # A signed-in person's cookie, a token in the address, another scheme: nothing.
    session = await asign_in(alice)
    token = api.headers["authorization"].removeprefix("Bearer ")
    async with httpx.AsyncClient(base_url=origin) as other:
        other.cookies.set(settings.SESSION_COOKIE_NAME, session.session_key)
        for address, headers in (
            ("/api/v1/sites", {}),
            (f"/api/v1/sites?access_token={token}", {}),
            ("/api/v1/sites", {"Authorization": f"Token {token}"}),
            ("/api/v1/sites", {"Authorization": f"Bearer {token} x"}),
            ("/api/v1/sites", bearer(token[:-1])),
            ("/api/v1/nothing", {}),
        ):
            refused = await other.get(address, headers=headers)
            assert refused.status_code == 401, (address, headers)
            assert refused.headers["www-authenticate"].startswith('Bearer realm="Sightline"')
            assert refused.headers["content-type"] == "application/problem+json"
            assert token not in refused.text and "set-cookie" not in refused.headers
        assert 'error="invalid_token"' in refused.headers["www-authenticate"] or not headers
        # The role lends no live values; the token asked for the name of the site only.
        otto = await amake_person("otto")
        await agive(otto, "auditor", terminal.site)
        for scopes in (frozenset({"status:read"}), frozenset({"status:read", "data:live"})):
            narrow = await amake_token(otto if "data:live" in scopes else alice, terminal.site, scopes)
            assert (await other.get("/api/v1/sites/north", headers=bearer(narrow))).status_code == 200
            refused = await other.get("/api/v1/sites/north/readings", headers=bearer(narrow))
            assert refused.status_code == 403
            assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
            assert 'scope="data:live"' in refused.headers["www-authenticate"]
        await sync_to_async(alice.north.revoke)()
        assert (await api.get("/sites")).status_code == 401


async def test_refusals_of_authority_are_recorded(api, terminal, alice):
    await amake_site("south", "South Terminal")
    token = api.headers["authorization"].removeprefix("Bearer ")
    await api.get("/sites/south")
    await api.get("/sites/north", headers=bearer(token[:-1]))
    narrow = await amake_token(alice, terminal.site, frozenset({"status:read"}))
    await api.get("/sites/north/readings", headers=bearer(narrow))
    events = [event async for event in Event.objects.filter(tag="api:request:refused").order_by("seq")]
    assert [json.loads(event.facts)["problem"] for event in events] == [
        "not-found",
        "invalid-token",
        "insufficient-scope",
    ]
    assert [event.site for event in events] == ["north", "", "north"]
    assert not any(token in str(vars(event)) or narrow in str(vars(event)) for event in events)


async def test_limits_say_when_to_ask_again(api, settings, origin):
    for _ in range(60):
        last = await api.get("/sites")
        if last.status_code == 429:
            break
    assert last.status_code == 200, "half a minute's requests may come at once"
    for _ in range(20):  # a slow machine earns some requests meanwhile, but fresh ones cost more than it can earn
        refused = await api.get("/sites/north/readings?fresh=true")
        if refused.status_code == 429:
            break
    assert refused.status_code == 429 and 1 <= int(refused.headers["retry-after"]) <= 5
    assert refused.json()["type"] == "urn:sightline:problem:too-many-requests"
    async with httpx.AsyncClient(base_url=origin) as stranger:
        answers = [(await stranger.get("/api/v1/sites")).status_code for _ in range(31)]
    assert set(answers[:30]) == {401} and answers[30] == 429
