"""What is done to a conduit stands in a row and in the log."""

from __future__ import annotations

import getpass

import pytest
from django.utils import timezone

from accounts.audit.context import command_line_user
from accounts.audit.models import Event
from hmi.sites.conduit_changes import record_change
from hmi.sites.models import Conduit, ConduitChange, Site

pytestmark = pytest.mark.django_db


def test_change_is_recorded_with_whoever_made_it(
    north: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    conduit = Conduit.objects.create(site=north, endpoint="sb://relay/", entity_path="north", send_key_ref="file:x")
    record_change(conduit, "x" * 400, "dora", timezone.now(), tag="conduit:send-key:rotated")
    (row,) = ConduitChange.objects.all()
    assert (row.by, len(row.what)) == ("dora", 300)
    assert "Conduit of north: xxx" in caplog.text and "(by dora)" in caplog.text

    record_change(conduit, "rotated", "", timezone.now(), tag="conduit:listen-key:rotated")
    assert ConduitChange.objects.first().by == command_line_user()  # type: ignore[union-attr]
    events = Event.objects.filter(tag__startswith="conduit:").values_list("tag", "username", "site")
    assert list(events) == [
        ("conduit:listen-key:rotated", command_line_user(), "north"),
        ("conduit:send-key:rotated", "dora", "north"),
    ]

    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert command_line_user() == "unknown account (command line)"
