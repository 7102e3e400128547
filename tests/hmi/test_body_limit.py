"""A request that is too large is refused while it arrives; only a note's photo may be larger."""

from __future__ import annotations

from typing import Any

import pytest

from hmi.body_limit import MOST, MOST_WITH_PHOTO, BodyLimit

NOTE = "/sites/north/notes/assets/TK-101/write/"


async def send_to(path: str, pieces: list[bytes], *, announced: int | None = None) -> tuple[int, int | None]:
    """How many bytes reached the application, and the status it or the limit answered."""
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    arrived, status = 0, None

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        nonlocal arrived
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            arrived += len(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})

    headers = [] if announced is None else [(b"content-length", str(announced).encode())]
    await BodyLimit(application)({"type": "http", "path": path, "headers": headers}, receive, send)
    return arrived, status


@pytest.mark.parametrize(("path", "most"), [("/sign-in/", MOST), (NOTE, MOST_WITH_PHOTO), ("/api/v1/sites", MOST)])
async def test_up_to_the_limit_and_no_further(path: str, most: int) -> None:
    assert await send_to(path, [b"x" * most], announced=most) == (most, 200)
    assert await send_to(path, [b"x"], announced=most + 1) == (0, 413)


async def test_a_body_that_announces_nothing_or_less_is_counted() -> None:
    piece = b"x" * 65536
    arrived, status = await send_to("/sign-in/", [piece] * 20)
    assert arrived <= MOST
    assert status is None
    arrived, status = await send_to("/sign-in/", [piece] * 20, announced=10)
    assert arrived <= MOST
    assert status is None


@pytest.mark.parametrize("path", ["/sites/north/notes/", NOTE + "x", "/x" + NOTE, "/sites/a/b/notes/assets/c/write/"])
async def test_only_the_form_of_a_note_takes_a_photo(path: str) -> None:
    assert await send_to(path, [], announced=MOST + 1) == (0, 413)
