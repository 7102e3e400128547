"""The examples of docs/relay.md, as they stand there: a listener and a sender, each a program of its own."""

from __future__ import annotations

import asyncio
import re
import secrets
import sys
from pathlib import Path

from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection, Rule
from relay_bridge.emulator.server import RelayEmulator

PAGE = Path(__file__).resolve().parents[2] / "docs" / "relay.md"
DEADLINE = 20.0  # seconds for a program to start and to do its work


def examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


async def start(name: str, value: str, program: str) -> asyncio.subprocess.Process:
    """The program in a process of its own, with one more constant at its top."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-u",
        "-c",
        f"{name} = {value!r}\n{program}",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def test_the_listener_and_the_sender_of_the_page_understand_each_other() -> None:
    listener_program, sender_program = examples()
    keys = {right: secrets.token_urlsafe(32) for right in ("Listen", "Send")}
    rules = tuple(Rule(right.lower(), frozenset({right}), key) for right, key in keys.items())
    async with RelayEmulator(EmulatorConfig((HybridConnection("north", rules=rules),))) as relay:

        def connection(right: str) -> str:
            return (
                f"Endpoint=sb://127.0.0.1:{relay.port}/;EntityPath=north;SharedAccessKeyName={right.lower()};"
                f"SharedAccessKey={keys[right]};UseDevelopmentEmulator=true"
            )

        listener = await start("LISTEN_STRING", connection("Listen"), listener_program)
        try:
            assert listener.stdout is not None
            async with asyncio.timeout(DEADLINE):
                while b"online" not in (line := await listener.stdout.readline()):
                    assert line, "the listener of the page ended"
                sender = await start("SEND_STRING", connection("Send"), sender_program)
                said, _ = await sender.communicate()
        finally:
            listener.kill()
            await listener.wait()
    assert sender.returncode == 0, said.decode()
    assert said.decode().splitlines() == ["200 b'You sent hello'", "b'hello'"]


def test_the_examples_are_short() -> None:
    for example in examples():
        code = [line for line in example.splitlines() if line.strip() and "import" not in line]
        assert len(code) <= 12
