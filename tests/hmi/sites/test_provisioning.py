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
from hmi.sites import provisioning
from hmi.sites.access import get_site_for
from hmi.sites.conduit_info import get_conduit_info
from hmi.sites.errors import SiteUnreachable
from hmi.sites.models import Conduit, ConduitChange, Site
from hmi.sites.provisioning import ProvisioningError, SitePlan, provision_site
from hmi.sites.relay_management import changing_relay, relay_management
from hmi.sites.tokens import access_token_for
from relay_bridge.agent.config import load_config as load_site
from relay_bridge.agent.trust import load_trust
from relay_bridge.emulator.server import RelayEmulator
from tests.hmi.sites.people import give
from tests.support.relay import RelayThread

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("relay")]
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
    """Every file but the relay's own, and what the relay has."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.parent.name != "relay"]
    with relay_management() as management:
        at_relay = repr([(each.path, each.created) for each in management.list_conduits()]).encode()
    return {**{str(path.relative_to(folder)): path.read_bytes() for path in files}, "at the relay": at_relay}


def test_the_agent_starts_from_what_was_written(tmp_path: Path, bridge: Any, relay: RelayEmulator) -> None:
    out = provision(tmp_path, time_zone="Europe/Oslo")
    site_file = out / "site.toml"
    site_file.write_text(site_file.read_text() + SOURCE)

    config = load_site(site_file)
    trust = load_trust(config.trust, timezone.now())

    site = Site.objects.get(slug="north")
    assert (config.site.id, config.site.name, config.site.time_zone) == ("north", "North Terminal", "Europe/Oslo")
    assert (config.trust.issuer, config.trust.audience) == (bridge.issuer, site.audience)
    assert (config.relay.host, config.relay.port, config.relay.use_tls) == ("127.0.0.1", relay.port, False)
    assert (config.relay.entity_path, config.relay.key_name) == ("north", "listen")
    assert list(trust.token_keys) == [load_signing_key(bridge.signing_key).kid]
    assert trust.web_app.pem == bridge.web_app_cert.read_text()
    assert trust.agent.pem == site.conduit.agent_pin


def test_the_relay_gets_two_rules_of_one_right_each(tmp_path: Path, bridge: Any) -> None:
    out = provision(tmp_path)

    with relay_management() as management:
        (conduit,) = management.list_conduits()
        assert (conduit.path, conduit.requires_client_authorization) == ("north", True)
        assert management.get_rules("north") == {"listen": {"Listen"}, "send": {"Send"}}
        both = management.get_keys("north")
    keys = {rule.rule: rule.primary.key for rule in (both.listen, both.send)}
    assert keys["listen"] and keys["send"] and keys["listen"] != keys["send"]
    assert keys["listen"] in (out / "secrets/relay-listen").read_text()
    info = get_conduit_info(Site.objects.get().id)
    assert (info.connection.key_name, info.connection.key) == ("send", keys["send"])
    assert keys["send"] not in repr(info)
    assert keys["send"] not in "".join(path.read_text() for path in out.rglob("*") if path.is_file())
    (change,) = ConduitChange.objects.all()
    assert change.what == "provisioned" and "command line" in change.by


def test_secrets_are_for_this_account_alone(tmp_path: Path, bridge: Any) -> None:
    out = provision(tmp_path)
    conduit = Conduit.objects.get()

    private = [
        out / "secrets/relay-listen", out / "secrets/agent.key.pem", conduit.send_key_path,
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
    assert [path.name for path in tmp_path.iterdir()] == ["relay"]


def test_what_cannot_be_done_leaves_nothing_behind(tmp_path: Path, bridge: Any) -> None:
    provision(tmp_path)
    (tmp_path / "a-file").write_text("")
    before, rows = everything(tmp_path), Conduit.objects.count()
    attempts: list[tuple[dict[str, Any], str]] = [
        ({"slug": "north"}, "already a site 'north'"),
        ({"out": tmp_path / "agent-north"}, "not an empty folder"),
        ({"out": tmp_path / "a-file" / "below"}, "Cannot write"),
        ({"time_zone": "Mars/Olympus"}, "no time zone"),
        ({"name": ""}, "name"),
        ({"name": "North\nTerminal"}, "one line"),
    ]
    for change, words in attempts:
        facts = {"slug": "west", "name": "West", "out": tmp_path / "west"}
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
        provision_site(SitePlan("west", "West", tmp_path / "west"), timezone.now())
    monkeypatch.undo()
    connection.close()

    assert everything(tmp_path) == before
    assert not Site.objects.filter(slug="west").exists()


def test_without_a_relay_there_is_nothing_to_provision(tmp_path: Path, settings: Any, bridge: Any) -> None:
    settings.SIGHTLINE = type(bridge)(state_dir=bridge.state_dir, issuer=bridge.issuer)
    with pytest.raises(CommandError, match="SIGHTLINE_RELAY_MANAGEMENT"):
        provision(tmp_path)


def test_relay_that_does_not_answer_leaves_nothing_behind(
    tmp_path: Path, relay: RelayEmulator, relay_thread: RelayThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay_bridge.management.calls.BACKOFF_BASE", 0.001)
    relay_thread.stop(relay)
    with pytest.raises(CommandError, match="cannot be reached"):
        provision(tmp_path)
    assert not (tmp_path / "agent-north").exists()
    assert not Site.objects.exists()


def test_what_could_not_be_removed_again_is_said(
    tmp_path: Path, relay: RelayEmulator, relay_thread: RelayThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay_bridge.management.calls.BACKOFF_BASE", 0.001)

    def relay_dies(*facts: Any) -> Any:
        relay_thread.stop(relay)
        raise provisioning.IdentityError("No certificate today.")

    monkeypatch.setattr(provisioning, "make_identity", relay_dies)
    with pytest.raises(
        CommandError, match=r"No certificate today\. The hybrid connection 'north' is left at the relay"
    ):
        provision(tmp_path)
    assert not Site.objects.exists()


def test_one_change_of_the_relay_at_a_time(tmp_path: Path) -> None:
    with changing_relay(), pytest.raises(CommandError, match="just now; try again"):
        provision(tmp_path)
    assert not Site.objects.exists()


def test_cut_off_site_has_no_way_left_to_it(tmp_path: Path, bridge: Any, alice: Any) -> None:
    provision(tmp_path)
    provision(tmp_path, "south")
    site = Site.objects.get(slug="north")
    give(alice, "viewer", site)
    access_token_for(get_site_for(alice, "north"))

    call_command("cut_off_site", "north", verbosity=0)

    assert not AccessToken.objects.exists()
    with relay_management() as management:
        assert [each.path for each in management.list_conduits()] == ["south"]
    site.refresh_from_db()
    assert not site.enabled
    assert site.conduit.agent_pin == ""
    assert not site.conduit.send_key_path.exists()
    with pytest.raises(SiteUnreachable):
        get_conduit_info(site.id)
    changes = [change.what for change in ConduitChange.objects.filter(conduit__site=site)]
    assert "deleted at the relay" in changes[0] and changes[1].startswith("cut off: switched off")
    call_command("cut_off_site", "north", verbosity=0)  # again: nothing to do, no error
    assert ConduitChange.objects.filter(conduit__site=site).count() == len(changes)
    with pytest.raises(CommandError, match="no site 'nowhere'"):
        call_command("cut_off_site", "nowhere")


def test_cut_off_goes_as_far_as_it_can_and_can_be_ended_later(
    tmp_path: Path, relay: RelayEmulator, bridge: Any, settings: Any
) -> None:
    provision(tmp_path)
    site, named = Site.objects.get(), settings.SIGHTLINE
    settings.SIGHTLINE = bridge  # which names no relay
    with pytest.raises(CommandError, match=r"may still stand at the relay.*SIGHTLINE_RELAY_MANAGEMENT"):
        call_command("cut_off_site", "north", verbosity=0)
    site.refresh_from_db()
    assert (site.enabled, site.conduit.agent_pin, site.conduit.send_key_path.exists()) == (False, "", False)

    settings.SIGHTLINE = named
    call_command("cut_off_site", "north", verbosity=0)
    assert relay.listener_count("north") == 0
    with relay_management() as management:
        assert management.list_conduits() == []


def test_cut_off_never_deletes_at_another_relay(tmp_path: Path) -> None:
    provision(tmp_path)
    Conduit.objects.update(endpoint="sb://other.example.com/")
    with pytest.raises(CommandError, match=r"sb://other\.example\.com/, but the management plane"):
        call_command("cut_off_site", "north", verbosity=0)
    with relay_management() as management:
        assert management.find_conduit("north") is not None


def test_conduit_never_uses_a_rule_that_manages(tmp_path: Path) -> None:
    provision(tmp_path)
    Conduit.objects.update(send_key_name="RootManageSharedAccessKey")
    with pytest.raises(SiteUnreachable, match="one that only sends"):
        get_conduit_info(Site.objects.get().id)


def test_key_reference_cannot_leave_the_secrets_folder(tmp_path: Path) -> None:
    provision(tmp_path)
    (tmp_path / "state" / "elsewhere").write_text("c2VjcmV0")
    for reference in ("file:../elsewhere", "file:/etc/hostname", "env:HOME"):
        Conduit.objects.update(send_key_ref=reference)
        with pytest.raises(SiteUnreachable, match="cannot be read"):
            get_conduit_info(Site.objects.get().id)
