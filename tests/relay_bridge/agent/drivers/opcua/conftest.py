"""One plant for all tests of this folder: starting an OPC UA server takes seconds."""

from __future__ import annotations

import pytest_asyncio
from asyncua.crypto import cert_gen
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from relay_bridge.simulator.server import PlantServer, quiet_asyncua

quiet_asyncua()


def make_identity(folder, name):
    """Certificate and key of an agent, as files."""
    key = cert_gen.generate_private_key()
    names = [x509.UniformResourceIdentifier(f"urn:test:{name}")]
    certificate = cert_gen.generate_self_signed_app_certificate(
        key, name, {}, names, [ExtendedKeyUsageOID.CLIENT_AUTH], 30
    )
    (folder / f"{name}.der").write_bytes(certificate.public_bytes(Encoding.DER))
    (folder / f"{name}.pem").write_bytes(cert_gen.dump_private_key_as_pem(key))
    return folder / f"{name}.der", folder / f"{name}.pem"


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def shared_plant(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plant")
    trusted = folder / "trusted"
    trusted.mkdir()
    certificate, _ = make_identity(folder, "agent")
    make_identity(folder, "stranger")
    (trusted / "agent.der").write_bytes(certificate.read_bytes())
    async with PlantServer(seed=2, certificate_dir=folder, users={"mobile": "right"}) as server:
        server.folder = folder
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def plant(shared_plant):
    shared_plant.faults.clear()
    yield shared_plant
    shared_plant.faults.clear()
