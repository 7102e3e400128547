"""Which database is read strictly at the start: TLS unless nothing leaves the machine, no password in an address."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from hmi.database_settings import read_database

SERVER = "postgresql://sightline@db.example.com/plant"
NAMES = ("", "_URL", "_PASSWORD", "_PASSWORD_FILE", "_CA", "_TLS")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def reading(**values: str) -> dict[str, Any]:
        for name in NAMES:
            monkeypatch.delenv(f"SIGHTLINE_DATABASE{name}", raising=False)
        for name, value in values.items():
            monkeypatch.setenv(f"SIGHTLINE_DATABASE{name}", value)
        return read_database(tmp_path)

    return reading


def test_sqlite_in_the_state_folder_unless_said_otherwise(read: Any, tmp_path: Path) -> None:
    found = read()
    assert (found["ENGINE"], found["NAME"]) == ("django.db.backends.sqlite3", tmp_path / "sightline.sqlite3")
    assert found["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_server_is_checked_by_name_against_what_the_system_trusts(read: Any, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("eleven grey herons\n")
    found = read(_URL=SERVER, _PASSWORD_FILE=str(secret))
    place = [found[name] for name in ("USER", "HOST", "PORT", "NAME", "PASSWORD")]
    assert place == ["sightline", "db.example.com", 5432, "plant", "eleven grey herons"]
    assert (found["OPTIONS"]["sslmode"], found["OPTIONS"]["sslrootcert"]) == ("verify-full", "system")
    assert found["OPTIONS"]["connect_timeout"] and "lock_timeout" in found["OPTIONS"]["options"]


def test_own_authority_vouches_for_the_server(read: Any, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("a certificate")
    found = read(_URL=SERVER, _PASSWORD="x", _CA=str(authority))
    assert (found["OPTIONS"]["sslmode"], found["OPTIONS"]["sslrootcert"]) == ("verify-full", str(authority))


def test_on_this_machine_tls_can_be_left_out(read: Any) -> None:
    found = read(_URL="postgresql://sightline@127.0.0.1:5433/plant", _PASSWORD="x", _TLS="off-on-loopback")
    assert (found["PORT"], found["OPTIONS"]["sslmode"]) == (5433, "disable")
    found = read(_URL="postgresql://sightline@%2Frun%2FpostgreSQL/plant")
    assert (found["HOST"], found["PASSWORD"]) == ("/run/postgreSQL", "") and "sslmode" not in found["OPTIONS"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"_URL": "postgresql://sightline:grey-herons@db.example.com/plant"}, "PASSWORD_FILE"),
        ({"_URL": "postgresql://sightline:@db.example.com/plant"}, "PASSWORD_FILE"),
        ({"_URL": SERVER}, "SIGHTLINE_DATABASE_PASSWORD"),
        ({"_URL": SERVER, "_PASSWORD_FILE": "/nonexistent"}, "cannot read"),
        ({"_URL": SERVER, "_PASSWORD": "x", "_TLS": "off-on-loopback"}, "on this machine"),
        ({"_URL": SERVER, "_PASSWORD": "x", "_TLS": "require"}, "must be one of"),
        ({"_URL": SERVER, "_PASSWORD": "x", "_CA": "/nonexistent/ca.pem"}, "there is no file"),
        ({"_URL": f"{SERVER}?sslmode=disable", "_PASSWORD": "x"}, "takes no parameters"),
        ({"_URL": "mysql://sightline@db.example.com/plant", "_PASSWORD": "x"}, "must look like"),
        ({"_URL": "postgresql://db.example.com/plant", "_PASSWORD": "x"}, "must look like"),
        ({"_URL": "postgresql://sightline@db.example.com", "_PASSWORD": "x"}, "must look like"),
        ({"_URL": "postgresql://sightline@db.example.com:port/plant", "_PASSWORD": "x"}, "must look like"),
        ({"_URL": "postgresql://sightline@db.example.com/a/b", "_PASSWORD": "x"}, "must look like"),
        ({"_URL": SERVER, "": "/var/lib/plant.sqlite3", "_PASSWORD": "x"}, "not both"),
        ({"_PASSWORD": "x"}, "Leave SIGHTLINE_DATABASE_PASSWORD out"),
        ({"_URL": "postgresql://s@%2Frun/plant", "_CA": "/nonexistent"}, "has no TLS"),
    ],
)
def test_wrong_setting_is_one_sentence_without_the_password(read: Any, values: dict[str, str], words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=words) as refused:
        read(**values)
    assert "herons" not in str(refused.value)


def test_missing_driver_is_named(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImproperlyConfigured, match="pip install"):
        read(_URL=SERVER, _PASSWORD="x")
