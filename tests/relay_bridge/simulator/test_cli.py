"""``sightline-plant`` as a program: one line when it listens, one sentence when it cannot."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys

import pytest
from asyncua import Client, ua

from relay_bridge.simulator.cli import main

PROGRAM = [sys.executable, "-m", "relay_bridge.simulator.cli"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--listen", "nowhere"], "say HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "say HOST:PORT"),
        (["--listen", "0.0.0.0:4840"], "add --allow-remote"),
        (["--fault", "melt-down"], "is no fault"),
        (["--seed", "one"], "invalid int value"),
        (["--pressure"], "unrecognized arguments"),
    ],
)
def test_bad_arguments_are_one_sentence(arguments, says, capsys):
    try:
        code = main(arguments)
    except SystemExit as error:
        code = error.code
    assert code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert says in output.err
    assert output.err.count("\n") == 1


async def test_it_listens_takes_faults_and_stops_on_a_signal():
    arguments = ["--listen", "127.0.0.1:0", "--seed", "5", "--fault", "bad-quality=TK-103.Level"]
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        url = re.search(r"opc\.tcp://127\.0\.0\.1:\d+/", line)[0]
        async with Client(url) as client:
            namespace = await client.get_namespace_index("urn:sightline:tank-farm")
            node = client.get_node(ua.NodeId("TK-103.Level", namespace))
            data = await node.read_data_value(raise_on_bad_status=False)
            assert data.StatusCode.name == "BadSensorFailure"
        process.send_signal(signal.SIGTERM)
        rest = await asyncio.wait_for(process.communicate(), 10)
        assert rest == (b"", b"")
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_busy_port_is_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, "--listen", f"127.0.0.1:{port}", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, error = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert out == b""
    assert error.decode() == f"sightline-plant: cannot listen on 127.0.0.1:{port}: Address already in use\n"
