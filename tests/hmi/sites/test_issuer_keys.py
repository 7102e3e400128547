"""Rotating the issuer's key while a site is in use: nothing is lost, the old key ends in time, nobody visits it."""

from __future__ import annotations

import asyncio
import json
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command
from joserfc import jws

from accounts.audit.models import Event
from accounts.issuer import load_ring, rotate
from hmi.sites.conduit_info import aget_conduit_info
from hmi.sites.errors import SiteRefused
from hmi.sites.gateway import Gateway
from hmi.sites.issuer_keys import announce_keys
from hmi.sites.site_session import SiteSession
from hmi.sites.tokens import asite_token_for
from relay_bridge.agent.clock import Clock
from relay_bridge.contract.messages import Keys, KeysAnswer, Read, ReadAnswer
from tests.hmi.sites.running_site import RunningSite, access_of

pytestmark = pytest.mark.django_db(transaction=True)
LEVEL = "TK-101.level"


class MovableClock(Clock):
    """The agent's clock, ``ahead`` seconds ahead of the web app's."""

    ahead = 0.0

    def wall(self) -> float:
        return time.time() + self.ahead


def key_file(running: RunningSite) -> Path:
    return running.folder / "trust" / "issuer.jwks.json"


async def open_session(running: RunningSite) -> SiteSession:
    return await SiteSession.open(await aget_conduit_info(running.site.id))


async def read_once(session: SiteSession, access: Any, handle: int | None = None) -> int:
    """A freshly minted token, presented, and a read under it; answers the handle."""
    answer = await session.authenticate(await asite_token_for(access, {"data:live"}), renew=handle)
    read = await session.call("read", Read(tags=[LEVEL]), ReadAnswer, handle=answer.a)
    assert read.d[0][0] == LEVEL
    return answer.a


async def test_rotation_under_load_loses_no_request(running: RunningSite, alice: Any, bridge: Any) -> None:
    access = await access_of(alice, running, "field-operator")
    sessions = [await open_session(running) for _ in range(3)]
    done, stop = 0, asyncio.Event()

    async def load(session: SiteSession) -> None:
        nonlocal done
        handle = None
        while not stop.is_set():
            handle = await read_once(session, access, handle)
            done += 1

    async with asyncio.TaskGroup() as group:  # the first request that fails fails the test
        for session in sessions:
            group.create_task(load(session))
        for turn in range(3):
            before = done
            await sync_to_async(rotate)(bridge.signing_key, time.time(), algorithm=["ES256", "Ed25519"][turn % 2])
            async with asyncio.timeout(10):
                while done < before + 12:
                    await asyncio.sleep(0.01)
        stop.set()
    ring = load_ring(bridge.signing_key)
    pinned = json.loads(key_file(running).read_text())
    assert (pinned["sequence"], pinned["keys"][0]["kid"], len(pinned["keys"])) == (3, ring.signing.kid, 4)
    assert done >= 36
    await asyncio.gather(*(session.close() for session in sessions))


async def test_pages_go_on_over_a_rotation_and_a_restart(
    running: RunningSite, alice: Any, bob: Any, gateway: Gateway, bridge: Any
) -> None:
    access = await access_of(alice, running)
    assert (await gateway.read(access, [LEVEL]))[LEVEL].value == 12.345
    await sync_to_async(rotate)(bridge.signing_key, time.time())
    assert await gateway.read(access, [LEVEL])  # under the token of before: it is good for the overlap
    assert await gateway.read(await access_of(bob, running), [LEVEL])  # a new token, signed with the new key
    await running.stop_agent()
    await running.start_agent()
    assert await gateway.read(access, [LEVEL])
    assert running.agent is not None
    assert running.agent.site.token_keys.stamp == load_ring(bridge.signing_key).stamp


async def test_token_of_the_retired_key_is_refused_after_the_overlap(
    running: RunningSite, alice: Any, bridge: Any, caplog: pytest.LogCaptureFixture
) -> None:
    clock = MovableClock()
    await running.stop_agent()
    await running.start_agent(clock=clock)
    access = await access_of(alice, running)
    session = await open_session(running)
    old = load_ring(bridge.signing_key).signing
    template = await asite_token_for(access, {"data:live"})
    await sync_to_async(rotate)(bridge.signing_key, time.time(), overlap=1)
    await read_once(session, access)

    def by_the_old_key(number: int) -> str:
        """What a thief of the old key would sign, by the agent's own clock."""
        verified = jws.deserialize_compact(template, old, algorithms=["Ed25519"])
        now = int(clock.wall())
        claims = json.loads(verified.payload) | {"iat": now, "nbf": now, "exp": now + 120, "jti": f"late-{number}"}
        return jws.serialize_compact(verified.headers(), json.dumps(claims).encode(), old, ["Ed25519"])

    clock.ahead = 3600 - 5
    await session.authenticate(by_the_old_key(1))
    clock.ahead = 3600 + 1
    with pytest.raises(SiteRefused, match="did not accept"):
        await session.authenticate(by_the_old_key(2))
    assert "(key-retired)" in caplog.text
    await session.close()


async def test_site_that_was_away_for_a_whole_rotation_recovers_with_the_file(
    running: RunningSite, alice: Any, gateway: Gateway, bridge: Any, caplog: pytest.LogCaptureFixture
) -> None:
    access = await access_of(alice, running)
    await running.stop_agent()
    await sync_to_async(rotate)(bridge.signing_key, time.time() - 7200, overlap=1)
    await running.start_agent()
    with pytest.raises(SiteRefused, match="did not accept"):
        await gateway.read(access, [LEVEL])
    assert "manage.py issuer_keys" in caplog.text
    told = await announce_keys([running.site])
    assert "trusts none" in told[0].trouble

    out = StringIO()
    await sync_to_async(call_command)("issuer_keys", stdout=out)
    key_file(running).write_text(out.getvalue())  # what the documentation says to do; no restart
    async with asyncio.timeout(5):
        while (await announce_keys([running.site]))[0].trouble:
            await asyncio.sleep(0.2)
    assert await gateway.read(access, [LEVEL])


async def test_keys_are_announced_to_every_site_by_one_command(running: RunningSite, bridge: Any) -> None:
    await sync_to_async(rotate)(bridge.signing_key, time.time())
    out = StringIO()
    await sync_to_async(call_command, thread_sensitive=False)("announce_issuer_keys", stdout=out)
    assert "north: has the present keys" in out.getvalue()
    assert json.loads(key_file(running).read_text())["keys"][0]["kid"] == load_ring(bridge.signing_key).signing.kid
    await running.stop_agent()
    with pytest.raises(CommandError, match="1 of 1 sites could not be told"):
        await sync_to_async(call_command, thread_sensitive=False)("announce_issuer_keys", stdout=out)
    results = [event.result async for event in Event.objects.filter(tag="issuer:key:announced").order_by("seq")]
    assert results == ["done", "failed"]


async def test_statement_of_somebody_else_changes_nothing_and_says_little(running: RunningSite, bridge: Any) -> None:
    session = await open_session(running)
    before = key_file(running).read_bytes()
    with pytest.raises(SiteRefused) as refused:
        await session.call("keys", Keys(statement="eyJ0eXAi.e30.AAAA"), KeysAnswer)
    assert refused.value.message == "The site did not accept these keys; its log says why."
    answer = await session.call("keys", Keys(), KeysAnswer)
    assert (answer.kids, answer.sequence) == ([load_ring(bridge.signing_key).signing.kid], 0)
    assert key_file(running).read_bytes() == before
    await session.close()
