"""The agent's one POST: verified TLS always, no redirects, everything bounded, every failure a sentence."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from relay_bridge.agent.enrol_http import EnrolError, Unreachable, post, read_address
from relay_bridge.contract.enrolment import MAX_MESSAGE

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def answering(data: bytes, context: ssl.SSLContext | None = None, *, stay: bool = False) -> AsyncIterator[int]:
    """A server that reads one request and answers with ``data``; ``stay``: without closing."""
    open_ones: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(data)
            await writer.drain()
            if not stay:
                writer.close()
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in open_ones:
            writer.transport.abort()


def authority(folder: Path, name: str = "ca") -> tuple[Path, ssl.SSLContext]:
    """An authority of its own and a server's context with a certificate of it for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, private = folder / f"{name}.pem", folder / f"{name}.key"
    cert.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, private)
    return cert, context


async def test_own_authority_is_trusted_when_named_and_no_other(tmp_path: Path) -> None:
    cert, context = authority(tmp_path)
    other, _ = authority(tmp_path, "other")
    async with answering(OK, context) as port:
        reply = await post(read_address(f"https://127.0.0.1:{port}", cert), "/enrol/claim", b"{}")
        assert (reply.status, reply.body) == (200, b"{}")
        for untrusted in (read_address(f"https://127.0.0.1:{port}"), read_address(f"https://127.0.0.1:{port}", other)):
            with pytest.raises(EnrolError, match="not trusted here"):
                await post(untrusted, "/enrol/claim", b"{}")


async def test_name_in_the_certificate_is_checked(tmp_path: Path) -> None:
    cert, context = authority(tmp_path)
    async with answering(OK, context) as port:
        with pytest.raises(EnrolError, match=r"not trusted here.*[Hh]ostname|mismatch"):
            await post(read_address(f"https://localhost:{port}", cert), "/x", b"{}")


@pytest.mark.parametrize(
    "url",
    [
        "http://hmi.example.com", "ftp://hmi.example.com", "hmi.example.com", "https://", "https://h/path",
        "https://u:p@h", "https://h?x=1", "https://h:99999", "https://[::1", "",
    ],
)  # fmt: skip
def test_unfit_addresses_are_a_sentence(url: str) -> None:
    with pytest.raises(EnrolError, match=r"https"):
        read_address(url)


def test_origin_is_written_as_a_browser_does() -> None:
    assert read_address("https://HMI.example.com:443/").origin == "https://hmi.example.com"
    assert read_address("https://hmi.example.com:8443").origin == "https://hmi.example.com:8443"
    assert read_address("http://[::1]:8000").origin == "http://[::1]:8000"


def test_file_that_is_no_authority_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("junk")
    for path in (tmp_path / "junk", tmp_path / "missing"):
        with pytest.raises(EnrolError, match="--ca"):
            read_address("https://h", path)


Answers = Callable[[], bytes]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: https://evil/\r\nContent-Length: 0\r\n\r\n", "not followed"),
        (b"SSH-2.0-OpenSSH_9\r\n", "no proper HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"x" * (MAX_MESSAGE + 20_000), "too large"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", "broke off"),
        (b"", "broke off"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000, "no proper HTTP|too large"),
    ],
)
async def test_what_is_no_answer_is_a_sentence(data: bytes, words: str) -> None:
    async with answering(data) as port:
        with pytest.raises(EnrolError, match=words):
            await post(read_address(f"http://127.0.0.1:{port}"), "/enrol/claim", b"{}")


async def test_silence_ends_at_the_deadline() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n", stay=True) as port:
        with pytest.raises(Unreachable, match="did not answer within"):
            await post(read_address(f"http://127.0.0.1:{port}"), "/x", b"{}", deadline=0.3)


async def test_closed_port_is_a_sentence() -> None:
    async with answering(OK) as port:
        pass
    with pytest.raises(Unreachable, match="cannot be reached"):
        await post(read_address(f"http://127.0.0.1:{port}"), "/x", b"{}")


async def test_retry_after_is_read_and_bounded() -> None:
    head = b"HTTP/1.1 503 X\r\nRetry-After: 999999\r\nContent-Length: 0\r\n\r\n"
    async with answering(head) as port:
        assert (await post(read_address(f"http://127.0.0.1:{port}"), "/x", b"")).retry_after == 3600
