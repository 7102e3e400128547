"""One end of TLS 1.3 inside the relayed stream: the relay joins the bytes, and can neither read nor change them.

Both ends show a certificate, and each accepts exactly one, the certificate pinned at onboarding. No public authority,
no name, no resumption, no early data, no compression. The web app is the client, the agent the server.
"""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from typing import Final, Literal, NoReturn

from relay_bridge.secure_channel.errors import (
    CorruptStream,
    NotTrustedByPeer,
    PeerNotTrusted,
    PinError,
    SecureChannelError,
    TruncatedStream,
)
from relay_bridge.secure_channel.pins import read_pin, thumbprint

Side = Literal["client", "server"]

_READ_SIZE: Final = 65_536  # bytes taken from OpenSSL at once
_PARTIAL_CHAIN: Final = getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0)
# X509_V_ERR_* of OpenSSL
_NOT_YET_VALID, _EXPIRED = 9, 10
_WORDS_OF_ALERTS: Final = {
    "UNKNOWN_CA": "it pinned another certificate than the one this side shows",
    "BAD_CERTIFICATE": "it finds this side's certificate unusable",
    "CERTIFICATE_UNKNOWN": "it pinned another certificate than the one this side shows",
    "CERTIFICATE_EXPIRED": "this side's certificate is not valid today; issue a new one and pin it again",
    "CERTIFICATE_REQUIRED": "this side showed no certificate",
    "UNSUPPORTED_CERTIFICATE": "this side's certificate is not meant for this use",
    "ACCESS_DENIED": "it refuses this side",
    "DECRYPT_ERROR": "it could not check this side's signature",
}


class InnerTls:
    """One end of a session. Feed what arrives to ``receive_bytes``; send what ``data_to_send`` gives, in that order.

    With TLS 1.3 the client's handshake is complete *before* the server has judged the client's certificate. A client
    knows that it was accepted only when the first application data of the server arrives.

    ``own_cert_pem_path``, ``own_key_path``: PEM files of this side. ``peer_pem``: the text of the pinned certificate.
    A certificate with extended key usages must list the side it is used for. Raises ``PinError``.
    """

    def __init__(self, side: Side, own_cert_pem_path: str | Path, own_key_path: str | Path, peer_pem: str) -> None:
        self.side: Side = side
        self._pin = read_pin(peer_pem)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        context = _context(side, own_cert_pem_path, own_key_path, self._pin.pem)
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=side == "server")
        self._failure: SecureChannelError | None = None
        self.handshake_complete = False
        self.close_received = False  # the other side's close_notify: nothing more will come
        self.close_sent = False
        if side == "client":
            self._advance()

    @property
    def peer_certificate_der(self) -> bytes | None:
        """The other side's certificate, once the handshake is complete and the certificate was found to be the pin."""
        return self._tls.getpeercert(binary_form=True) if self.handshake_complete else None

    @property
    def peer_thumbprint(self) -> str | None:
        der = self.peer_certificate_der
        return None if der is None else thumbprint(der)

    def receive_bytes(self, data: bytes) -> bytes:
        """Take what arrived, in any pieces; return the application data in it, which may be none.

        After every call send ``data_to_send()``, also after an error: the alert in it tells the other side why.
        """
        self._check()
        if data:
            self._incoming.write(data)
        if not self.handshake_complete:
            self._advance()
        return self._read() if self.handshake_complete else b""

    def receive_eof(self) -> None:
        """The stream ended. ``TruncatedStream`` unless the other side had said so with close_notify."""
        if self._failure is None and not self.close_received:
            self._fail(TruncatedStream("the stream ended without the other side's closing word"))

    def send_application(self, data: bytes) -> None:
        """Encrypt ``data``; it comes out of ``data_to_send``. Only after the handshake and before ``close``."""
        self._check()
        if not self.handshake_complete or self.close_sent:
            raise SecureChannelError("the secure channel is not open for sending")
        view = memoryview(data)
        try:
            while view:
                view = view[self._tls.write(view) :]
        except ssl.SSLError as error:
            self._fail(CorruptStream(f"TLS could not send: {error.reason}"), error)

    def close(self) -> None:
        """Say goodbye: close_notify comes out of ``data_to_send``. Without it the stream counts as truncated."""
        if self._failure is not None or not self.handshake_complete or self.close_sent:
            return
        self.close_sent = True
        # "Want read": the other side's own goodbye is still to come, and nobody needs to wait for it.
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()

    @property
    def has_data_to_send(self) -> bool:
        """Whether ``data_to_send`` would give anything."""
        return self._outgoing.pending > 0

    def data_to_send(self) -> bytes:
        """What has to go to the other side now; empty when nothing has."""
        return self._outgoing.read()

    def _advance(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            self._fail(_explain(error), error)
        # The chain check above already demands the pinned certificate as its own trust anchor. This second, byte-wise
        # comparison holds even if that check is ever configured wrongly.
        if not self._pin.matches(self._tls.getpeercert(binary_form=True)):
            self._fail(PeerNotTrusted("the other side's certificate is not the pinned one"))
        self.handshake_complete = True

    def _read(self) -> bytes:
        pieces: list[bytes] = []
        while not self.close_received:
            try:
                piece = self._tls.read(_READ_SIZE)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                piece = b""
            except ssl.SSLError as error:
                self._fail(_explain(error), error)
            if not piece:
                self.close_received = True
                break
            pieces.append(piece)
        return b"".join(pieces)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _fail(self, failure: SecureChannelError, cause: Exception | None = None) -> NoReturn:
        self._failure = failure
        raise failure from cause


def _context(side: Side, own_cert: str | Path, own_key: str | Path, pin_pem: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if side == "server" else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # the pin says who it is; names are for directories, and there is none here
    context.verify_mode = ssl.CERT_REQUIRED
    # The pinned certificate is a leaf that signed itself, and its own anchor: older OpenSSL settings want this said.
    context.verify_flags |= _PARTIAL_CHAIN
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    if side == "server":
        context.num_tickets = 0  # no resumption: every session proves both certificates again
    try:
        context.load_verify_locations(cadata=pin_pem)
    except ssl.SSLError as error:
        raise PinError("the pinned certificate cannot be read; export it again in PEM form") from error
    try:
        context.load_cert_chain(own_cert, own_key, password=_no_password)
    except FileNotFoundError as error:
        raise PinError(f"this side's certificate or key file is missing: {own_cert}, {own_key}") from error
    except (ssl.SSLError, OSError) as error:
        raise PinError(f"this side's certificate {own_cert} and key {own_key} cannot be used together") from error
    return context


def _no_password() -> str:
    # Without this OpenSSL would ask on the terminal, and a service would hang there.
    raise PinError("this side's key file is encrypted; a service needs it without a password and with mode 0600")


def _explain(error: ssl.SSLError) -> SecureChannelError:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code == _EXPIRED:
            return PeerNotTrusted("the other side's pinned certificate has expired; issue a new one and pin it")
        if error.verify_code == _NOT_YET_VALID:
            return PeerNotTrusted("the other side's pinned certificate is not valid yet; check this machine's clock")
        return PeerNotTrusted(f"the other side's certificate is not the pinned one ({error.verify_message})")
    reason = error.reason or "unknown"
    if "ALERT" in reason:
        for alert, words in _WORDS_OF_ALERTS.items():
            if reason.endswith(alert):
                return NotTrustedByPeer(f"the other side refused the session: {words}")
        return CorruptStream(f"the other side gave the session up ({reason})")
    if "PEER_DID_NOT_RETURN_A_CERTIFICATE" in reason:
        return PeerNotTrusted("the other side showed no certificate")
    if isinstance(error, ssl.SSLEOFError) or "UNEXPECTED_EOF" in reason:
        return TruncatedStream("the stream ended without the other side's closing word")
    return CorruptStream(f"what arrived is not what the other side sent ({reason})")
