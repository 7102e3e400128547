"""What can go wrong with an HTTP source, in words for an operator: no addresses, no ids, no secrets.

Trouble         this request failed; ``reach`` says how much else it concerns
└── NotThere    the source knows nothing under this id
SettingsError   the source must not be used as configured
"""

from __future__ import annotations

import socket
import ssl
from typing import Literal

# answer: the source is there and answers this request badly; wire: it did not answer it at all;
# source: nothing can be asked now, whatever the request (no connection, wrong certificate, login refused).
Reach = Literal["answer", "wire", "source"]

_EXPIRED, _NOT_YET, _WRONG_NAME = 10, 9, {62, 64}  # X509_V_ERR_* of OpenSSL


class SettingsError(ValueError):
    """A source that must not be used as configured; the message is a sentence for whoever configures it."""


class Trouble(Exception):  # noqa: N818 - a state of the source, told in words
    """A request failed. ``sent``: the source may have received it. ``status``: its HTTP status, 0 for none."""

    def __init__(self, reason: str, *, reach: Reach = "answer", sent: bool = True, status: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reach: Reach = reach
        self.sent = sent
        self.status = status


class NotThere(Trouble):
    """404: the source is well and does not know what was asked for."""


def connect_trouble(error: BaseException, *, pinned: bool) -> Trouble:
    """Why there is no connection. Nothing was sent."""
    return Trouble(_connect_words(error, pinned), reach="source", sent=False)


def status_trouble(status: int) -> Trouble:
    """An answer that is no success (RFC 9110, 15)."""
    if status == 404:
        return NotThere("the process server does not know what it is asked for (404)", status=status)
    if 300 <= status < 400:
        return Trouble("the process server answered with a redirect, which is not followed", status=status)
    if status == 403:
        return Trouble("the process server does not let this user read it (403)", status=status)
    if status in {429, 503}:
        return Trouble(f"the process server is too busy ({status})", status=status)
    return Trouble(f"the process server answered with status {status}", status=status)


def _connect_words(error: BaseException, pinned: bool) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_words(error.verify_code, pinned)
    if isinstance(error, ssl.SSLError):
        return "the process server speaks no TLS that this agent accepts"
    if isinstance(error, ConnectionRefusedError):
        return "the process server does not accept connections; it may not be running"
    if isinstance(error, socket.gaierror):
        return "the process server's host name is not known to this machine"
    if isinstance(error, TimeoutError):
        return "the process server did not answer while connecting"
    if isinstance(error, ConnectionError):
        return "the process server closed the connection while connecting"
    if isinstance(error, OSError):
        return f"the process server cannot be reached ({error.strerror or type(error).__name__})"
    return f"an unexpected {type(error).__name__} while connecting"


def _certificate_words(code: int, pinned: bool) -> str:
    if code == _EXPIRED:
        return "the process server's certificate has run out"
    if code == _NOT_YET:
        return "the process server's certificate is not valid yet; compare the clocks"
    if code in _WRONG_NAME:
        return "the process server's certificate is for another host"
    if pinned:
        return "the process server's certificate is not the pinned one"
    return "the process server's certificate comes from no authority that this agent trusts"
