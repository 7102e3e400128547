"""What is done to a conduit stands in a row and in the log."""

from __future__ import annotations

import getpass

import pytest
from django.utils import timezone

from hmi.sites.conduit_changes import command_line_user, record_change
from hmi.sites.models import Conduit, ConduitChange, Site

pytestmark = pytest.mark.django_db


def test_change_is_recorded_with_whoever_made_it(
    north: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    conduit = Conduit.objects.create(site=north, endpoint="sb://relay/", entity_path="north", send_key_ref="file:x")
    record_change(conduit, "x" * 400, "dora", timezone.now())
    (row,) = ConduitChange.objects.all()
    assert (row.by, len(row.what)) == ("dora", 300)
    assert "Conduit of north: xxx" in caplog.text and "(by dora)" in caplog.text

    record_change(conduit, "rotated", "", timezone.now())
    assert ConduitChange.objects.first().by == command_line_user()  # type: ignore[union-attr]

    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert command_line_user() == "unknown account (command line)"
