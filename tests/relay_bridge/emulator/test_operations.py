"""Operations: the service's names in the log, counts behind the metrics, and a bound on what strangers can add."""

from __future__ import annotations

import logging

import pytest

from relay_bridge.emulator.operations import DURATION_BOUNDS, UNKNOWN_PATH, Durations, Operations


@pytest.fixture
def operations() -> Operations:
    return Operations(["north"])


def test_operation_is_one_line_and_one_count(operations: Operations, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        operations.record("NewListenerRegistered", "north", "id_G0")
        operations.record("AuthorizationFailed", "north", "id_G0", "connect refused: no")
        operations.record("SenderSentHttpRequest", "north", "id_G0")
        operations.record("ListenerUnregistered", "north", "id_G0", level=logging.ERROR)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "NewListenerRegistered: id_G0 at north."),
        ("WARNING", "AuthorizationFailed: id_G0 at north: connect refused: no."),
        ("DEBUG", "SenderSentHttpRequest: id_G0 at north."),
        ("ERROR", "ListenerUnregistered: id_G0 at north."),
    ]
    assert operations.counts["AuthorizationFailed", "north"] == 1


def test_what_others_wrote_cannot_start_a_line(operations: Operations, caplog: pytest.LogCaptureFixture) -> None:
    operations.record("InvalidSasToken", "north\r\nx", "id\n", "text\x1b[0m" + "y" * 1_000)
    (message,) = caplog.messages
    assert message.isprintable()
    assert len(message) < 400


def test_strangers_cannot_add_series(operations: Operations) -> None:
    for number in range(1_000):
        operations.record("InvalidSasToken", f"path-{number}", "id")
        operations.carried(f"path-{number}", "to_sender", 1)
        operations.responded(f"path-{number}", 404, 0.0)
        operations.refused(number, "connect")
    assert operations.counts == {("InvalidSasToken", UNKNOWN_PATH): 1_000}
    assert operations.responses == {(UNKNOWN_PATH, 4): 1_000}
    assert operations.traffic[UNKNOWN_PATH].to_sender == 1_000
    assert len(operations.refusals) == 501


def test_bytes_are_counted_by_direction(operations: Operations) -> None:
    operations.carried("north", "to_listener", 10)
    operations.carried("north", "to_sender", 5)
    operations.traffic_of("north").to_sender += 2
    assert (operations.traffic["north"].to_listener, operations.traffic["north"].to_sender) == (10, 7)


def test_path_that_is_gone_leaves_its_counts_in_the_sum(operations: Operations) -> None:
    operations.record("NewListenerRegistered", "north", "id")
    operations.carried("north", "to_listener", 10)
    operations.responded("north", 200, 0.1)
    operations.know(["south"])
    operations.record("NewListenerRegistered", "south", "id")
    assert operations.counts == {
        ("NewListenerRegistered", UNKNOWN_PATH): 1,
        ("NewListenerRegistered", "south"): 1,
    }
    assert operations.responses == {(UNKNOWN_PATH, 2): 1}
    assert {key: traffic.to_listener for key, traffic in operations.traffic.items()} == {UNKNOWN_PATH: 10}


def test_durations_fall_into_their_buckets() -> None:
    durations = Durations()
    for seconds in (0.0005, 0.001, 0.3, 60.0, 61.0):
        durations.observe(seconds)
    counted = dict(zip((*DURATION_BOUNDS, "more"), durations.counts, strict=True))
    assert {bound: count for bound, count in counted.items() if count} == {0.001: 2, 0.5: 1, 60.0: 1, "more": 1}
    assert durations.total == pytest.approx(121.3015)
