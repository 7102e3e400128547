"""rotate_issuer_key and issuer_keys: what they change, what they say, and that no private key is ever printed."""

from __future__ import annotations

import dataclasses
import json
import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.audit.models import Event
from accounts.issuer import load_ring

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(settings, tmp_path):
    settings.SIGHTLINE = dataclasses.replace(settings.SIGHTLINE, state_dir=tmp_path)
    run("create_issuer_key")
    return settings.SIGHTLINE.signing_key


def run(*arguments, **options):
    out = StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


def test_rotation_says_who_signs_until_when_and_what_to_do_next(path):
    old = load_ring(path).signing
    said = run("rotate_issuer_key", overlap=2.0, algorithm="ES256")
    ring = load_ring(path)
    assert ring.signing.kid in said and old.kid in said and "announce_issuer_keys" in said
    assert not any(row["d"] in said for row in json.loads(path.read_text())["keys"])
    event = Event.objects.get(tag="issuer:key:rotated")
    facts = json.loads(event.facts)
    assert (facts["kid"], facts["before_kid"], facts["sequence"]) == (ring.signing.kid, old.kid, "1")
    assert "command line" in event.username


def test_public_keys_are_printed_for_a_site_that_was_away(path):
    run("rotate_issuer_key")
    printed = json.loads(run("issuer_keys"))
    assert printed == load_ring(path).public_jwks(time.time())
    assert not any("d" in row for row in printed["keys"])


@pytest.mark.parametrize(("options", "words"), [({"overlap": 0.0}, "overlap"), ({"overlap": 10_000.0}, "overlap")])
def test_refusal_is_one_sentence(path, options, words):
    with pytest.raises(CommandError, match=words):
        run("rotate_issuer_key", **options)
    assert not Event.objects.filter(tag="issuer:key:rotated").exists()


def test_without_a_key_it_says_how_to_make_one(path):
    path.unlink()
    for command in ("rotate_issuer_key", "issuer_keys"):
        with pytest.raises(CommandError, match="create_issuer_key"):
            run(command)


def test_rotation_that_cannot_be_recorded_does_not_happen(path):
    before = path.read_bytes()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TRIGGER full BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(CommandError, match="recorded in the audit trail"):
        run("rotate_issuer_key")
    assert path.read_bytes() == before
