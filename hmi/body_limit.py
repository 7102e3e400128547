"""How much a request may send: refused while it arrives, before anybody reads, stores or signs in.

Django spools a request's body to the disk before a view sees it, so without this a stranger could fill the disk. A
front proxy may be stricter; nothing depends on one.
"""

from __future__ import annotations

import re
from typing import Any

MOST = 1024 * 1024  # bytes of any form or question
MOST_WITH_PHOTO = 11 * 1024 * 1024  # a note's photo (hmi.notes.photos.MAX_BYTES) and the form around it
_WITH_PHOTO = re.compile(r"/sites/[-\w]+/notes/assets/[^/]+/write/")
_WORDS = b"The request is too large. A photo has at most 10 MB, everything else 1 MB."


class BodyLimit:
    """Wraps an ASGI application: 413 for a body that is announced too large, an end for one that grows too large."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        most = MOST_WITH_PHOTO if _WITH_PHOTO.fullmatch(scope["path"]) else MOST
        if _announced(scope) > most:
            await send({
                "type": "http.response.start",
                "status": 413,
                "headers": [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")],
            })  # fmt: skip
            await send({"type": "http.response.body", "body": _WORDS})
            return
        left = most

        async def receive_bounded() -> dict[str, Any]:
            nonlocal left
            message: dict[str, Any] = await receive()
            if message["type"] == "http.request":
                left -= len(message.get("body", b""))
                if left < 0:
                    return {"type": "http.disconnect"}  # what is spooled so far is thrown away
            return message

        await self.application(scope, receive_bounded, send)


def _announced(scope: dict[str, Any]) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0
