"""The program as it is started: its one line, its one sentence, its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import sys
import urllib.request
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from relay_bridge.emulator.cli import is_loopback, loop_factory, main, parse_listen
from relay_bridge.protocol.sas import create_token
from tests.relay_bridge.emulator.support import auth, opened

CONFIG = """
[[hybrid_connection]]
path = "north"
[[hybrid_connection.rule]]
name = "all"
rights = ["Listen", "Send"]
primary_key = "key"
secondary_key = "other"
"""
MANAGED = """
[management]
listen = "127.0.0.1:0"
token_file = "keep.token"
state_file = "keep.json"
namespace = "plant"
"""
START = 20.0  # seconds a program may take to start on a busy machine


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "relay.toml"
    path.write_text(CONFIG)
    return path


def fails(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and the sentence of a start that must fail."""
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("sightline-relay: ")
    return code, err


@pytest.mark.parametrize(
    ("listen", "sentence"),
    [
        ("127.0.0.1", "must read HOST:PORT"),
        ("9400", "must read HOST:PORT"),
        (":9400", "must read HOST:PORT"),
        ("127.0.0.1:", "the port must be a number from 0 to 65535"),
        ("127.0.0.1:65536", "the port must be a number from 0 to 65535"),
        ("127.0.0.1:-1", "the port must be a number from 0 to 65535"),
        ("127.0.0.1:http", "the port must be a number from 0 to 65535"),
        ("::1:9400", "an IPv6 address stands in brackets"),
        ("0.0.0.0:9400", "--allow-remote is needed"),
        ("[::]:9400", "--allow-remote is needed"),
        ("relay.example.com:9400", "--allow-remote is needed"),
    ],
)
def test_bad_address_is_one_sentence(
    listen: str, sentence: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, err = fails(capsys, "--listen", listen, "--config", config)
    assert code == 2
    assert sentence in err


def test_bad_files_are_one_sentence(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = ("--listen", "127.0.0.1:0", "--config")
    key = tmp_path / "key.pem"
    certificate(tmp_path / "cert.pem", key)
    for arguments, sentence in [
        ((tmp_path / "none.toml",), "none.toml: cannot be read: No such file or directory"),
        ((tmp_path,), "cannot be read: Is a directory"),
        ((config, "--tls-cert", config), "--tls-cert and --tls-key go together"),
        ((config, "--tls-key", key), "--tls-cert and --tls-key go together"),
        ((config, "--tls-cert", tmp_path / "none.pem", "--tls-key", key), "none.pem: there is no such file"),
        ((config, "--tls-cert", config, "--tls-key", key), "are no PEM certificate with its unencrypted private key"),
        ((config, "--record", config), "relay.toml: "),
        ((config, "--colour", "red"), "unrecognized arguments"),
        ((config, "--log-level", "loud"), "invalid choice"),
    ]:
        code, err = fails(capsys, *start, *arguments)
        assert code == 2
        assert sentence in err
    config.write_text("[[hybrid_connection]]")
    assert fails(capsys, *start, config) == (
        2,
        f"sightline-relay: {config}: path is missing in hybrid_connection 1\n",
    )


def test_management_is_for_this_machine_unless_asked_otherwise(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = ("--listen", "127.0.0.1:0", "--config", config)
    for listen, sentence in [
        ("0.0.0.0:9401", "0.0.0.0 is not a loopback address; --allow-remote is needed"),
        ("127.0.0.1", "listen of management: must read HOST:PORT"),
    ]:
        config.write_text(MANAGED.replace("127.0.0.1:0", listen) + CONFIG)
        code, err = fails(capsys, *start)
        assert code == 2
        assert sentence in err


def test_loop_that_is_not_installed(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    code, err = fails(capsys, "--listen", "127.0.0.1:0", "--config", config, "--loop", "uvloop")
    assert (code, err) == (2, "sightline-relay: --loop uvloop: uvloop is not installed; use --loop asyncio\n")
    assert loop_factory("auto") is None
    assert loop_factory("asyncio") is None


def test_missing_arguments_are_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert fails(capsys) == (2, "sightline-relay: the following arguments are required: --listen, --config\n")


def test_addresses() -> None:
    assert parse_listen("127.0.0.1:9400") == ("127.0.0.1", 9400)
    assert parse_listen("[::1]:0") == ("::1", 0)
    assert is_loopback("localhost")
    assert is_loopback("127.8.8.8")
    assert is_loopback("::1")
    assert not is_loopback("192.168.1.1")
    assert not is_loopback("localhost.example.com")


# From here on: the real program


@contextlib.asynccontextmanager
async def running(*arguments: object) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The program and its first line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay_bridge.emulator.cli", *map(str, arguments),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START)
        yield process, line.decode().strip()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def listens(address: str, tls: ssl.SSLContext | None = None, path: str = "north") -> int:
    """The status of a listener's handshake."""
    token = create_token(f"http://127.0.0.1/{path}", "all", "key", 4_000_000_000)
    try:
        socket_ = await websockets.connect(
            f"{address}/$hc/{path}?sb-hc-action=listen", additional_headers=auth(token), ssl=tls
        )
    except websockets.InvalidStatus as error:
        return error.response.status_code
    await socket_.close()
    return 101


async def test_busy_port_is_one_sentence(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with running("--listen", f"127.0.0.1:{port}", "--config", config) as (process, line):
            assert process.stderr is not None
            err = (await process.stderr.read()).decode()
            assert (line, await process.wait()) == ("", 1)
    assert err.count("\n") == 1
    assert err.startswith(f"sightline-relay: cannot listen on 127.0.0.1:{port}: ")
    assert "in use" in err


@pytest.mark.parametrize(("number", "loop"), [(signal.SIGINT, "asyncio"), (signal.SIGTERM, "uvloop")])
async def test_it_says_where_it_listens_follows_its_file_and_stops_clean(config: Path, number: int, loop: str) -> None:
    options = ("--listen", "127.0.0.1:0", "--config", config, "--log-level", "warning", "--loop", loop)
    async with running(*options) as (process, line):
        assert line.startswith("Relay emulator is listening on ws://127.0.0.1:")
        address = line.rpartition(" ")[2]
        assert await listens(address) == 101
        assert await listens(address, path="south") == 404
        # The file changes while its time stands still: only the signal makes it look.
        before = config.stat()
        config.write_text(CONFIG.replace("north", "south"))
        os.utime(config, ns=(before.st_atime_ns, before.st_mtime_ns))
        process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(START):
            while await listens(address, path="south") != 101:
                await asyncio.sleep(0.02)
        assert await listens(address) == 404
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), START) == 0
        assert process.stderr is not None
        assert await process.stderr.read() == b""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_management_is_said_and_its_token_is_not(config: Path, tmp_path: Path, loop: str) -> None:
    config.write_text(MANAGED + CONFIG)
    token_file = tmp_path / "keep.token"
    async with running("--listen", "127.0.0.1:0", "--config", config, "--loop", loop) as (process, _):
        assert process.stdout is not None
        assert process.stderr is not None
        line = (await asyncio.wait_for(process.stdout.readline(), START)).decode().strip()
        assert line.startswith("Management is listening on http://127.0.0.1:")
        token = token_file.read_text().strip()
        request = urllib.request.Request(
            f"{line.rpartition(' ')[2]}/subscriptions/s/providers/Microsoft.Relay/namespaces?api-version=2026-01-01",
            headers={"Authorization": f"Bearer {token}"},
        )
        answer = json.loads(await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=START).read()))
        assert [each["name"] for each in answer["value"]] == ["plant"]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), START) == 0
        log = (await process.stderr.read()).decode()
    assert f"The management port's token was made and is in {token_file}." in log
    assert token not in log
    assert [path.stat().st_mode & 0o777 for path in (token_file, tmp_path / "keep.json")] == [0o600, 0o600]


async def test_management_that_cannot_be_is_one_sentence(config: Path, tmp_path: Path) -> None:
    state = tmp_path / "keep.json"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config.write_text(MANAGED.replace(":0", f":{port}") + CONFIG)
        for broken, code, sentence in [
            (True, 2, f"{state}: the state file cannot be used: it is not JSON"),
            (False, 1, f"cannot listen on 127.0.0.1:{port}: "),
        ]:
            if broken:
                state.write_text("half a fi")
                state.chmod(0o600)
            else:
                state.unlink()
            options = ("--listen", "127.0.0.1:0", "--config", config, "--log-level", "warning")
            async with running(*options) as (process, line):
                assert process.stderr is not None
                err = (await process.stderr.read()).decode()
                assert (line, await process.wait()) == ("", code)
            assert err.count("\n") == 1
            assert sentence in err


async def test_tls_and_record(config: Path, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate(cert, key)
    tls = ssl.create_default_context(cafile=str(cert))
    async with running(
        "--listen",
        "127.0.0.1:0",
        "--config",
        config,
        "--tls-cert",
        cert,
        "--tls-key",
        key,
        "--record",
        tmp_path / "rec",
    ) as (_, line):
        assert line.startswith("Relay emulator is listening on wss://127.0.0.1:")
        address = line.rpartition(" ")[2]
        token = auth(create_token("http://127.0.0.1/north", "all", "key", 4_000_000_000))
        control = await websockets.connect(
            f"{address}/$hc/north?sb-hc-action=listen", additional_headers=token, ssl=tls
        )
        calling = asyncio.ensure_future(
            opened(websockets.connect(f"{address}/$hc/north", additional_headers=token, ssl=tls))
        )
        accept = json.loads(await asyncio.wait_for(control.recv(), START))["accept"]
        assert accept["address"].startswith(f"{address}/$hc/north?sb-hc-action=accept&")
        listener = await websockets.connect(accept["address"], ssl=tls)
        sender = await calling
        large = os.urandom(300_000)
        await sender.send(large)
        assert await asyncio.wait_for(listener.recv(), START) == large
        assert (tmp_path / "rec" / "stream-000001-to-listener.bin").read_bytes() == large
        await asyncio.gather(sender.close(), listener.close(), control.close())


def certificate(cert: Path, key: Path) -> None:
    """A throwaway certificate for 127.0.0.1."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "throwaway")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    cert.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
