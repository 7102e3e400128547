"""What went wrong with a process server, in words for an operator: no addresses, no NodeIds, no secrets.

SourceLost      this connection is over; ``reason`` says why
"""

from __future__ import annotations

import socket

from asyncua import ua

_STATUS_WORDS = {
    "BadCertificateUntrusted": "the process server does not trust this agent's certificate",
    "BadCertificateInvalid": "the process server refuses this agent's certificate as invalid",
    "BadCertificateTimeInvalid": "the process server says that a certificate is outside its time of validity",
    "BadCertificateUriInvalid": "the process server says that this agent's certificate is for another application",
    "BadCertificateUseNotAllowed": "the process server refuses this agent's certificate for this use",
    "BadSecurityChecksFailed": "the process server refused the security, often because it does not trust this "
    "agent's certificate",
    "BadSecurityPolicyRejected": "the process server does not offer the configured security",
    "BadSecurityModeRejected": "the process server does not offer the configured security",
    "BadIdentityTokenRejected": "the process server refused the user name or the password",
    "BadIdentityTokenInvalid": "the process server does not take this kind of sign-in",
    "BadUserAccessDenied": "the process server refused the user name or the password",
    "BadTooManySessions": "the process server has no free session",
    "BadTooManySubscriptions": "the process server has no free subscription",
    "BadServerHalted": "the process server has halted",
    "BadShutdown": "the process server is shutting down",
    "BadServerTooBusy": "the process server is too busy",
    "BadSessionIdInvalid": "the process server has forgotten the session",
    "BadSessionClosed": "the process server closed the session",
    "BadSecureChannelIdInvalid": "the process server has forgotten the secure channel",
    "BadConnectionClosed": "the process server closed the connection",
}
UNTRUSTED = _STATUS_WORDS["BadCertificateUntrusted"]


class SourceLost(Exception):  # noqa: N818 - a state of the source, told in words
    """The connection to the process server cannot be made or is over. Trying again later is always right."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def status_words(status: int) -> str:
    """A service's StatusCode as a clause: "the process server ..."."""
    name = ua.StatusCode(status).name
    return _STATUS_WORDS.get(name, f"the process server answered {name}")


def words(error: BaseException, doing: str = "connecting") -> str:
    """What an exception from the library or the network means."""
    if isinstance(error, SourceLost):
        return error.reason
    if isinstance(error, ua.UaStatusCodeError):
        return status_words(error.code)
    if isinstance(error, AssertionError):
        # asyncua has no other way to say that the answer to OpenSecureChannel was a refusal.
        return UNTRUSTED
    if isinstance(error, ua.UaError):
        text = str(error)
        if "No matching endpoints" in text:
            return "the process server does not offer the configured security"
        if "certificate mismatch" in text:
            return "the process server shows another certificate than the pinned one"
        return f"the process server's answer was not understood while {doing}"
    if isinstance(error, ConnectionRefusedError):
        return "the process server does not accept connections; it may not be running"
    if isinstance(error, socket.gaierror):
        return "the process server's host name is not known to this machine"
    if isinstance(error, TimeoutError):
        return f"the process server did not answer while {doing}"
    if isinstance(error, ConnectionError):
        return f"the process server closed the connection while {doing}"
    if isinstance(error, OSError):
        return f"the process server cannot be reached ({error.strerror or type(error).__name__})"
    return f"an unexpected {type(error).__name__} while {doing}"
