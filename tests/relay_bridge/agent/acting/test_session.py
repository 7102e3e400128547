"""Acting over a real session: tokens that are good once, an outcome that another session can ask for, the catalog."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from relay_bridge.agent.replay_store import ReplayStore
from relay_bridge.contract.acting import ActAnswer, Cmd, Trace, TraceAnswer, Write, Wstat
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import CatalogAnswer, CatalogQuery, Empty
from tests.relay_bridge.agent.acting.support import OPEN_HEAD, PLANT, WRITES, cmd, events, new_key, write
from tests.relay_bridge.agent.conftest import RunningSite, Serve
from tests.relay_bridge.agent.support import SiteFolder, WebApp

READER = "data:live status:read"


@asynccontextmanager
async def acting(site: SiteFolder, serve: Serve) -> AsyncIterator[RunningSite]:
    """A running site whose entries are all open."""
    site.configure(PLANT, WRITES, head=OPEN_HEAD)
    memory = ReplayStore(site.folder / "state/admission.sqlite3")  # as if the agent had run before
    memory.open()
    memory.close()
    async with serve() as running:
        async with asyncio.timeout(5):
            while len(running.agent.site.acting.openings.rows()) < 2:
                await asyncio.sleep(0.01)
        yield running


def token(site: SiteFolder, request: Write | Cmd, **other: Any) -> str:
    now = int(time.time())
    if isinstance(request, Write):
        change = {"type": "setpoint", "tag": request.tag, "value": request.v, "unit": request.unit}
        scope = "setpoint:write"
    else:
        change = {"type": "command", "tag": request.id, "value": True, "unit": ""}
        scope = "command:execute"
    detail = change | {"expected": request.exp, "valid_until": now + 20}
    claims = {"scope": scope, "life": 30, "authorization_details": [detail], "acr": "mfa", "auth_time": now - 5}
    return site.token(**(claims | other))


async def act(web_app: WebApp, site: SiteFolder, request: Write | Cmd, **other: Any) -> ActAnswer:
    handle = (await web_app.auth(token(site, request, **other))).a
    return await web_app.call("write" if isinstance(request, Write) else "cmd", ActAnswer, request, handle)


async def test_write_and_what_became_of_it(site: SiteFolder, serve: Serve) -> None:
    async with acting(site, serve) as running:
        clock = running.agent.site.clock
        web_app = await running.web_app()
        request = write(clock, why="level is low")
        answer = await act(web_app, site, request)
        assert (answer.res, answer.before, answer.after) == ("done", 60.0, 70.0)
        command = cmd(clock)
        assert (await act(web_app, site, command)).res == "done"
        assert running.driver.effects == [("P-101.sp", 70.0), ("P-101.run=true", None)]

        other, handle = await running.signed_in(scope=READER)  # the same person on another phone
        assert await other.call("wstat", ActAnswer, Wstat(key=request.key), handle) == answer
        rows = (await other.call("trace", TraceAnswer, Trace(max=5), handle)).rows
        assert [(row.what, row.target, row.res, row.why) for row in rows] == [
            ("cmd", "P-101.start", "done", ""), ("write", "P-101.sp", "done", "level is low")
        ]  # fmt: skip
        with pytest.raises(RequestRefused, match="not_found"):
            await other.call("wstat", ActAnswer, Wstat(key=new_key()), handle)
        stranger = (await other.auth(site.token(scope=READER, sub="somebody else"))).a
        with pytest.raises(RequestRefused, match="role"):
            await other.call("wstat", ActAnswer, Wstat(key=request.key), stranger)
        assert not (await other.call("trace", TraceAnswer, Trace(), stranger)).rows


async def test_token_is_good_for_one_call(site: SiteFolder, serve: Serve) -> None:
    async with acting(site, serve) as running:
        web_app = await running.web_app()
        request = write(running.agent.site.clock)
        text = token(site, request)
        handle = (await web_app.auth(text)).a
        await web_app.call("write", ActAnswer, request, handle)
        with pytest.raises(RequestRefused, match="auth"):
            await web_app.call("write", ActAnswer, request, handle)
        with pytest.raises(RequestRefused, match="auth"):
            await web_app.auth(text)
        assert len(running.driver.effects) == 1
        reader = (await web_app.auth(site.token(scope=READER))).a
        for method, parameters in (("write", request), ("cmd", cmd(running.agent.site.clock))):
            with pytest.raises(RequestRefused, match="role"):
                await web_app.call(method, ActAnswer, parameters, reader)
        with pytest.raises(RequestRefused, match="role"):  # a token for a setpoint commands nothing
            other = write(running.agent.site.clock)
            handle = (await web_app.auth(token(site, other))).a
            await web_app.call("cmd", ActAnswer, cmd(running.agent.site.clock), handle)
    refused = [tag for tag, _ in events(site) if tag.endswith(":refused")]
    assert refused == ["agent:write:refused", "agent:write:refused", "agent:command:refused", "agent:command:refused"]


async def test_lost_session_leaves_the_outcome_for_the_next(site: SiteFolder, serve: Serve) -> None:
    async with acting(site, serve) as running:
        running.driver.behaviour.before = 0.3
        web_app = await running.web_app()
        request = write(running.agent.site.clock)
        handle = (await web_app.auth(token(site, request))).a
        await web_app.send_request("write", request, handle)
        await asyncio.sleep(0.05)
        await web_app.channel.close()
        other, reader = await running.signed_in(scope=READER)
        assert (await other.call("wstat", ActAnswer, Wstat(key=request.key), reader)).res == "done"


async def test_catalog_says_what_is_open(site: SiteFolder, serve: Serve) -> None:
    async with acting(site, serve) as running:
        web_app, handle = await running.signed_in(scope=READER)
        page = await web_app.call("catalog", CatalogAnswer, CatalogQuery(), handle)
        rows = {tag.id: tag.w for tag in page.tags}
        assert rows["P-101.other"] is None and rows["P-101.run"] is None
        limits = rows["P-101.sp"]
        assert limits is not None
        assert (limits.min, limits.max, limits.step, limits.max_step, limits.confirm) == (
            20.0,
            110.0,
            0.5,
            15.0,
            "hold",
        )
        assert rows["P-101.mode"].choices == [0, 1, 2] and rows["P-101.mode"].reauth_s == 120
        assert [(c.id, c.name, c.asset, c.expect_tag, c.expect) for c in page.commands] == [
            ("P-101.start", "start", "P-101", "P-101.run", False), ("P-101.stop", "stop", "P-101", "P-101.run", True)
        ]  # fmt: skip
        assert "nsu=" not in str(page)
        assert {"write", "methods"} <= set((await (await running.web_app(hello=False)).hello()).caps)


async def test_site_that_only_shows_says_so(site: SiteFolder, serve: Serve) -> None:
    site.configure(PLANT, WRITES)
    async with serve() as running:
        assert running.agent.site.acting is None
        web_app, handle = await running.signed_in(scope=READER)
        request = write(running.agent.site.clock)
        for method, parameters in (
            ("write", request), ("cmd", cmd(running.agent.site.clock)), ("write", None),
            ("wstat", Wstat(key=request.key)), ("trace", Trace()),
        ):  # fmt: skip
            with pytest.raises(RequestRefused, match="read_only"):
                await web_app.call(method, Empty, parameters, handle)
        page = await web_app.call("catalog", CatalogAnswer, CatalogQuery(), handle)
        assert not page.commands and all(tag.w is None for tag in page.tags)
        assert not {"write", "methods"} & set((await (await running.web_app(hello=False)).hello()).caps)
        assert not running.driver.effects
