"""Failures of the plane become few tries, a deadline, and a sentence with what to do."""

from __future__ import annotations

import socket

import pytest

from relay_bridge.management import (
    AlreadyExists,
    ManagementError,
    NotAllowed,
    NotFound,
    Refused,
    RelayManagement,
    Throttled,
    Unreachable,
)
from relay_bridge.management.calls import DEADLINE, TRIES
from tests.relay_bridge.management.conftest import Clock, Plane

GOOD = (200, {}, {"name": "north", "properties": {"requiresClientAuthorization": True, "listenerCount": 3}})


@pytest.mark.parametrize(
    ("status", "kind", "words", "tries"),
    [
        (401, NotAllowed, "refused the token", 1),
        (403, NotAllowed, "Azure Relay Owner", 1),
        (400, Refused, "refused with 400", 1),
        (404, NotFound, "check namespace, resource group and subscription", 1),
        (409, AlreadyExists, "conflicts", 1),
        (301, Refused, "refused with 301", 1),
        (429, Throttled, "too often", TRIES),
        (500, Unreachable, "failed with 500", TRIES),
        (503, Unreachable, "failed with 503", TRIES),
    ],
)
def test_status_becomes_an_error_with_advice(
    asking: RelayManagement, plane: Plane, status: int, kind: type[ManagementError], words: str, tries: int
) -> None:
    body = {"error": {"code": "Some", "message": "In the\nservice's words"}}
    plane.answers = [(status, {"x-ms-correlation-request-id": "c0ffee", "Location": "http://192.0.2.1/"}, body)]
    with pytest.raises(kind, match=words) as caught:
        asking.check_namespace()
    text = str(caught.value)
    assert "In the service's words" in text and "c0ffee" in text and "\n" not in text
    assert "a-token-of-the-tests" not in text
    assert caught.value.status == status
    assert caught.value.retryable == (tries > 1)
    assert len(plane.asked) == tries


def test_trying_again_waits_as_long_as_it_is_told(asking: RelayManagement, plane: Plane, clock: Clock) -> None:
    plane.answers = [(429, {"Retry-After": "7"}, {}), (500, {}, {}), GOOD]
    assert asking.listener_count("north") == 3
    assert clock.slept == [7.0, 1.0]


def test_wait_beyond_the_deadline_is_not_begun(asking: RelayManagement, plane: Plane, clock: Clock) -> None:
    plane.answers = [(429, {"Retry-After": "3600"}, {})]
    with pytest.raises(Throttled):
        asking.listener_count("north")
    assert clock.slept == []
    assert clock.now < DEADLINE


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b'{"properties": 5}', b'{"properties": {"listenerCount": "x"}}']
)
def test_answer_that_makes_no_sense_is_refused(asking: RelayManagement, plane: Plane, body: bytes) -> None:
    plane.answers = [(200, {}, body)]
    with pytest.raises(Refused, match="no sense"):
        asking.listener_count("north")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Endpoint=sb://relay/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0;EntityPath=south",
        "Endpoint=sb://relay/;SharedAccessKeyName=RootManage;SharedAccessKey=c2VjcmV0;EntityPath=north",
        "Endpoint=sb://relay/;SharedAccessSignature=c2VjcmV0;EntityPath=north",
    ],
)
def test_connection_string_of_something_else_is_refused(asking: RelayManagement, plane: Plane, text: str) -> None:
    plane.answers = [(200, {}, {"primaryConnectionString": text, "secondaryConnectionString": text})]
    with pytest.raises(Refused, match="rule 'send'") as caught:
        asking.get_rule_keys("north", "send")
    assert "c2VjcmV0" not in str(caught.value)


def test_nobody_there_is_said_after_a_few_tries(clock: Clock) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with (
            RelayManagement.for_emulator(url, "token", clock=clock, sleep=clock.sleep, random=lambda: 1.0) as alone,
            pytest.raises(Unreachable, match="Connection refused") as caught,
        ):
            alone.list_conduits()
    assert caught.value.retryable
    assert len(clock.slept) == TRIES - 1


def test_silence_ends_at_the_deadline(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay_bridge.management.calls.READ_TIMEOUT", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            RelayManagement.for_emulator(url, "token", clock=clock, sleep=clock.sleep, random=lambda: 1.0) as waiting,
            pytest.raises(Unreachable, match="no answer in time"),
        ):
            waiting.list_conduits()
