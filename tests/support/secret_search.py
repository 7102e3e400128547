"""Finding secrets in what left the server: by what they look like, and by the very values of this run."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

SHORTEST = 8  # characters of a value; shorter ones turn up by chance

PATTERNS = {
    "a JSON web token": rb"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.",
    "a header of a JSON web token": rb"eyJ(?:hbGciOi|0eXAiOi|raWQiOi)[A-Za-z0-9_-]{8,}",
    "a shared access signature": rb"SharedAccessSignature(?:\s|%20|\+)+s",
    "a signature in an address": rb"[?&\s](?:sig|sb-hc-token)=[A-Za-z0-9%+/=_-]{20,}",
    "a connection string": rb"SharedAccessKey=",
    "a private key": rb"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a private key as JSON": rb'"d"\s*:\s*"[A-Za-z0-9_-]{40,}"',
    "a bearer token": rb"(?i)\bbearer\s+[A-Za-z0-9._~+/-]{20,}",
    "a secret of an authenticator app": rb"otpauth://[a-z]+/[^\s\"'<]*secret=",
    "a session cookie": rb"(?:__Host-)?sightline=[a-z0-9]{32}\b",
    "a password's digest": rb"\b(?:pbkdf2_sha256|argon2|scrypt|bcrypt_sha256)\$[^\s\"'<]{20,}",
}
_COMPILED = {name: re.compile(pattern) for name, pattern in PATTERNS.items()}


class Finding(NamedTuple):
    """What was found where. The secret itself is not repeated: a test's report is a place where it must not stand."""

    what: str
    where: str


class SecretSearch:
    """``values``: the run's own secrets, each with the words that a finding names it by."""

    def __init__(self, values: dict[str, str]) -> None:
        self._forms = {form: name for value, name in values.items() if len(value) >= SHORTEST for form in _forms(value)}

    def __len__(self) -> int:
        return len(self._forms)

    def search(self, where: str, data: bytes, *, but_not: Iterable[str] = ()) -> Iterator[Finding]:
        """``but_not``: names of values and of patterns that may stand here."""
        allowed = set(but_not)
        for name, pattern in _COMPILED.items():
            if name not in allowed and pattern.search(data):
                yield Finding(name, where)
        for form, name in self._forms.items():
            if name not in allowed and form in data:
                yield Finding(name, where)


def _forms(value: str) -> set[bytes]:
    """A value as it stands, in an address, in JSON inside JSON, and as base64 of its own."""
    raw = value.encode()
    coded = base64.b64encode(raw).rstrip(b"=")
    forms = {raw, quote(value, safe="").encode(), value.replace("/", "\\/").encode(), coded}
    forms.add(coded.replace(b"+", b"-").replace(b"/", b"_"))
    return {form for form in forms if len(form) >= SHORTEST}
