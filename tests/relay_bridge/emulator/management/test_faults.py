"""Fault switches over HTTP: a closed table, bounded arguments, and what they do to a real listener."""

from __future__ import annotations

import asyncio

import pytest

from relay_bridge.emulator.faults import SWITCHES as OFFERED
from relay_bridge.emulator.management.faults import SWITCHES
from relay_bridge.protocol.sas import create_token
from tests.relay_bridge.emulator.management.support import Plane, Reply
from tests.relay_bridge.emulator.support import DEADLINE, listen


async def turn(plane: Plane, name: str, **arguments: object) -> Reply:
    return await plane.ask("POST", f"/faults/{name}", arguments, version=None)


def test_every_switch_can_be_turned_from_outside() -> None:
    assert {*SWITCHES, "clear"} == set(OFFERED)


async def test_listeners_are_met_and_counted(plane: Plane) -> None:
    token = create_token("http://127.0.0.1/declared", "agent", "declared-primary", 4_000_000_000)
    for name, code in (("recycle", 1011), ("drop_control_channels", 1006), ("expire_tokens", 1008)):
        listener = await listen(plane.relay, "declared", token=token)
        assert (await turn(plane, name, path="Declared")).body == {"count": 1}
        await asyncio.wait_for(listener.wait_closed(), DEADLINE)
        assert listener.close_code == code
    assert (await turn(plane, "recycle", path="nobody/here")).body == {"count": 0}


async def test_what_is_on_is_listed_until_it_is_cleared(plane: Plane) -> None:
    for name, arguments in {
        "delay_accepts": {"seconds": 1.5},
        "refuse_accepts": {},
        "corrupt_next_frame": {},
        "drop_next_response": {},
        "answer_requests_with": {"status": 504},
        "limit_listeners": {"count": 0},
        "move_clock": {"seconds": -60},
        "cut_idle": {},
        "throttle": {"bytes_per_second": 1000},
        "freeze": {},
    }.items():
        assert (await turn(plane, name, **arguments)).status == 200
    listed = (await plane.ask("GET", "/faults", version=None)).body
    assert listed["on"] == {
        "delay_accepts": 1.5,
        "refuse_accepts": True,
        "corrupt_next_frame": 1,
        "drop_next_response": 1,
        "answer_requests_with": 504,
        "limit_listeners": 0,
        "move_clock": -60.0,
        "cut_idle": 240.0,
        "throttle": 1000.0,
        "freeze": True,
    }
    assert listed["switches"]["recycle"] == ["path"]
    assert (await plane.ask("DELETE", "/faults", version=None)).body == {}
    assert (await plane.ask("GET", "/faults", version=None)).body["on"] == {}


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("none", {}, "There is no such fault; there are drop_control_channels"),
        ("__init__", {}, "There is no such fault"),
        ("recycle", {}, "recycle needs the argument path."),
        ("recycle", {"path": ""}, "path of recycle must be the path of a hybrid connection."),
        ("recycle", {"path": "x" * 300}, "path of recycle must be"),
        ("recycle", {"path": "x", "more": 1}, "recycle has no argument 'more'; it takes path."),
        ("freeze", {"x": 1}, "freeze has no argument 'x'; it takes no arguments."),
        ("delay_accepts", {"seconds": -1}, "seconds of delay_accepts must be a number of seconds from 0 to 3600."),
        ("delay_accepts", {"seconds": True}, "must be a number"),
        ("delay_accepts", {"seconds": float("nan")}, "must be a number"),
        (
            "limit_listeners",
            {"count": 26},
            "count of limit_listeners must be a whole number of listeners from 0 to 25.",
        ),
        ("limit_listeners", {"count": 1.5}, "must be a whole number"),
        ("answer_requests_with", {"status": 200}, "must be an HTTP status from 400 to 599, or 0."),
        ("move_clock", {"seconds": 1e12}, "must be a number of seconds"),
        ("throttle", {"bytes_per_second": "fast"}, "must be a number of bytes"),
    ],
)
async def test_what_does_not_fit_is_refused(
    name: str, arguments: dict[str, object], sentence: str, plane: Plane
) -> None:
    reply = await turn(plane, name, **arguments)
    assert reply.status == (404 if reply.code == "UnknownFault" else 400)
    assert sentence in reply.body["error"]["message"]
    assert plane.relay.faults.active() == {}


async def test_waiting_faults_are_bounded(plane: Plane) -> None:
    plane.relay.faults.tampers.extend([bytes] * 1_000)
    assert (await turn(plane, "corrupt_next_frame")).code == "TooManyFaults"


async def test_they_need_the_token(plane: Plane) -> None:
    reply = await plane.ask("POST", "/faults/freeze", {}, token="another-token", version=None)
    assert (reply.status, plane.relay.faults.frozen) == (401, False)
