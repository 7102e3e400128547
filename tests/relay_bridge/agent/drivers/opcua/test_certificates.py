"""Certificates: loaded from files, and what is wrong with them said without their paths."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asyncua.crypto import cert_gen
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from relay_bridge.agent.drivers.opcua.certificates import OURS, expiry_of, first_certificate, load_identity, load_pin
from relay_bridge.agent.drivers.opcua.problems import SourceLost
from tests.relay_bridge.agent.drivers.opcua.conftest import make_identity


def test_identity_and_pin_are_read_from_der_and_pem(tmp_path):
    certificate, key = make_identity(tmp_path, "agent")
    identity = load_identity(certificate, key)
    assert identity.uri == "urn:test:agent"
    assert identity.key_format == "pem"
    assert load_pin(certificate) == certificate.read_bytes() == identity.certificate
    chain = identity.certificate + identity.certificate
    assert first_certificate(chain) == identity.certificate
    assert first_certificate(None) == b""


def test_missing_and_broken_files_are_told_without_their_path(tmp_path):
    (tmp_path / "broken.der").write_bytes(b"no certificate")
    with pytest.raises(SourceLost, match="is no certificate") as caught:
        load_pin(tmp_path / "broken.der")
    assert str(tmp_path) not in caught.value.reason
    with pytest.raises(SourceLost, match=r"cannot be read \(No such file or directory\)"):
        load_pin(tmp_path / "absent.der")


def test_an_end_that_is_near_is_told_sixty_days_ahead(tmp_path):
    certificate, _ = make_identity(tmp_path, "agent")  # for 30 days
    expiry = expiry_of(certificate.read_bytes(), OURS)
    before = expiry.until - timedelta(days=61)
    assert expiry.warning(before) == ""
    day = f"{expiry.until:%Y-%m-%d}"
    assert expiry.warning(expiry.until - timedelta(days=60)) == f"{OURS} expires on {day}, in 60 days"
    assert expiry.warning(expiry.until - timedelta(hours=1)) == f"{OURS} expires on {day}, in 0 days"
    assert expiry.warning(expiry.until) == f"{OURS} has expired on {day}"
    with pytest.raises(SourceLost, match="is no certificate"):
        expiry_of(b"", OURS)


def test_a_certificate_without_application_uri_is_refused(tmp_path):
    key = cert_gen.generate_private_key()
    made = cert_gen.generate_self_signed_app_certificate(key, "x", {}, [], [ExtendedKeyUsageOID.CLIENT_AUTH], 30)
    (tmp_path / "x.der").write_bytes(made.public_bytes(Encoding.DER))
    (tmp_path / "x.pem").write_bytes(cert_gen.dump_private_key_as_pem(key))
    with pytest.raises(SourceLost, match="names no application URI"):
        load_identity(tmp_path / "x.der", tmp_path / "x.pem")
