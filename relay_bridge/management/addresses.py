"""Which address a management token may be sent to: https anywhere, plain http to this machine alone."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from relay_bridge.management.errors import Refused


def check_emulator_url(url: str) -> str:
    """``url`` of the emulator's management port, without its last slash; ``Refused`` says what is wrong with it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, 0
    # What is wrong may be a password in the address, so it is not repeated.
    if not host or port == 0 or parts.scheme not in {"http", "https"} or "@" in parts.netloc:
        raise Refused("The relay's management address must look like http://127.0.0.1:9401.")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise Refused("The relay's management address is scheme, host and port, and nothing after them.")
    if parts.scheme == "http" and not _is_loopback(host):
        raise Refused("The relay's management address may be plain http on loopback only; use https.")
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
