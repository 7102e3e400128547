"""create_issuer_key makes the key once, says its kid, and never shows or replaces it."""

from __future__ import annotations

import dataclasses
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command


@pytest.fixture
def path(settings, tmp_path):
    settings.SIGHTLINE = dataclasses.replace(settings.SIGHTLINE, state_dir=tmp_path)
    return settings.SIGHTLINE.signing_key


def create():
    out = StringIO()
    call_command("create_issuer_key", stdout=out)
    return out.getvalue()


def test_first_call_creates_and_the_next_ones_leave_it(path):
    assert "created" in create()
    before = path.read_bytes()
    second = create()
    assert "exists" in second
    assert path.read_bytes() == before
    (document,) = json.loads(before)["keys"]
    assert document["kid"] in second
    assert document["d"] not in second


def test_key_that_others_can_read_is_reported(path):
    create()
    path.chmod(0o644)
    with pytest.raises(CommandError, match="Other accounts"):
        create()
