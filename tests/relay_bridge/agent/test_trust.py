"""Pinned keys and certificates: what is accepted, and the sentence for what is not."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from relay_bridge.agent.config import load_config
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.trust import load_trust, parse_token_keys
from tests.relay_bridge.agent.support import SiteFolder, thumbprint
from tests.support.certificates import make_identity

NOW = dt.datetime.now(dt.UTC)


def load(site: SiteFolder, now: dt.datetime = NOW):
    return load_trust(load_config(site.toml).trust, now)


def sentence(site: SiteFolder, now: dt.datetime = NOW) -> str:
    with pytest.raises(ConfigError) as refused:
        load(site, now)
    assert "PRIVATE" not in str(refused.value)
    return str(refused.value)


def test_everything_is_loaded_by_name(site: SiteFolder) -> None:
    trust = load(site)
    assert {kid: key.algorithm for kid, key in trust.token_keys.items()} == {"k1": "Ed25519", "k2": "ES256"}
    assert trust.web_app.thumbprint == thumbprint(site.web_app)
    assert trust.agent.thumbprint == thumbprint(site.agent)


def test_certificates_out_of_date_are_named(site: SiteFolder) -> None:
    assert "agent_cert: the certificate ran out on" in sentence(site, NOW + dt.timedelta(days=400))
    assert "valid only from" in sentence(site, NOW - dt.timedelta(days=60))
    old = make_identity("web-app", not_after=NOW - dt.timedelta(days=1))
    site.put("trust/web-app.pem", old.cert_pem)
    assert "web_app_pin: the certificate ran out on" in sentence(site)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("trust/web-app.pem", "", "no PEM certificate"),
        ("trust/web-app.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no PEM certificate"),
        ("trust/agent.pem", "nonsense", "no PEM certificate"),
        ("secrets/agent.key", "nonsense", "no usable PEM key"),
        ("secrets/agent.key", make_identity("other").key_pem, "not the key of the certificate"),
        ("secrets/agent.key", "x" * 20_000, "larger than"),
    ],
)
def test_unfit_files_are_named(site: SiteFolder, file: str, text: str, words: str) -> None:
    site.put(file, text, mode=0o600)
    assert words in sentence(site)


def test_two_certificates_are_no_pin(site: SiteFolder) -> None:
    site.put("trust/web-app.pem", site.web_app.cert_pem + make_identity("second").cert_pem)
    assert "holds 2 certificates" in sentence(site)


@pytest.mark.parametrize(
    "file", ["trust/web-app.pem", "trust/agent.pem", "secrets/agent.key", "trust/issuer.jwks.json"]
)
def test_missing_files_are_named(site: SiteFolder, file: str) -> None:
    (site.folder / file).unlink()
    assert "cannot read" in sentence(site) and file.rpartition("/")[2] in sentence(site)


def test_agent_key_open_to_others_is_refused(site: SiteFolder) -> None:
    (site.folder / "secrets/agent.key").chmod(0o640)
    assert "agent_key" in sentence(site) and "chmod 600" in sentence(site)


ED = OKPKey.generate_key("Ed25519", {"kid": "k1"})


def key_set(*rows: Any) -> str:
    return json.dumps({"keys": list(rows)})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON Web Key Set"),
        ("[]", "no JSON Web Key Set"),
        ("{}", "no JSON Web Key Set"),
        ('{"keys": {}}', "1 to 16 keys"),
        ('{"keys": []}', "1 to 16 keys"),
        (key_set(*[ED.as_dict(private=False) | {"kid": str(n)} for n in range(17)]), "1 to 16 keys"),
        (key_set("k"), "key 1 is no JSON Web Key"),
        (key_set({"kty": 5, "kid": "x"}), "key 1 is no JSON Web Key"),
        (key_set(ED.as_dict(private=True)), "key 1 holds a private"),
        (key_set(OctKey.generate_key(256, {"kid": "s"}).as_dict(private=True)), "key 1 holds a private or shared key"),
        (key_set({k: v for k, v in ED.as_dict(private=False).items() if k != "kid"}), "key 1 has no usable kid"),
        (key_set(ED.as_dict(private=False) | {"kid": ""}), "key 1 has no usable kid"),
        (key_set(ED.as_dict(private=False), ED.as_dict(private=False)), "same kid"),
        (key_set(RSAKey.generate_key(2048, {"kid": "r"}).as_dict(private=False)), "Ed25519 or ES256"),
        (key_set(ECKey.generate_key("P-384", {"kid": "e"}).as_dict(private=False)), "Ed25519 or ES256"),
        (key_set(OKPKey.generate_key("X25519", {"kid": "x"}).as_dict(private=False)), "Ed25519 or ES256"),
        (key_set(ED.as_dict(private=False) | {"alg": "EdDSA"}), "Ed25519 or ES256"),
        (key_set(ED.as_dict(private=False) | {"alg": "ES256"}), "Ed25519 or ES256"),
        (key_set(ED.as_dict(private=False) | {"use": "enc"}), "Ed25519 or ES256"),
        (key_set(ED.as_dict(private=False) | {"x": "AAAA"}), "key 1 is damaged"),
        (key_set(ED.as_dict(private=False) | {"x": 7}), "key 1 is damaged"),
        (key_set({"kty": "EC", "crv": "P-256", "kid": "e", "x": "AA", "y": "AA"}), "key 1 is damaged"),
    ],
    ids=lambda text: "keys" if "{" in text else text,  # the keys are new in each process, the names must not be
)
def test_unfit_key_sets_are_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_token_keys(text, where="[trust] token_keys")
    assert words in str(refused.value) and str(refused.value).startswith("[trust] token_keys")


def test_key_without_alg_is_for_its_own_algorithm() -> None:
    assert parse_token_keys(key_set(ED.as_dict(private=False)), where="keys")["k1"].algorithm == "Ed25519"
