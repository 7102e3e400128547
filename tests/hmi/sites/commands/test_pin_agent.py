"""Another certificate for a site's agent."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from hmi.sites.conduit_info import conduit_stamps
from hmi.sites.identity import make_identity
from hmi.sites.models import Conduit, Site
from relay_bridge.secure_channel.pins import read_pin

pytestmark = pytest.mark.django_db


@pytest.fixture
def conduit(north: Site) -> Conduit:
    return Conduit.objects.create(site=north, endpoint="sb://relay/", entity_path="north", send_key_ref="file:n.send")


def test_new_certificate_is_pinned_and_ends_open_sessions(conduit: Conduit, tmp_path: Path, capsys: Any) -> None:
    before = conduit_stamps([conduit.site_id])
    certificate, _ = make_identity("agent", "north", timezone.now())
    (tmp_path / "agent.pem").write_text(certificate)

    call_command("pin_agent", "north", str(tmp_path / "agent.pem"))

    conduit.refresh_from_db()
    assert conduit.agent_pin == certificate
    assert read_pin(certificate).thumbprint in capsys.readouterr().out
    assert conduit_stamps([conduit.site_id]) != before


def test_what_cannot_be_pinned_is_one_sentence(conduit: Conduit, tmp_path: Path) -> None:
    now = timezone.now()
    certificate, key = make_identity("agent", "north", now)
    old, _ = make_identity("agent", "north", now - dt.timedelta(days=731))
    files = {"key": key, "both": certificate + key, "two": certificate * 2, "text": "hello", "old": old}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for name in (*files, "bytes", "missing"):
        with pytest.raises(CommandError) as caught:
            call_command("pin_agent", "north", str(tmp_path / name))
        assert "PRIVATE KEY" not in str(caught.value)
    with pytest.raises(CommandError, match="no provisioned site"):
        call_command("pin_agent", "nowhere", str(tmp_path / "key"))
    conduit.refresh_from_db()
    assert conduit.agent_pin == ""
