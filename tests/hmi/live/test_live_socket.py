"""A process that was stopped and goes on sends nothing before somebody has looked again who may see it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hmi.ingest.site_link import SiteLink
from hmi.live.live_socket import CHECKED_FOR, LiveSocket
from hmi.live.pictures import site_picture
from hmi.live.views import ReadingsView
from tests.hmi.live.screen import make_access


async def test_frames_wait_for_a_look(link: SiteLink) -> None:
    sent: list[dict[str, Any]] = []

    async def send(text: str) -> None:
        sent.append(json.loads(text))

    async def close(code: int) -> None:
        raise AssertionError(code)

    loop = asyncio.get_running_loop()
    socket = LiveSocket(user_id=1, session_key="s", accesses=[make_access(link.site)], send=send, close=close)
    socket.look_at("a site", lambda: ReadingsView(link, site_picture))
    socket.checked(loop.time() - CHECKED_FOR - 0.1)
    await socket._write_what_is_due()
    assert sent == []
    socket._awake.clear()
    socket.checked(loop.time())
    assert socket._awake.is_set(), "what was held back goes at once"
    await socket._write_what_is_due()
    assert [frame["k"] for frame in sent] == ["s"]
    socket.leave()
