"""The trail's storage warns at 75 % and 90 %: in the log, by the command, on the auditor's and the admin's page."""

from __future__ import annotations

import io
import itertools
import logging
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts.audit import storage as module
from accounts.audit.chain import append
from accounts.audit.storage import BYTES_PER_EVENT, LOOK_AGAIN, SAY_AGAIN, storage, storage_now
from accounts.models import User
from tests.accounts.audit.conftest import values

pytestmark = pytest.mark.django_db
PASSWORD = "wet Tuesday, dry Thursday"
_later = itertools.count(1_000_000)


@pytest.fixture(autouse=True)
def fresh(settings: Any) -> None:
    """What this process knew and said before is another trail's."""
    settings.AUDIT_MAX_MB = 1
    module._known, module._said = None, (0.0, "ok")


def fill_to(share: float) -> None:
    """As if the trail were so long: a first event, and one whose number is so high."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER audit_event_insert")
        seq = int(share * 1_000_000 / BYTES_PER_EVENT) + 1
        columns = {**values(1), "seq": seq, "previous": "0" * 64, "hash": f"{next(_later):064d}"}
        for number in {1, seq} if seq > 1 else {1}:
            columns["seq"] = number
            cursor.execute(
                f"INSERT OR IGNORE INTO audit_event ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})",
                list(columns.values()),
            )


@pytest.mark.parametrize(("share", "level"), [(0.5, "ok"), (0.76, "warn"), (0.91, "alarm"), (1.5, "alarm")])
def test_level_crosses_both_thresholds(share: float, level: str) -> None:
    fill_to(share)
    assert storage_now().level == level


def test_empty_trail_is_empty() -> None:
    assert (storage_now().used, storage_now().level) == (0, "ok")
    append(values(1))
    assert storage_now().used == BYTES_PER_EVENT


def test_change_is_told_in_the_log_once_and_again_after_a_day(caplog: pytest.LogCaptureFixture) -> None:
    fill_to(0.8)
    storage(0.0)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    storage(LOOK_AGAIN + 1)
    assert len(caplog.records) == 1
    storage(SAY_AGAIN + LOOK_AGAIN)
    assert len(caplog.records) == 2
    assert "SIGHTLINE_AUDIT_MAX_MB" in caplog.text


def test_alarm_and_room_again(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fill_to(0.95)
    assert storage(0.0).level == "alarm"
    settings.AUDIT_MAX_MB = 100  # seen at once
    assert storage(1.0).level == "ok"
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.INFO]


def test_volume_without_room_counts(settings: Any) -> None:
    """A bound far beyond what the volume has left: what is not there cannot be taken."""
    settings.AUDIT_MAX_MB = 10_000_000
    found = storage_now()
    assert found.level == "alarm"
    assert "the volume has only" in found.words


def test_command_says_it_and_fails_from_the_warning_on() -> None:
    out = io.StringIO()
    call_command("audit", "storage", stdout=out)
    assert "0% of 1 MB" in out.getvalue()
    fill_to(0.8)
    with pytest.raises(CommandError, match="Archive old events"):
        call_command("audit", "storage", stdout=out)


@pytest.mark.parametrize("page", ["/audit/", "/admin/"])
@pytest.mark.parametrize(("share", "role"), [(0.5, ""), (0.8, 'role="status"'), (0.95, 'role="alert"')])
def test_banner_for_auditors_and_administrators(client: Client, page: str, share: float, role: str) -> None:
    client.force_login(User.objects.create_superuser("root", password=PASSWORD))
    fill_to(share)
    module._known = None  # signing in looked already
    text = client.get(page).content.decode()
    assert ("Storage of the audit trail" in text) is bool(role)
    if role:
        banner = text[text.index("Storage of the audit trail") - 80 :][:120]
        assert role in banner
