"""Notifications: handed on as they come, and a missing one is noticed by its number."""

from __future__ import annotations

import pytest
from asyncua import ua

from relay_bridge.agent.drivers.opcua.publishing import _Numbered


def message(number, *values, status=None):
    result = ua.PublishResult()
    result.NotificationMessage.SequenceNumber = number
    if values:
        items = [ua.MonitoredItemNotification(ClientHandle=h, Value=ua.DataValue(ua.Variant(v))) for h, v in values]
        result.NotificationMessage.NotificationData.append(ua.DataChangeNotification(MonitoredItems=items))
    if status is not None:
        result.NotificationMessage.NotificationData.append(ua.StatusChangeNotification(Status=ua.StatusCode(status)))
    return result


@pytest.fixture
def received():
    return []


@pytest.fixture
def numbered(received):
    return _Numbered(received.append)


def test_values_come_by_client_handle(numbered, received):
    numbered.publish(message(1, (7, 1.5), (8, "ok")))
    assert [(h, data.Value.Value) for h, data in received[0].values] == [(7, 1.5), (8, "ok")]
    assert not received[0].gap


def test_a_keep_alive_is_no_notification_and_takes_no_number(numbered, received):
    numbered.publish(message(1, (7, 1.5)))
    numbered.publish(message(2))
    numbered.publish(message(2, (7, 2.5)))
    assert [n.gap for n in received] == [False, False]


def test_a_missing_number_is_a_gap(numbered, received):
    for number in (1, 2, 4, 5):
        numbered.publish(message(number, (7, 1.0)))
    assert [n.gap for n in received] == [False, False, True, False]


def test_numbers_roll_over_to_one(numbered, received):
    numbered.publish(message(0xFFFFFFFF, (7, 1.0)))
    numbered.publish(message(1, (7, 1.0)))
    assert not received[1].gap


def test_the_end_of_a_subscription_is_told(numbered, received):
    numbered.publish(message(1, status=0x800A0000))
    assert received[0].status == 0x800A0000


def test_a_keep_alive_tells_of_a_notification_that_never_came(numbered, received):
    numbered.publish(message(1, (7, 1.5)))
    numbered.publish(message(3))  # 2 was sent and could not be read here
    assert [(n.gap, n.values) for n in received[1:]] == [(True, [])]
    numbered.publish(message(3))
    numbered.publish(message(3, (7, 2.5)))
    assert [n.gap for n in received[2:]] == [False]


def test_a_keep_alive_with_the_last_number_is_no_gap(numbered, received):
    """Against the standard, and done."""
    for number in (1, 0xFFFFFFFF):
        numbered._last = None
        numbered.publish(message(number, (7, 1.5)))
        numbered.publish(message(number))
    assert not any(n.gap for n in received)
