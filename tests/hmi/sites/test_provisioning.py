"""A new site is made whole or not at all, and both ends of it understand what was made."""

from __future__ import annotations

import datetime as dt
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.utils import timezone
from oauth2_provider.models import AccessToken

from accounts.issuer import load_signing_key
from hmi.sites.access import get_site_for
from hmi.sites.conduit_info import get_conduit_info
from hmi.sites.errors import SiteUnreachable
from hmi.sites.models import Conduit, Site
from hmi.sites.provisioning import ProvisioningError, SitePlan, provision_site
from hmi.sites.tokens import access_token_for
from relay_bridge.agent.config import load_config as load_site
from relay_bridge.agent.trust import load_trust
from relay_bridge.emulator.namespace import load_config as load_relay
from tests.hmi.sites.people import give

pytestmark = pytest.mark.django_db(transaction=True)
SOURCE = """
[[source]]
id = "main"
kind = "memory"

[[tag]]
id = "TK-101.level"
source = "main"
area = "North farm"
"""


def provision(tmp_path: Path, slug: str = "north", **options: Any) -> Path:
    out = tmp_path / f"agent-{slug}"
    call_command("provision_site", slug, name="North Terminal", out=str(out), verbosity=0, **options)
    return out


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_agent_starts_from_what_was_written(tmp_path: Path, bridge: Any) -> None:
    out = provision(tmp_path, time_zone="Europe/Oslo", endpoint="sb://127.0.0.1:9410/")
    site_file = out / "site.toml"
    site_file.write_text(site_file.read_text() + SOURCE)

    config = load_site(site_file)
    trust = load_trust(config.trust, timezone.now())

    site = Site.objects.get(slug="north")
    assert (config.site.id, config.site.name, config.site.time_zone) == ("north", "North Terminal", "Europe/Oslo")
    assert (config.trust.issuer, config.trust.audience) == (bridge.issuer, site.audience)
    assert (config.relay.host, config.relay.port, config.relay.use_tls) == ("127.0.0.1", 9410, False)
    assert (config.relay.entity_path, config.relay.key_name) == ("north", "listen")
    assert list(trust.token_keys) == [load_signing_key(bridge.signing_key).kid]
    assert trust.web_app.pem == bridge.web_app_cert.read_text()
    assert trust.agent.pem == site.conduit.agent_pin


def test_the_relay_gets_two_rules_of_one_right_each(tmp_path: Path, bridge: Any) -> None:
    out = provision(tmp_path)

    (connection,) = load_relay(bridge.relay_config).hybrid_connections
    assert (connection.path, connection.requires_client_authorization) == ("north", True)
    assert {rule.name: set(rule.rights) for rule in connection.rules} == {"listen": {"Listen"}, "send": {"Send"}}
    keys = {rule.name: rule.primary_key for rule in connection.rules}
    assert keys["listen"] != keys["send"]
    assert keys["listen"] in (out / "secrets/relay-listen").read_text()
    info = get_conduit_info(Site.objects.get().id)
    assert (info.connection.key_name, info.connection.key) == ("send", keys["send"])
    assert keys["send"] not in repr(info)
    assert keys["send"] not in "".join(data.decode() for data in everything(out).values())


def test_secrets_are_for_this_account_alone(tmp_path: Path, bridge: Any) -> None:
    out = provision(tmp_path)
    conduit = Conduit.objects.get()

    private = [
        out / "secrets/relay-listen", out / "secrets/agent.key.pem", conduit.send_key_path, bridge.relay_config,
        bridge.web_app_key, bridge.signing_key,
    ]  # fmt: skip
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    folders = [out, out / "secrets", out / "trust", bridge.secrets_dir, bridge.secrets_dir / "conduits"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    assert "SharedAccessKey" not in (out / "site.toml").read_text()


def test_identities_last_two_years_and_the_web_app_keeps_its_own(tmp_path: Path, bridge: Any) -> None:
    provision(tmp_path)
    first = bridge.web_app_cert.read_bytes()
    provision(tmp_path, "south")

    assert bridge.web_app_cert.read_bytes() == first
    pins = [conduit.agent_pin for conduit in Conduit.objects.all()]
    assert len(set(pins)) == 2
    for pem in (*pins, first.decode()):
        cert = x509.load_pem_x509_certificate(pem.encode())
        assert cert.not_valid_after_utc - timezone.now() == pytest.approx(
            dt.timedelta(days=730), abs=dt.timedelta(minutes=1)
        )
        assert len(ssl.PEM_cert_to_DER_cert(pem)) < 1000


@pytest.mark.parametrize("slug", ["North", "north terminal", "-north", "n" * 51, "", "../north", "north\n"])
def test_bad_slug_is_one_sentence(tmp_path: Path, slug: str) -> None:
    with pytest.raises(CommandError) as caught:
        call_command("provision_site", slug, name="North", out=str(tmp_path / "out"))
    assert "\n" not in str(caught.value)
    # It is the slug that is wrong, whatever else would be made from it.
    assert "slug" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_done_leaves_nothing_behind(tmp_path: Path, bridge: Any) -> None:
    provision(tmp_path)
    bridge.relay_config.write_text(bridge.relay_config.read_text() + "\n# kept\n")
    (tmp_path / "a-file").write_text("")
    before, rows = everything(tmp_path), Conduit.objects.count()
    attempts: list[tuple[dict[str, Any], str]] = [
        ({"slug": "north"}, "already a site 'north'"),
        ({"out": tmp_path / "agent-north"}, "not an empty folder"),
        ({"out": tmp_path / "a-file" / "below"}, "Cannot write"),
        ({"relay_config": tmp_path / "a-file" / "relay.toml"}, "Cannot"),
        ({"time_zone": "Mars/Olympus"}, "no time zone"),
        ({"name": ""}, "name"),
        ({"name": "North\nTerminal"}, "one line"),
        ({"endpoint": "https://relay"}, "connection string"),
    ]
    for change, words in attempts:
        facts = {"slug": "west", "name": "West", "out": tmp_path / "west", "relay_config": bridge.relay_config}
        with pytest.raises(ProvisioningError, match=words) as caught:
            provision_site(SitePlan(**{**facts, **change}), timezone.now())
        assert "\n" not in str(caught.value)
        assert everything(tmp_path) == before
        assert not (tmp_path / "west").exists()
        assert (Site.objects.count(), Conduit.objects.count()) == (rows, rows)


def test_path_taken_at_the_relay_leaves_nothing_behind(tmp_path: Path, bridge: Any) -> None:
    provision(tmp_path)
    Site.objects.update(slug="renamed")
    before = everything(tmp_path)
    with pytest.raises(CommandError, match="already has a hybrid connection 'north'"):
        call_command("provision_site", "north", name="North", out=str(tmp_path / "again"))
    assert everything(tmp_path) == before
    assert not (tmp_path / "again").exists()


def test_database_that_fails_at_the_end_leaves_nothing_behind(
    tmp_path: Path, bridge: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    provision(tmp_path)
    before = everything(tmp_path)

    def refuse_commit() -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(connection, "_commit", refuse_commit)
    with pytest.raises(DatabaseError):
        provision_site(SitePlan("west", "West", tmp_path / "west", bridge.relay_config), timezone.now())
    monkeypatch.undo()
    connection.close()

    assert everything(tmp_path) == before
    assert not Site.objects.filter(slug="west").exists()


def test_without_a_relay_there_is_nothing_to_provision(tmp_path: Path, settings: Any, bridge: Any) -> None:
    settings.SIGHTLINE = type(bridge)(state_dir=bridge.state_dir, issuer=bridge.issuer)
    with pytest.raises(CommandError, match="SIGHTLINE_RELAY_CONFIG"):
        provision(tmp_path)


def test_cut_off_site_has_no_way_left_to_it(tmp_path: Path, bridge: Any, alice: Any) -> None:
    provision(tmp_path)
    provision(tmp_path, "south")
    site = Site.objects.get(slug="north")
    give(alice, "viewer", site)
    access_token_for(get_site_for(alice, "north"))

    call_command("cut_off_site", "north", verbosity=0)

    assert not AccessToken.objects.exists()
    assert [each.path for each in load_relay(bridge.relay_config).hybrid_connections] == ["south"]
    site.refresh_from_db()
    assert not site.enabled
    assert site.conduit.agent_pin == ""
    assert not site.conduit.send_key_path.exists()
    with pytest.raises(SiteUnreachable):
        get_conduit_info(site.id)
    call_command("cut_off_site", "north", verbosity=0)  # again: nothing to do, no error
    with pytest.raises(CommandError, match="no site 'nowhere'"):
        call_command("cut_off_site", "nowhere")


def test_conduit_never_uses_a_rule_that_manages(tmp_path: Path) -> None:
    provision(tmp_path)
    Conduit.objects.update(send_key_name="RootManageSharedAccessKey")
    with pytest.raises(SiteUnreachable, match="Manage"):
        get_conduit_info(Site.objects.get().id)


def test_key_reference_cannot_leave_the_secrets_folder(tmp_path: Path) -> None:
    provision(tmp_path)
    (tmp_path / "state" / "elsewhere").write_text("c2VjcmV0")
    for reference in ("file:../elsewhere", "file:/etc/hostname", "env:HOME"):
        Conduit.objects.update(send_key_ref=reference)
        with pytest.raises(SiteUnreachable, match="cannot be read"):
            get_conduit_info(Site.objects.get().id)
