"""The folder of an enrolled agent: whole or not at all, and never over something else."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import msgspec
import pytest
from joserfc.jwk import OKPKey

from relay_bridge.agent.enrol_folder import SiteFolder
from relay_bridge.agent.enrol_http import EnrolError
from relay_bridge.agent.enrol_identity import make_identity
from relay_bridge.contract.enrolment import Terms

NOW = dt.datetime.now(dt.UTC)
CONNECTION = "Endpoint=sb://127.0.0.1/;EntityPath=north;SharedAccessKeyName=listen;SharedAccessKey=bGlzdGVu"


def terms(**other: object) -> Terms:
    key = OKPKey.generate_key("Ed25519", {"kid": "k1", "alg": "Ed25519", "use": "sig"}).as_dict(private=False)
    base = Terms(
        id="0" * 32, ticket="t" * 43, site="north", name="North", time_zone="UTC", issuer="https://h",
        audience="https://h/sites/1", token_keys=json.dumps({"keys": [key]}),
        web_app_cert=make_identity(NOW).certificate, nonce="1" * 64, expires_in=60, poll=1.0,
    )  # fmt: skip
    return msgspec.structs.replace(base, **other)


def write(folder: SiteFolder, found: Terms) -> Path:
    own = make_identity(NOW)
    return folder.write(found, certificate=own.certificate, key=own.key_pem, connection_string=CONNECTION, now=NOW)


def test_empty_folder_becomes_the_site(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    with SiteFolder(tmp_path / "site", replace=False) as folder:
        site_file = write(folder, terms())
    assert site_file.is_file() and [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.parametrize("replace", [False, True])
def test_folder_with_something_else_is_left_alone(tmp_path: Path, replace: bool) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(EnrolError, match="not empty"), SiteFolder(tmp_path, replace=replace):
        pass
    with pytest.raises(EnrolError, match="no folder"), SiteFolder(tmp_path / "notes.txt", replace=replace):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_place_that_cannot_be_written_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnrolError, match="Cannot write"), SiteFolder(tmp_path / "file" / "site", replace=False):
        pass


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"token_keys": "{}"}, "no JSON Web Key Set"),
        ({"web_app_cert": "nothing"}, "no PEM certificate"),
        ({"web_app_cert": make_identity(NOW - dt.timedelta(days=800)).certificate}, "ran out"),
    ],
)
def test_what_run_would_refuse_leaves_nothing(tmp_path: Path, change: dict[str, str], words: str) -> None:
    with pytest.raises(EnrolError, match=words) as caught, SiteFolder(tmp_path / "a/site", replace=False) as folder:
        write(folder, terms(**change))
    assert str(tmp_path) not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_site_file_that_was_rearranged_is_not_half_replaced(tmp_path: Path) -> None:
    with SiteFolder(tmp_path / "site", replace=False) as folder:
        site_file = write(folder, first := terms())
    site_file.write_text(site_file.read_text().replace("secrets/agent.key.pem", "keys/own.pem"))
    with SiteFolder(tmp_path / "site", replace=True) as folder, pytest.raises(EnrolError, match="agent_key"):
        folder.check_terms(first)
    assert not list((tmp_path / "site").glob(".*"))
