"""The heartbeat's judgement: what counts as a sign of life, when silence is too long, and when a clock is blamed."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest
from asyncua import ua

from relay_bridge.agent.drivers.opcua.heartbeat import BEAT, REMEMBERED, SERVICE_LEVEL, Heartbeat
from relay_bridge.agent.drivers.opcua.problems import SourceLost
from relay_bridge.agent.drivers.opcua.publishing import Notification
from tests.relay_bridge.agent.drivers.opcua.support import settings

NOW = 1_800_000_000.0


def beat(offset, value=None):
    """A heartbeat whose clock is ``offset`` seconds off; a counter beats with ``value``."""
    moment = datetime.fromtimestamp(NOW + offset, UTC)
    raw = moment if value is None else value
    return Notification([(BEAT, ua.DataValue(ua.Variant(raw), ServerTimestamp=moment))])


@pytest.fixture
def told():
    return []


@pytest.fixture
def heartbeat(told):
    return Heartbeat(settings("opc.tcp://127.0.0.1:1", stale_s=0.05), lambda: NOW, lambda: told.append(1))


def test_the_first_value_is_no_life_a_change_is(heartbeat):
    heartbeat._receive(beat(0))
    assert not heartbeat.began.is_set()
    heartbeat._receive(beat(0))
    assert not heartbeat.began.is_set()
    heartbeat._receive(beat(1))
    assert heartbeat.began.is_set()


def test_the_value_of_the_last_connection_is_no_life_another_is():
    last = datetime.fromtimestamp(NOW, UTC)
    heartbeat = Heartbeat(settings("opc.tcp://127.0.0.1:1"), lambda: NOW, lambda: None, last)
    heartbeat._receive(beat(0))
    assert not heartbeat.began.is_set()
    heartbeat._receive(beat(3))
    assert heartbeat.began.is_set()


async def test_silence_ends_it_with_the_time_of_the_last_beat(heartbeat):
    with pytest.raises(SourceLost, match=r"process server silent since 08:00:00 UTC"):
        await heartbeat.watch()


async def test_what_came_while_this_program_stood_still_is_heard_before_the_server_is_blamed():
    heartbeat = Heartbeat(settings("opc.tcp://127.0.0.1:1", stale_s=0.2), lambda: NOW, lambda: None)
    heartbeat._receive(beat(0))
    time.sleep(0.25)  # the whole program stands still, for longer than silence is allowed
    asyncio.get_running_loop().call_later(0.02, heartbeat._receive, beat(1))  # was sent meanwhile, is read only now
    began = time.monotonic()
    with pytest.raises(SourceLost):
        await heartbeat.watch()
    assert time.monotonic() - began > 0.2  # the silence that counts began with the second beat


def test_a_clock_is_blamed_after_two_wrong_beats_and_cleared_by_a_right_one(heartbeat, told):
    heartbeat._receive(beat(-61))
    assert heartbeat.warning == ""
    heartbeat._receive(beat(-60))
    assert heartbeat.warning == "the process server's clock is 60 s behind this machine's"
    heartbeat._receive(beat(-59))
    assert len(told) == 1
    heartbeat._receive(beat(1))
    assert heartbeat.warning == ""
    assert len(told) == 2


def test_beats_that_were_held_up_do_not_set_the_servers_clock_back(heartbeat):
    """A program that stood still reads old beats and present values together: their times are no times of a future."""
    assert heartbeat.ahead is None
    heartbeat._receive(beat(-0.2))
    for late in (-10, -9, -8):
        heartbeat._receive(beat(late))
    assert heartbeat.ahead == pytest.approx(-0.2)
    # What its clock shows from now on is believed: at once when it is later, after some beats when it is earlier.
    heartbeat._receive(beat(30))
    assert heartbeat.ahead == pytest.approx(30)
    for count in range(REMEMBERED):
        heartbeat._receive(beat(-600 + count / 1000))
    assert heartbeat.ahead == pytest.approx(-600, abs=1)


def test_a_counter_beats_too_and_is_judged_by_the_servers_time(heartbeat):
    heartbeat._receive(beat(20, value=1))
    heartbeat._receive(beat(21, value=2))
    assert heartbeat.began.is_set()
    assert "21 s ahead of" in heartbeat.warning


def test_a_low_service_level_is_a_warning(heartbeat):
    heartbeat._receive(Notification([(SERVICE_LEVEL, ua.DataValue(ua.Variant(199, ua.VariantType.Byte)))]))
    assert heartbeat.warning == "the process server reports service level 199 of 255"
    heartbeat._receive(Notification([(SERVICE_LEVEL, ua.DataValue(ua.Variant(200, ua.VariantType.Byte)))]))
    assert heartbeat.warning == ""


@pytest.mark.parametrize("value", [float("nan"), None])
def test_what_is_no_value_is_no_life_however_often_it_comes(heartbeat, value):
    for _ in range(3):
        heartbeat._receive(Notification([(BEAT, ua.DataValue(ua.Variant(value)))]))
    assert not heartbeat.began.is_set()


def test_a_bad_counter_that_goes_on_counting_is_no_life(heartbeat):
    """A gateway may count on while its gauges are gone, and say so in the quality."""
    for count in range(3):
        data = ua.DataValue(ua.Variant(count), StatusCode=ua.StatusCode(ua.StatusCodes.BadNoCommunication))
        heartbeat._receive(Notification([(BEAT, data)]))
    assert not heartbeat.began.is_set()
