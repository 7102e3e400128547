"""A passkey in software: what a device answers, byte by byte, so that a test can bend each part of it.

The browser tests use Chromium's own virtual authenticator; this one lies where a real one would not.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode

PRESENT, VERIFIED, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x40


class SoftPasskey:
    """``flags`` is what the device claims: somebody was there, was recognised, the key may be copied."""

    def __init__(self, origin: str, host: str, *, flags: int = PRESENT | VERIFIED) -> None:
        self.origin, self.host, self.flags = origin, host, flags
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(32)
        self.user: bytes = b""
        self.counter = 0

    def create(self, options: dict[str, Any]) -> str:
        """The answer to the options of an enrolment, as the page sends it."""
        public = options["publicKey"]
        self.user = websafe_decode(public["user"]["id"])
        cose = cbor.encode(dict(ES256.from_cryptography_key(self.key.public_key())))
        data = self._data(self.flags | ATTESTED) + bytes(16) + struct.pack(">H", len(self.id)) + self.id + cose
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", public["challenge"])
        return self._answer(
            clientDataJSON=websafe_encode(client),
            attestationObject=websafe_encode(attestation),
            transports=["internal"],
        )

    def get(self, options: dict[str, Any], **lies: Any) -> str:
        """The answer to a question; ``lies``: ``type``, ``user``, ``counter``."""
        public = options["publicKey"]
        self.counter = lies.get("counter", self.counter)
        client = self._client(lies.get("type", "webauthn.get"), public["challenge"])
        data = self._data(self.flags)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(
            clientDataJSON=websafe_encode(client),
            authenticatorData=websafe_encode(data),
            signature=websafe_encode(signature),
            userHandle=websafe_encode(lies.get("user", self.user)),
        )

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.host.encode()).digest() + struct.pack(">BI", flags, self.counter)

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _answer(self, **response: Any) -> str:
        identity = websafe_encode(self.id)
        return json.dumps(
            {
                "id": identity,
                "rawId": identity,
                "type": "public-key",
                "response": response,
                "clientExtensionResults": {"credProps": {"rk": True}},
            }
        )
