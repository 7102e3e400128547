"""The web app gives a token back: the stream under it ends before the answer, and nothing follows."""

from __future__ import annotations

from typing import Any

import pytest

from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import Drop, Empty, Heartbeat, PingAnswer, Read, ReadAnswer, Sub, SubAnswer
from tests.relay_bridge.agent.conftest import Serve
from tests.relay_bridge.agent.support import SOURCE, TANK, SiteFolder
from tests.relay_bridge.agent.test_journal_events import events

TAG = "TK-101.level"
NO_RING = '[history]\nring = "off"'  # its recorder watches tags too, and keeps them watched


@pytest.fixture(autouse=True)
def no_ring(site: SiteFolder) -> None:
    site.configure(SOURCE, TANK, NO_RING)


async def test_no_value_follows_the_answer(serve: Serve, site: Any) -> None:
    async with serve(heartbeat=0.05) as running:
        web_app, handle = await running.signed_in()
        await web_app.call("sub", SubAnswer, Sub(tags=[TAG], rate=250), handle)
        await web_app.next_values()
        assert running.agent.site.subscriptions.watched() == 1
        await web_app.call("drop", Empty, Drop(a=[handle]))
        assert running.agent.site.subscriptions.watched() == 0
        pushed = len(web_app.pushes)
        for level in (1.0, 2.0, 3.0):
            running.driver.set(TAG, level)
            await web_app.next_push()
        assert all(isinstance(push, Heartbeat) for push in web_app.pushes[pushed:]), "no value, and no bye either"
        with pytest.raises(RequestRefused, match="auth"):
            await web_app.call("read", ReadAnswer, Read(tags=[TAG]), handle)
        assert (await web_app.call("ping", PingAnswer)).t
        ended = [event for event in events(site.folder) if event.tag == "agent:lease:ended"]
        assert [event.reason for event in ended] == ["The web app withdrew it."]


async def test_session_goes_on_under_another_token(serve: Serve) -> None:
    async with serve() as running:
        web_app, handle = await running.signed_in()
        await web_app.call("sub", SubAnswer, Sub(tags=[TAG], rate=250), handle)
        await web_app.next_values()
        other = (await web_app.auth(running.folder.token(gid="grant-2"))).a
        await web_app.call("drop", Empty, Drop(a=[handle, 4711]))
        running.driver.set(TAG, 4.5)
        while not any(item[1] == 4.5 for item in (await web_app.next_values()).d):
            pass
        await web_app.call("drop", Empty, Drop(a=[other]))
        assert running.agent.site.subscriptions.watched() == 0
        again = (await web_app.auth(running.folder.token())).a
        await web_app.call("sub", SubAnswer, Sub(tags=[TAG], rate=250), again)
        assert await web_app.next_values()


async def test_handles_of_another_session_are_out_of_reach(serve: Serve) -> None:
    async with serve() as running:
        web_app, handle = await running.signed_in()
        stranger, _ = await running.signed_in()
        await stranger.call("drop", Empty, Drop(a=list(range(1, 257))))
        assert await web_app.call("read", ReadAnswer, Read(tags=[TAG]), handle)
