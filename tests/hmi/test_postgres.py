"""The settings of production on a real PostgreSQL under TLS: it migrates, passes its checks, and its locks hold."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.db.utils import ConnectionHandler

from hmi.database_settings import read_database
from tests.support.demo import ROOT, free_port
from tests.support.postgres import running_postgres
from tests.support.postgres_web_app import AT_ONCE

PASSWORD = "eleven grey herons stand"


class Server(NamedTuple):
    port: int
    folder: Path  # of its socket
    authority: Path  # the certificate that vouches for it
    stranger: Path  # one that vouches for another server
    password: Path

    def settings(self, host: str = "localhost", authority: Path | None = None) -> dict[str, str]:
        return {
            "SIGHTLINE_DATABASE_URL": f"postgresql://sightline@{host}:{self.port}/plant",
            "SIGHTLINE_DATABASE_PASSWORD_FILE": str(self.password),
            "SIGHTLINE_DATABASE_CA": str(authority or self.authority),
        }


def certificate(name: str) -> tuple[str, str]:
    """A self-signed one for a server of this name: certificate and key, PEM."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM).decode(), secret.decode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder, port = tmp_path_factory.mktemp("postgres"), free_port()
    (public, secret), (foreign, _) = certificate("localhost"), certificate("localhost")
    (folder / "authority.pem").write_text(public)
    (folder / "stranger.pem").write_text(foreign)
    (folder / "password").write_text(PASSWORD)
    with running_postgres(port, public + secret) as socket:
        with psycopg.connect(host=str(socket), port=port, user="postgres", dbname="postgres", autocommit=True) as own:
            own.execute(f"CREATE ROLE sightline LOGIN PASSWORD '{PASSWORD}'")
            own.execute("CREATE DATABASE plant OWNER sightline")
        yield Server(port, socket, folder / "authority.pem", folder / "stranger.pem", folder / "password")


@pytest.fixture(scope="module")
def found(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIGHTLINE_")} | {
        "DJANGO_SETTINGS_MODULE": "hmi.settings",
        "SIGHTLINE_STATE_DIR": str(tmp_path_factory.mktemp("state")),
        "SIGHTLINE_SECRET_KEY": "".join(chr(33 + number) for number in range(64)),
        "SIGHTLINE_PUBLIC_URL": "https://hmi.example.com",
        **server.settings(),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.postgres_web_app"],
        check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_production_settings_migrate_and_pass_every_check_for_deployment(found: dict[str, Any]) -> None:
    assert "no issues" in found["checked"]
    assert found["encrypted"] and found["version"] == "TLSv1.3"


def test_trail_is_append_only_there(found: dict[str, Any]) -> None:
    assert all("audit trail" in words for words in found["refusals"]), found["refusals"]
    assert found["holds"]


def test_many_guesses_at_once_are_five(found: dict[str, Any]) -> None:
    assert sorted(found["tries"]) == [False] * (AT_ONCE - 5) + [True] * 5


def test_of_many_confirmations_at_once_one_makes_a_session(found: dict[str, Any]) -> None:
    assert found["moves"] == ["gone"] * (AT_ONCE - 1) + ["moved", 1]


def test_many_sign_ins_at_once_are_as_many_as_allowed(found: dict[str, Any]) -> None:
    assert found["sign-ins"] == 3


@pytest.mark.parametrize("wrong", ["authority", "name", "password"])
def test_another_server_or_password_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: str
) -> None:
    """Whoever stands in the way with a certificate of his own, or of the right authority for another name."""
    settings = server.settings(
        host="127.0.0.1" if wrong == "name" else "localhost",
        authority=server.stranger if wrong == "authority" else None,
    )
    if wrong == "password":
        (tmp_path / "password").write_text("twelve grey herons stand")
        settings["SIGHTLINE_DATABASE_PASSWORD_FILE"] = str(tmp_path / "password")
    monkeypatch.delenv("SIGHTLINE_DATABASE", raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    # As Django would connect, past the fence that keeps tests off databases.
    parameters = ConnectionHandler({"default": read_database(tmp_path)})["default"].get_connection_params()
    with pytest.raises(psycopg.OperationalError) as refused:
        psycopg.connect(**{name: value for name, value in parameters.items() if name != "cursor_factory"})
    expected = {"authority": "certificate verify failed", "name": "does not match", "password": "password"}[wrong]
    assert expected in str(refused.value)
    assert "herons" not in str(refused.value)
