"""Rows of a site: what their fields refuse, and that the migrations are complete."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command

from hmi.sites.models import Conduit, Site

pytestmark = pytest.mark.django_db


def test_migrations_say_what_the_models_say() -> None:
    call_command("makemigrations", "sites", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("zone", ["Europe/Oslo", "UTC", "America/Argentina/Ushuaia"])
def test_time_zones(zone: str) -> None:
    Site(slug="north", name="North", time_zone=zone).full_clean()


@pytest.mark.parametrize("zone", ["", "Mars", "../../etc/passwd", "Europe/Oslo\x00"])
def test_what_is_no_time_zone(zone: str) -> None:
    with pytest.raises(ValidationError):
        Site(slug="north", name="North", time_zone=zone).full_clean()


def test_send_key_path_stays_below_the_secrets(bridge: Any) -> None:
    assert Conduit(send_key_ref="file:conduits/n.send").send_key_path == bridge.secrets_dir / "conduits/n.send"
    for reference in ("conduits/n.send", "file:../x", "file:/etc/passwd", "env:KEY"):
        with pytest.raises(ValidationError):
            _ = Conduit(send_key_ref=reference).send_key_path


def test_audience_is_the_sites_own_uri(bridge: Any, north: Site, south: Site) -> None:
    assert north.audience == f"{bridge.issuer}/sites/{north.id}"
    assert north.audience != south.audience
