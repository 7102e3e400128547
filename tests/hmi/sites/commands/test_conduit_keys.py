"""The commands for whoever looks after conduits: status and rotation."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from hmi.sites import key_rotation
from hmi.sites.models import Conduit, ConduitChange
from relay_bridge.protocol.connection_string import parse_connection_string
from relay_bridge.protocol.fingerprint import fingerprint

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("relay")]


@pytest.fixture(autouse=True)
def north_conduit(relay: Any, tmp_path: Path) -> None:
    call_command("provision_site", "north", name="North Terminal", out=str(tmp_path / "agent"), verbosity=0)


def say(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=out, no_color=True)
    return out.getvalue()


def test_status_of_one_and_of_all(tmp_path: Path) -> None:
    call_command("provision_site", "south", name="South", out=str(tmp_path / "south"), verbosity=0)
    text = say("conduit_status", "north")
    assert "north: 0 listener(s); Send key 0 days old, Listen key 0 days old" in text
    assert "rules: listen (Listen), send (Send)" in text
    assert "Nobody listens." in text and "south" not in text
    assert "south: 0 listener(s)" in say("conduit_status")
    with pytest.raises(CommandError, match="no provisioned site 'west'"):
        say("conduit_status", "west")


def test_one_conduit_that_cannot_be_looked_at_does_not_hide_the_others(tmp_path: Path) -> None:
    call_command("provision_site", "south", name="South", out=str(tmp_path / "south"), verbosity=0)
    Conduit.objects.filter(site__slug="north").update(endpoint="sb://other.example.com/")
    out = StringIO()
    with pytest.raises(CommandError, match="1 conduit"):
        call_command("conduit_status", stdout=out, stderr=StringIO(), no_color=True)
    assert "south: 0 listener(s)" in out.getvalue()


def test_send_key_is_rotated_in_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    conduit = Conduit.objects.get()
    before = conduit.send_key_path.read_text()
    monkeypatch.setattr(
        key_rotation.rotate_send_key, "__kwdefaults__", {"repair": False, "settle": 0.0, "sleep": lambda _: None}
    )
    text = say("rotate_conduit_keys", "north", "--rule", "send", "--by", "dora")
    after = conduit.send_key_path.read_text()
    assert after != before
    assert fingerprint(after.strip()) in text and after.strip() not in text
    assert ConduitChange.objects.first().by == "dora"  # type: ignore[union-attr]


def test_listen_key_is_rotated_in_two_steps(tmp_path: Path) -> None:
    text = say("rotate_conduit_keys", "north", "--rule", "listen", "--out", str(tmp_path / "new"))
    key = parse_connection_string((tmp_path / "new/relay-listen").read_text()).key or ""
    assert fingerprint(key) in text and key not in text and "--finish" in text
    with pytest.raises(CommandError, match="Nobody listens"):
        say("rotate_conduit_keys", "north", "--rule", "listen", "--finish")
    assert "opens nothing" in say("rotate_conduit_keys", "north", "--rule", "listen", "--finish", "--force")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--rule", "listen"), "which step"),
        (("--rule", "send", "--finish"), "needs no second step"),
        (("--rule", "send", "--out", "x"), "needs no second step"),
        (("--rule", "listen", "--repair", "--finish"), "--repair is for"),
        (("--rule", "listen", "--force", "--out", "x"), "--force goes with"),
    ],
)
def test_options_that_contradict_are_refused(options: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        say("rotate_conduit_keys", "north", *options)


def test_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="Cannot write"):
        say("rotate_conduit_keys", "north", "--rule", "listen", "--out", str(tmp_path / "file" / "below"))
    with pytest.raises(CommandError, match="no provisioned site"):
        say("rotate_conduit_keys", "west", "--rule", "send")
