"""The plant's certificate: made once, its key for its owner alone, and who is let in with theirs."""

from __future__ import annotations

import stat

import pytest
from asyncua import ua
from asyncua.common.utils import ServiceError
from cryptography import x509

from relay_bridge.simulator.certificates import APPLICATION_URI, client_check, ensure_certificate


def test_it_is_made_once_and_the_key_is_private(tmp_path):
    certificate, key = ensure_certificate(tmp_path / "plant")
    first = certificate.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert ensure_certificate(tmp_path / "plant")[0].read_bytes() == first
    names = x509.load_der_x509_certificate(first).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [APPLICATION_URI]


async def test_with_a_folder_of_trusted_clients_nobody_else_gets_in(tmp_path):
    assert client_check(tmp_path) is None
    ours, _ = ensure_certificate(tmp_path / "ours")
    theirs, _ = ensure_certificate(tmp_path / "theirs")
    (tmp_path / "trusted").mkdir()
    (tmp_path / "trusted" / "ours.der").write_bytes(ours.read_bytes())
    check = client_check(tmp_path)
    description = ua.ApplicationDescription()
    await check(x509.load_der_x509_certificate(ours.read_bytes()), description)
    with pytest.raises(ServiceError) as caught:
        await check(x509.load_der_x509_certificate(theirs.read_bytes()), description)
    assert caught.value.code == ua.StatusCodes.BadCertificateUntrusted
