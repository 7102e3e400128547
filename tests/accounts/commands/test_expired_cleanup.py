"""expired_cleanup deletes what is over and nothing else."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from io import StringIO

import pytest
from axes.models import AccessLog
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken

from accounts.first_party import open_access_token
from accounts.issuer import create_signing_key, load_ring, rotate

pytestmark = pytest.mark.django_db


def test_expired_rows_go_and_live_ones_stay(alice, bob):
    now = time.time()
    for _ in range(2):
        row = open_access_token(alice, resource="http://127.0.0.1:8000/sites/1", scopes={"data:live"}, now=now)
    AccessToken.objects.filter(pk=row.pk).update(expires=timezone.now() - dt.timedelta(hours=2))
    for person in (alice, bob):
        Client().force_login(person)
    gone = Session.objects.first()
    gone.expire_date = timezone.now() - dt.timedelta(days=1)
    gone.save()
    AccessLog.objects.filter(username="alice").update(attempt_time=timezone.now() - dt.timedelta(days=91))
    out = StringIO()
    call_command("expired_cleanup", stdout=out)
    assert "Deleted 1 access token(s), 1 old sign-in(s)" in out.getvalue()
    assert AccessToken.objects.count() == 1
    assert Session.objects.count() == 1
    assert AccessLog.objects.count() == 1


def test_retired_signing_keys_are_dropped(settings, tmp_path):
    settings.SIGHTLINE = dataclasses.replace(settings.SIGHTLINE, state_dir=tmp_path)
    path = settings.SIGHTLINE.signing_key
    old = create_signing_key(path)
    rotate(path, time.time() - 7200, overlap=1)
    out = StringIO()
    call_command("expired_cleanup", stdout=out)
    assert f"Dropped the signing key {old.kid}" in out.getvalue()
    assert len(load_ring(path).keys) == 1
