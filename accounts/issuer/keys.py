"""The issuer's Ed25519 key: a JWK in one file that only this account can read (RFC 7517, RFC 8037).

Sites pin the public half at onboarding, so whoever reads this file can speak for every person at every site.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

ALGORITHM = "Ed25519"  # RFC 9864; the older name EdDSA says less and is not used
MAX_KEY_FILE = 4096  # bytes; a private Ed25519 JWK has about 250
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class SigningKeyError(Exception):
    """The key file cannot be used; the message says what to do about it."""


def create_signing_key(path: Path) -> OKPKey:
    """Make a new key and store it, mode 0600. `SigningKeyError` when a file is there or others can enter its folder.

    Never replaces a key: sites pinned the old one and would refuse every token of the new one.
    """
    path = Path(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.parent.stat().st_mode & OTHERS:
        raise SigningKeyError(f"Other accounts can enter {path.parent}; chmod 700 it before a key goes there.")
    key = OKPKey.generate_key("Ed25519", private=True)
    document = {**key.as_dict(private=True), "kid": key.thumbprint(), "use": "sig", "alg": ALGORITHM}
    # Written in full beside its place (mkstemp: mode 0600) and then linked: link() fails when the name is taken, and
    # a crash leaves either no key or a whole one.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-key-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
    except FileExistsError as error:
        raise SigningKeyError(f"{path} exists already; a signing key is never overwritten.") from error
    finally:
        Path(name).unlink()
    return load_signing_key(path)


def load_signing_key(path: Path) -> OKPKey:
    """Read the key; `SigningKeyError` when it is missing, open to others, or not a private Ed25519 JWK with a kid."""
    try:
        # Judged and read through one handle, so that the file cannot be exchanged in between.
        with Path(path).open("rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise SigningKeyError(f"{path} is not a plain file.")
            if facts.st_mode & OTHERS:
                raise SigningKeyError(f"Other accounts can read {path}: that key is spent, make a new one.")
            text = file.read(MAX_KEY_FILE + 1)
    except FileNotFoundError as error:
        raise SigningKeyError(f"There is no signing key at {path}: run manage.py create_issuer_key.") from error
    except OSError as error:
        raise SigningKeyError(f"Cannot read the signing key {path}: {error.strerror}.") from error
    if len(text) > MAX_KEY_FILE:
        raise SigningKeyError(f"{path} is longer than {MAX_KEY_FILE} bytes; that is no signing key.")
    return _parse_key(text, path)


def public_jwks(key: OKPKey) -> dict[str, Any]:
    """The public half as a JWK set, to be pinned at a site."""
    public = key.as_dict(private=False)
    named = {"kty": "OKP", "crv": "Ed25519", "x": public["x"]}  # by name: nothing private slips in with a new field
    return {"keys": [{**named, "kid": key.kid, "use": "sig", "alg": ALGORITHM}]}


def _parse_key(text: bytes, path: Path) -> OKPKey:
    try:
        document = json.loads(text)
        key = OKPKey.import_key(document)
    except (ValueError, TypeError, AttributeError, KeyError, JoseError) as error:
        # The cause is dropped on purpose: its message could quote the key.
        raise SigningKeyError(f"{path} holds no Ed25519 key in JWK form ({type(error).__name__}).") from None
    if key.curve_name != "Ed25519" or not key.is_private or not key.kid:
        raise SigningKeyError(f"{path} must hold a private Ed25519 key with a kid.")
    return key
