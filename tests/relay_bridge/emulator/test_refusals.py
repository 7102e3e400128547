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
    response = answer(Refusal(status, "No"), tracking_id="t", host="h", path="p", now=0)
    assert response.status == status
    assert json.loads(response.text or "")["error"] == {"code": code, "message": response.reason}
    assert response.headers["TrackingId"] == "t"
    assert "Via" not in response.headers
    assert response.keep_alive is False


def test_rejection_adds_nothing() -> None:
    response = rejection(423, "Tank farm closed\r\nX: y")
    assert (response.status, response.reason) == (423, "Tank farm closed??X: y")
    assert rejection(404, "").reason == "Not Found"
    assert rejection(799, "").reason == ""
