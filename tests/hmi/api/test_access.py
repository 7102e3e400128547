"""A refused token says why to whoever holds it, and says nothing else."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone
from oauth2_provider.models import AccessToken

from accounts.oauth.authorizations import checksum
from hmi.sites.models import Site
from tests.hmi.api.conftest import amake_token
from tests.hmi.live.people import agive, amake_person
from tests.support.oauth_client import bearer

LIVE = frozenset({"status:read", "data:live"})


async def detail_of(api, token: str, status: int, address: str = "/sites") -> str:
    answer = await api.get(address, headers=bearer(token))
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert token not in answer.text
    return answer.json()["detail"]


async def test_missing_scope_names_who_can_mend_it(api, terminal, alice):
    otto = await amake_person("otto")
    await agive(otto, "auditor", terminal.site)
    lacking = await detail_of(api, await amake_token(otto, terminal.site, LIVE), 403, "/sites/north/readings")
    assert "It is not in the role auditor at North Terminal: the person has to ask for access" in lacking
    narrow = await amake_token(alice, terminal.site, frozenset({"status:read"}))
    unasked = await detail_of(api, narrow, 403, "/sites/north/readings")
    assert "Ask for it when you ask for the token" in unasked


async def test_expired_ended_and_unknown_are_told_apart(api, terminal, alice):
    token = await amake_token(alice, terminal.site, LIVE)
    rows = AccessToken.objects.filter(token_checksum=checksum(token))
    moment = timezone.now() - dt.timedelta(days=2)
    assert await rows.aupdate(expires=moment) == 1
    assert (await detail_of(api, token, 401)).startswith(f"It expired at {moment:%Y-%m-%d %H:%M} UTC.")
    assert (await detail_of(api, "unknown" * 4, 401)).startswith("It is unknown, or was ended.")
    other = await amake_token(alice, terminal.site, LIVE)
    await Site.objects.filter(slug="north").aupdate(enabled=False)  # past the application: nothing hears of it
    assert (await detail_of(api, other, 401)).startswith("North Terminal was switched off.")
    assert (await detail_of(api, other, 401)).startswith("It is unknown, or was ended.")
