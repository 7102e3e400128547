"""Alarms through a whole site: relay, sealed session, tokens; limits of a memory source; a real OPC UA server."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest

from relay_bridge.contract.alarms import (
    Ack,
    AckAnswer,
    AlarmDelta,
    AlarmPick,
    AlarmRow,
    Alarms,
    AlarmSnapshot,
    Journal,
    JournalAnswer,
    Shelve,
)
from relay_bridge.contract.codec import encode
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import Bye, Credit, Delta, Empty, PingAnswer, Snapshot, Sub, SubAnswer
from relay_bridge.contract.tokens import CLOCK_SKEW
from relay_bridge.simulator.server import PlantServer, quiet_asyncua
from tests.relay_bridge.agent.alarms.support import Receiver
from tests.relay_bridge.agent.conftest import Serve
from tests.relay_bridge.agent.support import HEAD, SOURCE, TANK, ManualClock, SiteFolder, WebApp
from tests.support.fuzzing import examples

quiet_asyncua()
ACKING = HEAD.replace('id = "north"', 'id = "north"\nallow_ack = true')
LIMITS = SOURCE.replace('kind = "memory"', 'kind = "memory"\nalarms = "limits"')
# More than a snapshot holds; SIGHTLINE_FUZZ=200000 makes it the flood of 4,000 that docs/benchmarks.md measures.
FLOOD = examples(560, 0.02)
SCOPES = "data:live alarm:read alarm:ack alarm:shelve"
PLANT = """
    [[source]]
    id = "main"
    kind = "opcua"
    url = "{url}"
    security = "None"
    allow_insecure = true
    alarms = "ac"
    publish_ms = 200

    [[tank]]
    id = "TK-107"
    source = "main"
    area = "North farm"
    prefix = "nsu=urn:sightline:tank-farm;s=TK-107."
    map = {{ level = "Level" }}
"""


class Alarm:
    """The alarm list of one web app, kept as a real one would."""

    def __init__(self, web_app: WebApp) -> None:
        self.web_app = web_app
        self.receiver = Receiver()
        self._taken = 0  # of the pushes that came, also of those that came while an answer was waited for

    async def next(self, *, answer: bool = True) -> AlarmSnapshot | AlarmDelta:
        push = None
        while not isinstance(push, AlarmSnapshot | AlarmDelta):
            while len(self.web_app.pushes) <= self._taken:
                await self.web_app.receive()
            push = self.web_app.pushes[self._taken]
            self._taken += 1
        self.receiver.take(push)
        if answer:
            await self.web_app.channel.send(encode(Credit(ok=push.n)))
        return push

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(25):
            while not condition(self.receiver):
                await self.next()

    def row(self, cond: str) -> AlarmRow:
        return next(row for row in self.receiver.rows.values() if row.cond == cond)


async def opened(site: Any, scope: str = SCOPES, **wish: Any) -> tuple[Alarm, int]:
    web_app, handle = await site.signed_in(scope=scope)
    await web_app.call("alarms", Empty, Alarms(**wish), handle)
    return Alarm(web_app), handle


def key() -> str:
    return secrets.token_urlsafe(16)


async def test_a_limit_is_raised_acknowledged_and_cleared_under_the_eyes_of_a_phone(
    serve: Serve, site: SiteFolder
) -> None:
    site.configure(LIMITS, TANK, head=ACKING)
    async with serve() as running:
        alarm, handle = await opened(running)
        assert (await alarm.next()).rows == []
        running.driver.set("TK-101.level", 14.5)
        await alarm.until(lambda receiver: len(receiver.rows) == 2)
        row = alarm.row("HighHigh")
        assert (row.agent, row.tag, row.asset, row.area, row.sev) == (True, "TK-101.level", "TK-101", "North farm", 900)
        assert row.msg == "14.5 m is at or above the high-high limit of 14 m"
        web_app = alarm.web_app
        seen = Ack(items=[AlarmPick(row.id, row.eid)], key=key(), c="I see it")
        answer = await web_app.call("ack", AckAnswer, seen, handle)
        assert [result.res for result in answer.res] == ["ok"]
        assert await web_app.call("ack", AckAnswer, seen, handle) == answer
        await alarm.until(lambda receiver: any(row.ack for row in receiver.rows.values()))
        assert (alarm.row("HighHigh").by, alarm.row("HighHigh").comment) == ("7b0f", "I see it")
        running.driver.set("TK-101.level", 5.0)
        await alarm.until(lambda receiver: len(receiver.rows) == 1)
        row = alarm.row("High")
        wish = Shelve(item=AlarmPick(row.id, row.eid), key=key(), ms=60_000, c="gauge in repair")
        assert (await web_app.call("shelve", AckAnswer, wish, handle)).res[0].res == "ok"
        await alarm.until(lambda receiver: receiver.counts.shelved == 1)
        pick = AlarmPick(row.id, alarm.row("High").eid)
        back = Shelve(item=pick, key=key(), ms=0, c="mended")
        assert (await web_app.call("shelve", AckAnswer, back, handle)).res[0].res == "ok"
        await alarm.until(lambda receiver: receiver.counts.shelved == 0)
        journal = await web_app.call("journal", JournalAnswer, Journal(start=0, end=2**52), handle)
        kinds = [(row.kind, row.cond, row.by, row.comment) for row in journal.rows]
        assert sorted(kinds) == sorted(
            [("active", "HighHigh", "", ""), ("active", "High", "", ""), ("cleared", "HighHigh", "", ""),
             ("cleared", "High", "", ""), ("acknowledged", "HighHigh", "7b0f", "I see it"),
             ("shelved", "High", "7b0f", "gauge in repair"), ("unshelved", "High", "7b0f", "mended")]
        )  # fmt: skip


async def test_a_value_that_turns_bad_leaves_the_alarm_in_doubt_under_the_eyes_of_a_phone(
    serve: Serve, site: SiteFolder
) -> None:
    site.configure(LIMITS, TANK, head=ACKING)
    async with serve() as running:
        running.driver.set("TK-101.level", 14.5)
        alarm, _handle = await opened(running)
        await alarm.until(lambda receiver: len(receiver.rows) == 2)
        assert {row.quality for row in alarm.receiver.rows.values()} == {"good"}
        running.driver.set("TK-101.level", None, 0x808C0000)
        await alarm.until(lambda receiver: {row.quality for row in receiver.rows.values()} == {"bad"})
        assert all(row.act for row in alarm.receiver.rows.values())
        running.driver.set("TK-101.level", 14.5)
        await alarm.until(lambda receiver: {row.quality for row in receiver.rows.values()} == {"good"})


async def test_values_and_alarms_share_one_sequence_and_keep_their_credit_apart(serve: Serve, site: SiteFolder) -> None:
    site.configure(LIMITS, TANK)
    async with serve() as running:
        alarm, handle = await opened(running)
        web_app = alarm.web_app
        await web_app.call("sub", SubAnswer, Sub(tags=["TK-101.level"], rate=250), handle)
        running.driver.set("TK-101.level", 14.5)
        for value in range(8):  # nobody answers any value
            running.driver.set("TK-101.temp_avg", float(value))
        await alarm.until(lambda receiver: len(receiver.rows) == 2)
        running.driver.set("TK-101.level", 1.0)
        await alarm.until(lambda receiver: all(row.cond == "Low" or not row.act for row in receiver.rows.values()))
        numbers = [push.n for push in web_app.pushes]
        assert numbers == list(range(1, len(numbers) + 1))
        assert sum(isinstance(push, Snapshot | Delta) for push in web_app.pushes) <= 2


async def test_every_alarm_method_needs_its_scope_and_a_site_with_alarms(serve: Serve, site: SiteFolder) -> None:
    pick = AlarmPick("ab", "x")
    calls = [
        ("alarms", Alarms()),
        ("journal", Journal(start=0, end=1)),
        ("ack", Ack(items=[pick], key=key())),
        ("shelve", Shelve(item=pick, key=key(), ms=0)),
    ]
    async with serve() as running:
        web_app, handle = await running.signed_in(scope="data:live")
        everything = (await web_app.auth(running.folder.token(scope=SCOPES))).a
        for method, parameters in calls:
            for of, code in ((None, "auth"), (handle, "role"), (everything, "unsupported")):
                with pytest.raises(RequestRefused) as refused:
                    await web_app.call(method, Empty, parameters, of)
                assert refused.value.code == code


async def test_a_site_that_does_not_allow_it_says_so_and_shows_no_such_ability(serve: Serve, site: SiteFolder) -> None:
    site.configure(LIMITS, TANK)
    async with serve() as running:
        web_app = await running.web_app(hello=False)
        assert (await web_app.hello()).caps == ["alarms", "read", "subscribe"]
        handle = (await web_app.auth(running.folder.token(scope=SCOPES))).a
        with pytest.raises(RequestRefused) as refused:
            await web_app.call("ack", AckAnswer, Ack(items=[AlarmPick("ab", "x")], key=key()), handle)
        assert refused.value.code == "read_only"


async def test_the_list_ends_with_its_lease_and_opens_again(serve: Serve, site: SiteFolder) -> None:
    site.configure(LIMITS, TANK)
    clock = ManualClock()
    async with serve(clock=clock, lease=30.0) as running:
        web_app = await running.web_app()
        handle = (await web_app.auth(running.folder.token(now=clock.wall(), scope="alarm:read"))).a
        await web_app.call("alarms", Empty, Alarms(), handle)
        alarm = Alarm(web_app)
        await alarm.next()
        clock.move(29)
        await web_app.auth(running.folder.token(now=clock.wall(), scope="alarm:read"), renew=handle)
        clock.move(28)
        running.driver.set("TK-101.level", 14.5)
        await web_app.call("ping", PingAnswer)  # the stream has seen the change, and gathers what comes with it
        clock.move(1)
        await alarm.until(lambda receiver: len(receiver.rows) == 2)
        clock.move(2)
        running.driver.set("TK-101.level", 5.0)
        bye = await web_app.next_push(Bye, AlarmSnapshot, AlarmDelta)
        assert isinstance(bye, Bye)
        assert bye.why == "lease"
        clock.move(120 + CLOCK_SKEW)
        with pytest.raises(RequestRefused):
            await web_app.call("alarms", Empty, Alarms(), handle)
        handle = (await web_app.auth(running.folder.token(now=clock.wall(), scope="alarm:read"))).a
        await web_app.call("alarms", Empty, Alarms(), handle)
        await alarm.next()
        assert len(alarm.receiver.rows) == 2


async def test_alarms_off_is_off(serve: Serve, site: SiteFolder) -> None:
    site.configure(LIMITS, TANK)
    async with serve(heartbeat=0.1) as running:
        alarm, handle = await opened(running)
        await alarm.next()
        await alarm.web_app.call("alarms", Empty, Alarms(on=False), handle)
        running.driver.set("TK-101.level", 14.5)
        async with asyncio.timeout(5):
            while len(running.agent.site.alarms.table) < 2:
                await asyncio.sleep(0.01)
        seen = len(alarm.web_app.pushes)
        for _ in range(4):
            await alarm.web_app.next_push()
        assert not any(isinstance(push, AlarmSnapshot | AlarmDelta) for push in alarm.web_app.pushes[seen:])


async def test_what_was_acknowledged_is_so_after_a_restart_of_the_agent(serve: Serve, site: SiteFolder) -> None:
    site.configure(LIMITS.replace("12.3456", "14.5"), TANK, head=ACKING)
    async with serve() as running:
        alarm, handle = await opened(running)
        await alarm.until(lambda receiver: len(receiver.rows) == 2)
        row = alarm.row("HighHigh")
        wish = Ack(items=[AlarmPick(row.id, row.eid)], key=key())
        assert (await alarm.web_app.call("ack", AckAnswer, wish, handle)).res[0].res == "ok"
    async with serve() as running:
        alarm, handle = await opened(running)
        await alarm.until(lambda receiver: len(receiver.rows) == 2)
        assert (alarm.row("HighHigh").ack, alarm.row("High").ack) == (True, False)
        answer = await alarm.web_app.call("ack", AckAnswer, wish, handle)
        assert answer.res[0].res == "ok"  # the stored one


async def test_a_flood_over_opc_ua_reaches_a_slow_phone_complete_and_the_severest_first(
    serve: Serve, site: SiteFolder
) -> None:
    half = FLOOD // 2
    async with PlantServer(seed=2) as plant:
        site.configure(PLANT.format(url=plant.url), head=ACKING)
        async with serve() as running:
            table = running.agent.site.alarms.table
            alarm, handle = await opened(running)
            await alarm.until(lambda receiver: len(receiver.rows) == 2)
            row = alarm.row("High")
            assert (row.tag, row.asset, row.act) == ("TK-107.level", "TK-107", True)
            # A phone that answers nothing while a flood comes in, and again while half of them are over.
            plant.faults.alarm_flood(FLOOD)
            async with asyncio.timeout(25):
                while len(table) < FLOOD + 2:
                    await asyncio.sleep(0.05)
                pushed = len([p for p in alarm.web_app.pushes if isinstance(p, AlarmSnapshot | AlarmDelta)])
                plant.faults.clear()
                plant.faults.alarm_flood(half)
                while sum(row.act for row in table.rows()) > half + 2:
                    await asyncio.sleep(0.05)
            first = await alarm.next(answer=False)
            second = await alarm.next(answer=False)
            assert pushed <= 2
            alarm.receiver.order.clear()
            await alarm.web_app.channel.send(encode(Credit(ok=second.n)))
            assert first.n < second.n
            await alarm.until(lambda receiver: receiver.rows == {row.id: row for row in table.rows()})
            severity = {row.name: row.sev for row in table.rows()}
            arrived = [severity[name] for name in alarm.receiver.order]
            assert arrived == sorted(arrived, reverse=True)
            assert len(alarm.receiver.order) == len(set(alarm.receiver.order))  # the newest state of each, once
            counts = alarm.receiver.counts
            assert counts.crit + counts.high + counts.med + counts.low == FLOOD + 2
            # The journal has every event: all that came, and the half that went.
            events: list[str] = []
            cursor = None
            while True:
                query = Journal(start=0, end=2**52, max=200, cur=cursor)
                page = await alarm.web_app.call("journal", JournalAnswer, query, handle)
                events += [f"{row.kind} {row.name}" for row in page.rows]
                cursor = page.cur
                if cursor is None:
                    break
            assert len(events) == len(set(events))
            assert sum(event.startswith("active") for event in events) == FLOOD + 2
            assert sum(event.startswith("cleared") for event in events) == FLOOD - half
            # And an acknowledgement lands at the server.
            row = alarm.row("High")
            wish = Ack(items=[AlarmPick(row.id, row.eid)], key=key(), c="seen")
            assert (await alarm.web_app.call("ack", AckAnswer, wish, handle)).res[0].res == "ok"
            condition = plant.alarms.board.find("TK-107.LevelAlarm")
            assert (condition.acknowledged, condition.comment) == (True, "seen [7b0f@north via mobile]")
