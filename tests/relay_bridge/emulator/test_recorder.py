"""The copy of every byte: complete, private, and never in the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relay_bridge.emulator.recorder import Recorder, StreamRecord
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.raw_peers import RawStream
from tests.relay_bridge.emulator.support import CONFIG, Stream, eventually, sas


async def test_every_payload_both_ways_is_in_the_files(tmp_path: Path) -> None:
    directory = tmp_path / "carried"
    async with RelayEmulator(CONFIG, record=directory) as emulator:
        async with Stream(emulator) as stream:
            for message in ("to the listener,", b"\x00in two messages"):
                await stream.sender.send(message)
                await stream.listener.recv()
            await stream.listener.send([b"to the sender, ", b"in two fragments"])
            await stream.sender.recv()
            # Written as it is carried, not at the end.
            assert (directory / "stream-000001-to-listener.bin").read_bytes() == b"to the listener,\x00in two messages"
            assert (directory / "stream-000001-to-sender.bin").read_bytes() == b"to the sender, in two fragments"
        async with RawStream(emulator) as raw:
            raw.sender.send(2, b"x" * 100_000)
            await raw.listener.frame()
            await eventually(lambda: (directory / "stream-000002-to-listener.bin").stat().st_size == 100_000)
    assert not (directory / "stream-000002-to-sender.bin").exists()


async def test_every_text_of_a_control_channel_is_in_the_files(tmp_path: Path) -> None:
    renewal = json.dumps({"renewToken": {"token": sas("listen")}})
    async with RelayEmulator(CONFIG, record=tmp_path) as emulator, Stream(emulator) as stream:
        await stream.control.send(renewal)
        await (await stream.control.ping())
        told = (tmp_path / "control-000001-to-listener.txt").read_text()
        assert (tmp_path / "control-000001-from-listener.txt").read_text() == renewal + "\n"
    assert list(json.loads(told)) == ["accept"]


async def test_files_are_private_and_appended_to(tmp_path: Path) -> None:
    directory = tmp_path / "carried"
    for text in (b"one", b"two"):
        record = Recorder(directory).stream()
        record.to_listener(text)
        record.close()
        record.to_listener(b"after the end")
    file = directory / "stream-000001-to-listener.bin"
    assert file.read_bytes() == b"onetwo"
    assert file.stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700


async def test_directory_that_cannot_be_made_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        RelayEmulator(CONFIG, record=tmp_path / "file")


def test_full_disk_stops_the_record_but_not_the_traffic(caplog: pytest.LogCaptureFixture) -> None:
    record = StreamRecord(Path("/dev/full"), Path("/dev/null"))
    record.to_listener(b"lost")
    record.to_listener(b"lost too")
    record.to_sender(b"kept")
    record.close()
    assert [r.message.partition(":")[0] for r in caplog.records] == [
        "Recording to /dev/full stopped, the record is incomplete"
    ]
