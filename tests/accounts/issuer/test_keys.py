"""The signing key: one file for one account's eyes, never overwritten, and only its public half ever handed out."""

from __future__ import annotations

import json
import os
import stat

import pytest
from joserfc.jwk import ECKey, KeySet, OKPKey

from accounts.issuer import SigningKeyError, create_signing_key, load_signing_key, public_jwks


@pytest.fixture
def path(tmp_path):
    return tmp_path / "secrets" / "issuer.key.json"


def store(path, document):
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    path.chmod(0o600)


def test_new_key_is_for_its_owner_alone_whatever_the_umask(path):
    before = os.umask(0)
    try:
        create_signing_key(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_key_comes_back_with_its_kid(path):
    created = create_signing_key(path)
    loaded = load_signing_key(path)
    assert loaded.kid == created.kid == created.thumbprint()
    (stored,) = json.loads(path.read_text())["keys"]
    assert stored["alg"] == "Ed25519"


def test_key_is_never_overwritten(path):
    create_signing_key(path)
    before = path.read_bytes()
    with pytest.raises(SigningKeyError, match="never overwritten"):
        create_signing_key(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_two_keys_differ(tmp_path):
    (tmp_path / "keys").mkdir(mode=0o700)
    one, other = (create_signing_key(tmp_path / "keys" / name) for name in ("one", "other"))
    assert one.kid != other.kid


def test_folder_that_others_can_enter_is_refused(path):
    path.parent.mkdir()
    path.parent.chmod(0o755)
    with pytest.raises(SigningKeyError, match="chmod 700"):
        create_signing_key(path)
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_key_that_others_can_reach_is_refused(path, mode):
    create_signing_key(path)
    path.chmod(mode)
    with pytest.raises(SigningKeyError, match="Other accounts"):
        load_signing_key(path)


def test_missing_key_says_how_to_make_one(path):
    with pytest.raises(SigningKeyError, match="create_issuer_key"):
        load_signing_key(path)


def test_folder_in_its_place_is_refused(path):
    path.mkdir(parents=True, mode=0o700)
    with pytest.raises(SigningKeyError):
        load_signing_key(path)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "not json",
        "[]",
        "null",
        "{}",
        {"kty": "OKP", "crv": "Ed25519"},
        {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ", "kid": "a"},
        {**OKPKey.generate_key("X25519").as_dict(private=True), "kid": "a"},
        {**OKPKey.generate_key("Ed25519").as_dict(private=False), "kid": "a"},
        OKPKey.generate_key("Ed25519").as_dict(private=True),
        {**ECKey.generate_key("P-384").as_dict(private=True), "kid": "a"},
        {**ECKey.generate_key("P-256").as_dict(private=False), "kid": "a"},
        " " * 20_000,
    ],
)
def test_what_is_no_private_signing_key_with_a_kid_is_refused(path, document):
    store(path, document)
    with pytest.raises(SigningKeyError) as refusal:
        load_signing_key(path)
    if isinstance(document, dict) and "d" in document:
        assert document["d"] not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_key_for_es256_by_option(path):
    created = create_signing_key(path, "ES256")
    assert load_signing_key(path).kid == created.kid
    (public,) = public_jwks(created)["keys"]
    assert public.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (public["crv"], public["alg"]) == ("P-256", "ES256")


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256", "none", "HS256", ""])
def test_no_other_algorithm_is_made(path, algorithm):
    with pytest.raises(SigningKeyError, match="Ed25519 or ES256"):
        create_signing_key(path, algorithm)
    assert not path.exists()


def test_public_half_holds_nothing_private(path):
    key = create_signing_key(path)
    jwks = public_jwks(key)
    (public,) = jwks["keys"]
    assert public.keys() == {"kty", "crv", "x", "kid", "use", "alg"}
    assert json.loads(path.read_text())["keys"][0]["d"] not in json.dumps(jwks)
    assert not KeySet.import_key_set(jwks).keys[0].is_private
