"""One plant and one farm for all tests of this folder: starting an OPC UA server takes seconds.

The plant is our own simulator, on the library that the driver uses too. The farm is a server on node-opcua, which is
not: its tests carry the mark ``opcua_node`` and are left out, in one sentence, where there is none; in CI that fails.
"""

from __future__ import annotations

import os

import pytest
import pytest_asyncio
from asyncua.crypto import cert_gen
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from relay_bridge.simulator.server import PlantServer, quiet_asyncua
from tests.support import node
from tests.support.opcua_node import FarmServer, make_farm_folder

quiet_asyncua()
SECURITY = ["None", "Basic256Sha256", "Aes256_Sha256_RsaPss"]
# Small enough that every list of the tests needs several calls.
LIMITS = {"max_read": 900, "max_items": 300, "max_browse": 40, "max_translate": 100, "browse_points": 4}
_left_out: list[str] = []  # why, once


def pytest_configure(config):
    config.addinivalue_line("markers", "opcua_node: against the OPC UA server on Node")


@pytest.hookimpl(trylast=True)  # what -k left over
def pytest_collection_modifyitems(items):
    ours = [item for item in items if item.get_closest_marker("opcua_node")]
    if not ours:
        return
    try:
        node.find(node.OPCUA_SERVER)
    except node.NodeMissing as error:
        _left_out.append(f"{len(ours)} tests against the OPC UA server on Node were left out: {error}")
        for item in ours:
            item.add_marker(pytest.mark.skip(reason="no Node"))


def pytest_sessionfinish(session):
    if _left_out and os.environ.get("CI") == "true":
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    for sentence in _left_out:
        failed = os.environ.get("CI") == "true"
        terminalreporter.write_sep("=", "OPC UA on Node left out", red=failed, yellow=not failed)
        terminalreporter.write_line(f"{sentence}.")
        if failed:
            terminalreporter.write_line("CI=true: this is a failure.")


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


@pytest.fixture(scope="session")
def farm_folder(tmp_path_factory):
    """Certificates of a farm, which trusts the agent, and of two agents; for several servers after each other."""
    identities = tmp_path_factory.mktemp("identities")
    agent, _ = make_identity(identities, "agent")
    make_identity(identities, "stranger")
    folder = make_farm_folder(tmp_path_factory.mktemp("farm"), {"agent.der": agent})
    for file in identities.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def farm(farm_folder):
    """The large farm that all share: nobody stops it, what is written to it is of the test that writes."""
    options = {"trusted": ["agent.der"], "users": {"mobile": "right"}, "security": SECURITY, **LIMITS}
    async with FarmServer(farm_folder, tanks=200, history=1800, crowd=10_000, **options) as server:
        yield server
