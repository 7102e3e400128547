"""Alarms from a list: told once, told again when they change, gone when they are gone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from relay_bridge.agent.config_rest import RestAck, RestAlarms
from relay_bridge.agent.drivers.abilities import AckRefused, AlarmEvent, OutcomeUnknown
from relay_bridge.agent.drivers.base import DEGRADED, OK
from relay_bridge.agent.drivers.rest import SettingsError
from relay_bridge.contract.errors import RequestRefused
from tests.relay_bridge.agent.drivers.rest.support import driver, live, source
from tests.support import rest_server
from tests.support.rest_server import RestServer, Status

LIST = RestAlarms(
    path="/alarms", rows="/alarms", interval_s=0.1, name="/label", node="/source", message="/text", time="/at",
    severity="/prio", severity_map={"Critical": 900, "Low": 200}, acknowledged="/acked", event="/event",
    ack=RestAck(path="/alarms/{id}/ack", body={"events": ["{event}"], "note": "{comment}"}),
)  # fmt: skip
HIGH = {
    "id": "TK/1:hi", "label": "TK-1 high", "source": "/level", "text": "Level high", "at": "2026-11-22T10:00:00Z",
    "prio": "Critical", "acked": False, "event": "e1",
}  # fmt: skip


class Sink:
    """Alarms as they are told."""

    def __init__(self) -> None:
        self.told: list[AlarmEvent | str] = []
        self.news = asyncio.Event()

    def alarm(self, event: AlarmEvent) -> None:
        self._add(event)

    def refresh_began(self, source: str) -> None:
        self._add("began")

    def refresh_ended(self, source: str) -> None:
        self._add("ended")

    def _add(self, what: AlarmEvent | str) -> None:
        self.told.append(what)
        self.news.set()

    async def until(self, count: int, deadline: float = 30.0) -> list[Any]:
        async with asyncio.timeout(deadline):
            while len(self.told) < count:
                self.news.clear()
                await self.news.wait()
        return self.told


def settings(server: RestServer, **facts: Any) -> Any:
    return source(server.url, **{"alarms": "list", "alarm_list": LIST, **facts})


async def test_refresh_then_changes_then_gone() -> None:
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/alarms": {"alarms": [HIGH]}}
        made = driver(settings(server), acks=True)
        assert {"alarms", "ack"} <= made.capabilities
        sink = Sink()
        made.watch_alarms(sink)
        async with live(made):
            began, alarm, ended = (await sink.until(3))[:3]
            assert (began, ended) == ("began", "ended")
            assert (alarm.ref.condition, alarm.severity, alarm.name) == ("TK/1:hi", 900, "TK-1 high")
            assert alarm.active and not alarm.acknowledged and alarm.retain and alarm.event == b"e1"
            assert alarm.node == "plain#/level"  # as the configuration writes it, so that the tag is found
            assert alarm.time == 1_795_341_600_000
            server.answers["/alarms"] = {"alarms": [HIGH | {"acked": True}, HIGH | {"id": "2", "prio": "?"}]}
            acked, new = (await sink.until(5))[3:]
            assert acked.acknowledged and acked.retain and new.ref.condition == "2" and new.severity == 1000
            server.answers["/alarms"] = {"alarms": [HIGH | {"acked": True}]}
            (gone,) = (await sink.until(6))[5:]
            assert gone.ref.condition == "2" and not gone.retain and not gone.active


async def degrades_and_recovers(answer: Any) -> None:
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/alarms": {"alarms": [HIGH]}}
        made = driver(settings(server))
        alarms = Sink()
        made.watch_alarms(alarms)
        async with live(made) as sink:
            await alarms.until(3)
            server.answers["/alarms"] = answer
            state = await sink.until_state(DEGRADED, 5)
            assert state.reason.startswith("alarms cannot be read: the process server")
            server.answers["/alarms"] = {"alarms": [HIGH]}
            await sink.until_state(OK, 5)
            assert len(alarms.told) == 3


async def test_alarms_that_cannot_be_read_degrade_the_source_and_take_nothing_away() -> None:
    bad = [{"alarms": {}}, {"alarms": [{}]}, {"alarms": [HIGH, HIGH]}, rest_server.bomb, Status(500, {})]
    await asyncio.gather(*(degrades_and_recovers(answer) for answer in bad))


async def test_an_acknowledgement_goes_to_exactly_what_was_seen() -> None:
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/alarms": {"alarms": [HIGH]}, "/alarms/TK/1:hi/ack": {}}
        made = driver(settings(server), acks=True)
        sink = Sink()
        made.watch_alarms(sink)
        async with live(made):
            alarm = (await sink.until(3))[1]
            await made.acknowledge(alarm.ref, b"e1", 'seen "it" [ann@north via mobile]', 2.0)
            asked = server.asked[-1] if "ack" in server.asked[-1].target else server.asked_for("/alarms/TK/1:hi/ack")[0]
            assert asked.method == "POST" and asked.target == "/alarms/TK%2F1%3Ahi/ack"
            assert asked.json() == {"events": ["e1"], "note": 'seen "it" [ann@north via mobile]'}
            with pytest.raises(AckRefused) as refused:
                await made.acknowledge(alarm.ref, b"e0", "", 2.0)
            assert refused.value.word == "stale"
            for status, word in ((404, "gone"), (409, "stale"), (403, "denied"), (401, "denied")):
                server.answers["/alarms/TK/1:hi/ack"] = Status(status, {})
                with pytest.raises(AckRefused) as refused:
                    await made.acknowledge(alarm.ref, b"e1", "", 2.0)
                assert refused.value.word == word
            for unsure in (
                rest_server.hang_up,
                rest_server.reset,
                Status(500, {}),
                Status(302, {}),
                rest_server.silent,
            ):
                server.answers["/alarms/TK/1:hi/ack"] = unsure
                before = len(server.asked_for("/alarms/TK/1:hi/ack"))
                with pytest.raises(OutcomeUnknown):
                    await made.acknowledge(alarm.ref, b"e1", "", 2.0)
                assert len(server.asked_for("/alarms/TK/1:hi/ack")) == before + 1


async def test_where_the_site_does_not_allow_it_nothing_is_sent() -> None:
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/alarms": {"alarms": [HIGH]}}
        made = driver(settings(server), acks=False)
        sink = Sink()
        made.watch_alarms(sink)
        async with live(made):
            alarm = (await sink.until(3))[1]
            assert "ack" not in made.capabilities
            with pytest.raises(AckRefused) as refused:
                await made.acknowledge(alarm.ref, b"e1", "", 2.0)
            assert refused.value.word == "denied"
        assert {asked.method for asked in server.asked} == {"GET"}


async def test_nothing_is_acknowledged_while_the_list_cannot_be_read() -> None:
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/alarms": {"alarms": [HIGH]}, "/alarms/TK/1:hi/ack": {}}
        made = driver(settings(server), acks=True)
        alarms = Sink()
        made.watch_alarms(alarms)
        async with live(made) as sink:
            alarm = (await alarms.until(3))[1]
            server.answers["/alarms"] = Status(500, {})
            await sink.until_state(DEGRADED, 5)
            with pytest.raises(RequestRefused, match="source_down: The source's alarms cannot be read now"):
                await made.acknowledge(alarm.ref, b"e1", "", 2.0)
            server.answers["/alarms"] = {"alarms": [HIGH]}
            await sink.until_state(OK, 5)
            await made.acknowledge(alarm.ref, b"e1", "", 2.0)
        assert len(server.asked_for("/alarms/TK/1:hi/ack")) == 1


async def test_an_id_is_never_cut_off() -> None:
    long = "x" * 800
    async with RestServer() as server:
        rows = [HIGH | {"id": long + end, "event": long + end} for end in "ab"]
        server.answers |= {"/plain": {"level": 1}, "/alarms": {"alarms": rows}, f"/alarms/{long}b/ack": {}}
        made = driver(settings(server), acks=True)
        alarms = Sink()
        made.watch_alarms(alarms)
        async with live(made) as sink:
            second = (await alarms.until(4))[2]
            await made.acknowledge(second.ref, second.event, "", 2.0)
            assert server.asked_for(f"/alarms/{long}b/ack")[0].json()["events"] == [long + "b"]
            server.answers["/alarms"] = {"alarms": [HIGH | {"id": "y" * 1001}]}
            assert "more than 1000 characters" in (await sink.until_state(DEGRADED, 5)).reason


def test_section_and_choice_go_together() -> None:
    for facts in ({"alarms": "list", "alarm_list": None}, {"alarms": "limits", "alarm_list": LIST}):
        with pytest.raises(SettingsError, match="go together"):
            driver(source("http://127.0.0.1:1", **facts))
