"""Pins: exactly one certificate, never a key, and the thumbprint that tokens carry."""

import base64
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from relay_bridge.secure_channel.errors import PinError
from relay_bridge.secure_channel.pins import read_pin, thumbprint
from tests.support.certificates import make_identity


@pytest.fixture(scope="module")
def alice():
    return make_identity("alice")


def test_a_pin_is_its_certificate(alice):
    der = x509.load_pem_x509_certificate(alice.cert_pem.encode()).public_bytes(Encoding.DER)
    pin = read_pin("Subject: somebody\n" + alice.cert_pem)
    assert pin.der == der
    assert pin.thumbprint == thumbprint(der)
    assert pin.thumbprint == base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")


def test_it_matches_itself_only(alice):
    pin = read_pin(alice.cert_pem)
    other = read_pin(make_identity("alice").cert_pem)
    assert pin.matches(pin.der)
    assert not pin.matches(other.der)
    assert not pin.matches(None)
    assert not pin.matches(b"")


def test_what_is_no_pin(alice):
    broken = alice.cert_pem.replace("MII", "!!!", 1)
    for pem, words in (
        ("", "0 were found"),
        (alice.cert_pem * 2, "2 were found"),
        (alice.cert_pem + alice.key_pem, "private key"),
        (alice.key_pem, "private key"),
        (broken, "no certificate"),
        (broken.replace("!!!", "A"), "no certificate"),
        (broken.replace("!!!", "MIJ"), "no certificate"),
        (alice.cert_pem.replace("\n-----END", "\nMIIB\n-----END"), "no certificate"),
        ("x" * 20_000, "longer"),
    ):
        with pytest.raises(PinError, match=words):
            read_pin(pem)
