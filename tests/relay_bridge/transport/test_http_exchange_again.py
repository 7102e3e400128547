"""What is sent a second time and what never is: over a stale connection, and after a key was changed."""

from __future__ import annotations

import pytest

from relay_bridge.protocol.errors import (
    AuthorizationFailed,
    RelayTimeout,
    RelayUnavailable,
)
from tests.relay_bridge.transport.raw_relay import call, chunks, saying, sending
from tests.support.raw_http import answer

# A connection that the relay closed while it was idle


def stale(*, say: bytes = b"", times: int = 1):
    """The first connection answers once, and hangs up when the next request has come."""

    async def script(there):
        await there.head()
        await there.say(answer(b"first"))
        if there.number <= times:
            await there.head()
            await there.say(say)
        else:
            await there.head()
            await there.say(answer(b"again"))

    return script


@pytest.mark.parametrize(("method", "body"), [("GET", b""), ("DELETE", b""), ("PUT", b"x"), ("PUT", b"x" * 100_000)])
async def test_a_stale_connection_is_replaced_once(method, body):
    async with sending(stale()) as sender:
        assert await call(sender, "GET") == b"first"
        assert await call(sender, method, body=body) == b"first"
        assert sender.server.connections == 2


@pytest.mark.parametrize(
    ("method", "body", "say"),
    [
        ("POST", b"", b""),  # it may have been carried out
        ("PATCH", b"x", b""),
        ("GET", b"", b"HTTP/1.1 2"),  # an answer had begun
    ],
)
async def test_what_is_not_sent_twice(method, body, say):
    async with sending(stale(say=say)) as sender:
        assert await call(sender, "GET") == b"first"
        with pytest.raises(RelayUnavailable, match="before it answered"):
            await call(sender, method, body=body)
        assert sender.server.connections == 1


async def test_a_body_that_cannot_be_made_again_is_not_sent_twice():
    async with sending(stale()) as sender:
        assert await call(sender, "GET") == b"first"
        with pytest.raises(RelayUnavailable, match="before it answered"):
            await call(sender, "PUT", body=chunks(b"x"))


async def test_the_second_attempt_has_what_is_left_of_the_time():
    async def script(there):
        await there.head()
        if there.number == 1:
            await there.say(answer(b"first"))
            await there.head()
        else:
            await there.ended()

    async with sending(script) as sender:
        assert await call(sender, "GET") == b"first"
        with pytest.raises(RelayTimeout, match=r"did not answer within 0\.1 s"):
            await call(sender, "GET", timeout=0.1)
        assert sender.server.connections == 2


async def test_a_fresh_connection_that_breaks_is_not_tried_again():
    async with sending(saying(b"")) as sender:
        with pytest.raises(RelayUnavailable, match="before it answered"):
            await call(sender, "GET")
        assert sender.server.connections == 1


# A key that was changed


class Keys:
    """A credential whose key may be changed, as a file's may."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys

    def token(self) -> str:
        return self.keys[0]

    def renew_in(self) -> float | None:
        return None

    def reload(self) -> bool:
        if len(self.keys) > 1:
            self.keys.pop(0)
            return True
        return False


async def checking(there):
    while True:
        head = await there.head()
        good = b"ServiceBusAuthorization: new\r\n" in head
        await there.say(answer(b"in") if good else answer(b"out", status="401 no", via=False))


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_refused_token_is_replaced_once(method):
    credential = Keys(["old", "new"])
    async with sending(checking, credential=credential) as sender:
        assert await call(sender, method, body=b"x") == b"in"
        assert sender.server.connections == 1


async def test_a_refused_token_without_another_key():
    async with sending(checking, credential=Keys(["old"])) as sender:
        with pytest.raises(AuthorizationFailed):
            await call(sender, "GET")
    async with sending(checking, credential=Keys(["old", "older", "new"])) as sender:
        with pytest.raises(AuthorizationFailed):  # once, and not for ever
            await call(sender, "GET")
