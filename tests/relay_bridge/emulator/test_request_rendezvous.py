"""The socket of one HTTP exchange: what a listener may do on it besides what it should."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay_bridge.emulator.frames import Opcode
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.raw_peers import HttpPeer, RawListener, RawPeer, close_code, response_text
from tests.relay_bridge.emulator.support import CONFIG, NORTH, auth, sas


class Answering:
    """A request that a listener answers over a rendezvous."""

    def __init__(self, emulator: RelayEmulator) -> None:
        self.emulator = emulator

    async def __aenter__(self) -> Answering:
        self.listener = await RawListener.open(self.emulator)
        self.sender = await HttpPeer.open(self.emulator)
        self.sender.send("GET", f"/{NORTH}", auth(sas()))
        self.request = await self.listener.request()
        self.peer: RawPeer = await self.listener.dial(self.request["address"])
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.listener.close()
        self.sender.close()


async def test_response_text_in_fragments_and_pings_between(emulator: RelayEmulator) -> None:
    async with Answering(emulator) as case:
        text = response_text(case.request["id"])
        case.peer.send(Opcode.TEXT, text[:20], fin=False)
        case.peer.send(Opcode.PING, b"p")
        assert await case.peer.frame() == (Opcode.PONG, True, b"p")
        case.peer.send(Opcode.CONTINUATION, text[20:])
        case.peer.send(Opcode.BINARY, b"", fin=False)
        case.peer.send(Opcode.CONTINUATION, b"")
        assert (await case.sender.answer()).body == b""


async def test_what_comes_before_the_response_or_is_not_known_is_ignored(emulator: RelayEmulator) -> None:
    async with Answering(emulator) as case:
        case.peer.send(Opcode.BINARY, b"unannounced")
        case.peer.send(Opcode.TEXT, b'{"unknown":{}}')
        case.peer.send(Opcode.TEXT, b"no JSON")
        case.peer.send(Opcode.TEXT, response_text(case.request["id"], has_body=None))
        assert (await case.sender.answer()).status == 200
        case.peer.send(Opcode.BINARY, b"")  # one client sends it behind an answer without a body
        assert close_code((await case.peer.frame())[2]) == 1000


async def test_long_body_in_one_frame_is_carried_in_pieces(emulator: RelayEmulator) -> None:
    async with Answering(emulator) as case:
        case.peer.send(Opcode.TEXT, response_text(case.request["id"]))
        size = 5_000_000
        case.peer.writer.write(b"\x82\xff" + size.to_bytes(8, "big") + bytes(4 + size))
        assert len((await case.sender.answer()).body) == size


@pytest.mark.parametrize(("sent", "code"), [(b"\x81\x00", 1002), (b"\x82\x7f" + bytes(8), 1002)])
async def test_broken_protocol_breaks_the_exchange_off(emulator: RelayEmulator, sent: bytes, code: int) -> None:
    async with Answering(emulator) as case:
        case.peer.send(Opcode.TEXT, response_text(case.request["id"]))
        case.peer.send(Opcode.BINARY, b"first", fin=False)
        await case.sender.reader.readuntil(b"first")
        case.peer.writer.write(sent)
        assert close_code((await case.peer.frame())[2]) == code
        assert b"0\r\n" not in await case.sender.ended()


async def test_text_over_the_limit_is_1009(emulator: RelayEmulator) -> None:
    async with Answering(emulator) as case:
        case.peer.writer.write(b"\x81\xff" + (262_145).to_bytes(8, "big") + bytes(4 + 262_145))
        assert close_code((await case.peer.frame())[2]) == 1009


async def test_record_has_what_was_carried(tmp_path: Path) -> None:
    async with RelayEmulator(CONFIG, record=tmp_path) as emulator, Answering(emulator) as case:
        case.peer.send(Opcode.TEXT, response_text(case.request["id"]))
        case.peer.send(Opcode.BINARY, b"tank level")
        await case.sender.answer()
        case.sender.send("PUT", f"/{NORTH}", auth(sas()), b"setpoint")
        request = await case.listener.request()
        await case.listener.channel.frame()
        case.listener.respond(request["id"], 200, b"done")
        await case.sender.answer()
        assert (tmp_path / "stream-000001-to-sender.bin").read_bytes().endswith(b"tank level")
        assert (tmp_path / "control-000001-to-listener.bin").read_bytes() == b"setpoint"
        assert (tmp_path / "control-000001-from-listener.bin").read_bytes() == b"done"
        assert b'"method":"PUT"' in (tmp_path / "control-000001-to-listener.txt").read_bytes()
