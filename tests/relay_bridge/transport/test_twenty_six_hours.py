"""Twenty-six hours of a listener in a few seconds: tokens grow old, channels die, the relay goes away and comes back.

The clock of the loop jumps, the sockets are real. What is asked of a listener on each of these days is asked here of
one listener on one long day: back within ten seconds, nothing answered twice, nothing lost without a word.
"""

from __future__ import annotations

import asyncio
import collections
import random
from collections.abc import Callable

import pytest

from relay_bridge.protocol.errors import RelayError, RelayUnavailable
from relay_bridge.transport import (
    HttpRequest,
    HttpResponse,
    ListenerState,
    RelayListener,
    RelaySender,
    RelayStream,
    SasCredential,
)
from tests.relay_bridge.transport.support import CONFIG, NORTH, Relay
from tests.support import autojump

MINUTE, HOUR = 60.0, 3600.0
PING_INTERVAL, PONG_DEADLINE = 60.0, 3.0  # seconds: one ping a minute is what keeps an idle channel from its death
BACK_WITHIN = 10.0  # seconds after the end of any trouble
LARGE = 100_000  # bytes: over what a control channel carries


class Keys(SasCredential):
    """The listener's key, and a switch that takes it away: a vault that does not answer."""

    locked = False

    def token(self) -> str:
        if self.locked:
            raise RelayUnavailable(0, "the key is locked away")
        return super().token()


class Day:
    """The relay, its listener and its sender; who was asked, who was answered, and what was lost."""

    def __init__(self) -> None:
        self.handled: collections.Counter[int] = collections.Counter()
        self.answered: collections.Counter[int] = collections.Counter()
        self.failed: dict[int, RelayError] = {}  # what the sender was told
        self.numbers: dict[str, int] = {}  # of requests by the relay's id
        self.lost: dict[str, str] = {}  # what the listener reported
        self.states: list[ListenerState] = []
        self.echoed = 0
        self.asked = 0
        self.calm = True  # no trouble now, nor in the last seconds: whatever fails is a fault of ours
        self._requests: set[asyncio.Task[None]] = set()

    async def live(self) -> None:
        self.relay = Relay(CONFIG, clock=autojump.wall_clock)
        await self.relay.start()
        self.port = self.relay.port
        listen, send = self.relay.listen_string(), self.relay.send_string()
        self.keys = Keys(listen.resource_uri, "agent", "listen-key", clock=autojump.wall_clock)
        key = SasCredential(send.resource_uri, "web", "send-key", clock=autojump.wall_clock)
        self.listener = RelayListener(
            listen,
            self.echo,
            http_handler=self.answer,
            request_lost=self.lost.__setitem__,
            ping_interval=PING_INTERVAL,
            pong_deadline=PONG_DEADLINE,
            credential=self.keys,
            state_changed=self.states.append,
            random=random.Random(26).random,
            clock=autojump.wall_clock,
        )
        running = asyncio.create_task(self.listener.run())
        await self.listener.wait_online()
        self.relay.faults.cut_idle()
        async with RelaySender(send, credential=key) as self.sender:
            traffic = asyncio.create_task(self.traffic())
            for hour, trouble in TROUBLES:
                await self.sleep_until(hour * HOUR)
                await self.suffer(trouble)
            await self.sleep_until(26 * HOUR)
            traffic.cancel()
            await asyncio.gather(traffic, return_exceptions=True)
            await asyncio.gather(*self._requests)
            assert await self.listener.drain(MINUTE)
            await running
        await self.relay.stop()

    async def noticed(self) -> None:
        """The listener has left ``online`` since the trouble began; by now it may be there again."""
        while not self.states:
            await asyncio.sleep(0.1)

    async def sleep_until(self, when: float) -> None:
        await asyncio.sleep(when - asyncio.get_running_loop().time())

    async def suffer(self, trouble: Callable[[Day], object]) -> None:
        """One trouble, with requests of every kind under way, and the return from it."""
        self.calm = False
        self.states.clear()
        for query, size in (("10", 0), ("10", LARGE), ("0", 0), ("70", 0), ("0.2", LARGE)):
            self.ask(query, size)
        await asyncio.sleep(1.0)
        await trouble(self)
        async with asyncio.timeout(BACK_WITHIN):
            while not (self.listener.state.status == "online" and self.relay.listener_count(NORTH) == 1):
                await asyncio.sleep(0.1)
        assert [state.status for state in self.states].count("online") == 1, f"{trouble.__name__}: {self.states}"
        await asyncio.sleep(80.0)  # whoever was asked before has answered or given up by now
        self.calm = True

    # Traffic

    async def traffic(self) -> None:
        for minute in range(0, 26 * 60, 2):
            await self.sleep_until(minute * MINUTE + 30.0)
            self.ask("0" if minute % 10 else "20", LARGE if minute % 20 == 6 else 0)
            if minute % 10 == 8:
                await self.call()

    def ask(self, query: str, size: int) -> None:
        self.asked += 1
        task = asyncio.create_task(self.request(self.asked, query, size, self.calm))
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    async def request(self, number: int, query: str, size: int, was_calm: bool) -> None:
        try:
            headers = {"X-Number": str(number)}
            async with self.sender.request("PUT", query=query, headers=headers, body=bytes(size)) as response:
                assert response.status == 200, await response.read()
                body = await response.read()
            assert body == b"%d" % number + bytes(size)
            self.answered[number] += 1
        except RelayError as error:
            assert not (was_calm and self.calm), f"request {number}: {error}"
            self.failed[number] = error

    async def answer(self, request: HttpRequest) -> HttpResponse:
        number = int(request.headers["x-number"])
        self.handled[number] += 1
        self.numbers[request.id] = number
        body = await request.read()
        await asyncio.sleep(float(request.query))
        return HttpResponse(200, body=b"%d" % number + body)

    async def call(self) -> None:
        was_calm = self.calm
        try:
            stream = await self.sender.connect()
            await stream.send(b"are you there?")
            assert await stream.receive() == b"are you there?"
            await stream.close()
            self.echoed += 1
        except RelayError:
            assert not (was_calm and self.calm)

    async def echo(self, stream: RelayStream) -> None:
        stream.mark_established()
        while True:
            await stream.send(await stream.receive())


# Troubles. Each returns when it is over.


async def cut(day: Day) -> None:
    day.relay.faults.drop_control_channels(NORTH)
    async with asyncio.timeout(1.0):
        await day.noticed()


async def recycle(day: Day) -> None:
    """What the service does about once a day."""
    day.relay.faults.recycle(NORTH)
    async with asyncio.timeout(1.0):
        await day.noticed()
    assert next(state.status for state in day.states) == "connecting", "the recycle is no error"


async def forgotten(day: Day) -> None:
    """The idle cut: the relay forgets the channel and says nothing. Only a ping that is not answered tells."""
    day.relay.faults.cut_idle(40.0)
    async with asyncio.timeout(5 * MINUTE):  # answers and pings put it off
        while day.relay.listener_count(NORTH):
            await asyncio.sleep(0.5)
    assert day.listener.state.status == "online", "it cannot know yet"
    day.relay.faults.cut_idle()
    async with asyncio.timeout(PING_INTERVAL + PONG_DEADLINE):
        await day.noticed()


async def expired(day: Day) -> None:
    day.relay.faults.expire_tokens(NORTH)
    async with asyncio.timeout(MINUTE):
        await day.noticed()


async def locked(day: Day) -> None:
    """No new token can be had for an hour and a half: the old one, and the service's grace, run out."""
    day.keys.locked = True
    await asyncio.sleep(1.5 * HOUR)
    assert day.listener.state.status == "offline"
    assert "locked" in day.listener.state.reason
    day.keys.locked = False


async def outage(day: Day) -> None:
    """The relay is gone for ten minutes, and back on the same port."""
    await day.relay.stop()
    await asyncio.sleep(10 * MINUTE)
    assert day.listener.state.status == "offline"
    day.relay = Relay(CONFIG, port=day.port, clock=autojump.wall_clock)
    await day.relay.start()
    day.relay.faults.cut_idle()


async def frozen(day: Day) -> None:
    """The network swallows everything for ten minutes and closes nothing."""
    day.relay.faults.freeze()
    await asyncio.sleep(10 * MINUTE)
    assert day.listener.state.status == "offline"
    day.relay.faults.thaw()


TROUBLES = (
    (1.5, cut), (3.0, forgotten), (5.0, outage), (7.0, expired), (9.0, frozen), (11.0, locked), (13.5, recycle),
    (15.0, outage), (18.0, cut), (20.0, frozen), (22.0, forgotten), (24.0, recycle), (25.0, cut),
)  # fmt: skip


def test_twenty_six_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay_bridge.emulator.server.EXPIRY_CHECK", 5.0)  # seconds; 374,400 looks would be too many
    day = Day()
    autojump.run(day.live())
    assert day.asked > 26 * 30
    assert day.echoed > 26 * 5
    assert day.keys.expires_at > autojump.MIDNIGHT + 26 * HOUR, "the token was renewed to the end"
    # Nobody was asked twice, or answered twice; everybody who asked was answered or told.
    assert max(day.handled.values()) == 1
    assert max(day.answered.values()) == 1
    assert set(day.answered) | set(day.failed) == set(range(1, day.asked + 1))
    assert not set(day.answered) & set(day.failed)
    assert set(day.answered) <= set(day.handled)
    # What the listener had in its hands and the sender did not get was reported, each by its id.
    reported = {day.numbers[request_id] for request_id in day.lost if request_id in day.numbers}
    assert set(day.handled) - set(day.answered) <= reported
    assert 0 < len(day.failed) < 120, "some were lost, and only in trouble"
