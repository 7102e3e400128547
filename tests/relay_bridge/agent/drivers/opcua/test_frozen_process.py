"""A plant in a process of its own, frozen, thawed, killed and started again: the operator is told in time."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import sys
import time

import pytest

from relay_bridge.agent.drivers.base import DOWN, OK
from relay_bridge.agent.drivers.opcua import OpcUaDriver
from tests.relay_bridge.agent.drivers.opcua.support import live, settings, tags


@contextlib.asynccontextmanager
async def plant_process(port=0):
    """``sightline-plant`` in its own process; gives the process and its port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay_bridge.simulator.cli", "--listen", f"127.0.0.1:{port}", "--seed", "4",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        yield process, int(re.search(r":(\d+)/", line)[1])
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@pytest.mark.timeout(90)
async def test_frozen_thawed_killed_and_started_again():
    async with contextlib.AsyncExitStack() as stack:
        process, port = await stack.enter_async_context(plant_process())
        configured = settings(f"opc.tcp://127.0.0.1:{port}")
        driver = OpcUaDriver(configured, tags("TK-101.Level", "TK-101.Product"), chance=lambda: 0.3)
        recorder = await stack.enter_async_context(live(driver, ["TK-101.Level", "TK-101.Product"]))

        process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        try:
            down = await recorder.until_state(DOWN)
            assert time.monotonic() - stopped < 3.5
            assert down.reason.startswith("process server silent since ")
            # It still accepts connections, as a frozen process does; the driver must not hang on one.
            await recorder.until(lambda: "did not answer within 2 s" in recorder.state.reason)
            assert recorder.state.since == down.since
            recorder.readings.clear()
        finally:
            process.send_signal(signal.SIGCONT)
        thawed = time.monotonic()
        await recorder.until_state(OK)
        assert time.monotonic() - thawed < 6.0
        assert recorder.readings.keys() == {"TK-101.Level", "TK-101.Product"}

        process.kill()
        killed = time.monotonic()
        await recorder.until_state(DOWN)
        assert time.monotonic() - killed < 3.5
        recorder.readings.clear()
        await process.wait()
        await stack.enter_async_context(plant_process(port))
        await recorder.until_state(OK)
        assert recorder.readings["TK-101.Product"].value == "Gasoline 95"
