"""The relay's own "no", as text."""

from __future__ import annotations

import json

import pytest

from relay_bridge.emulator.refusals import Refusal, answer, printable, reason_phrase, rejection


def test_phrase_carries_the_details() -> None:
    assert reason_phrase("Endpoint does not exist", "abc_G0", "relay", "north/tank", 1_790_000_000.9) == (
        "Endpoint does not exist. TrackingId:abc_G0, SystemTracker:sb://relay/north/tank, Timestamp:2026-09-21T14:13:20"
    )


def test_nothing_in_a_phrase_can_end_its_line() -> None:
    assert printable("a\r\nb\x00c\x7fü") == "a??b?c??"
    assert len(reason_phrase("x" * 5000, "y" * 5000, "z", "p", 0)) == 1000


@pytest.mark.parametrize(("status", "code"), [(401, 4), (403, 5), (404, 3), (504, 1), (500, 2), (400, 2), (429, 2)])
def test_body_has_the_services_error_codes(status: int, code: int) -> None:
    head, _, body = answer(Refusal(status, "No"), tracking_id="t", host="h", path="p", now=0).partition(b"\r\n\r\n")
    phrase = "No. TrackingId:t, SystemTracker:sb://h/p, Timestamp:1970-01-01T00:00:00"
    assert head.decode() == (
        f"HTTP/1.1 {status} {phrase}\r\nTrackingId: t\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close"
    )
    assert json.loads(body)["error"] == {"code": code, "message": phrase}


def test_answer_that_keeps_the_connection_and_one_without_a_body() -> None:
    refusal = Refusal(426, "No", headers={"Sec-WebSocket-Version": "13"})
    kept = answer(refusal, tracking_id="t", host="h", path="p", now=0, close=False, json_body=False)
    assert kept.endswith(b"\r\nTrackingId: t\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n")
    full, head = (
        answer(Refusal(404, "No"), tracking_id="t", host="h", path="p", now=0, head_only=only) for only in (False, True)
    )
    assert full.startswith(head)
    assert head.endswith(b"\r\n\r\n")


def test_rejection_adds_nothing() -> None:
    end = b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert rejection(423, "Tank farm closed\r\nX: y") == b"HTTP/1.1 423 Tank farm closed??X: y" + end
    assert rejection(404, "") == b"HTTP/1.1 404 Not Found" + end
    assert rejection(799, "") == b"HTTP/1.1 799 " + end
