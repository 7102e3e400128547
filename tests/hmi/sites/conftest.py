"""A web app of its own for each test: Alice operates, Bob looks, Charlie is a stranger, at North and South."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from hmi.bridge_settings import BridgeSettings
from hmi.sites.gateway import Gateway, get_gateway
from hmi.sites.models import Grant, Site
from relay_bridge.emulator.server import RelayEmulator
from tests.hmi.sites.people import give, make_administrator, make_person
from tests.hmi.sites.running_site import RunningSite, run_relay, run_site
from tests.support.relay import RelayThread, use_relay


@pytest.fixture(autouse=True)
def bridge(settings: Any, tmp_path: Path) -> BridgeSettings:
    settings.SIGHTLINE = BridgeSettings(state_dir=tmp_path / "state", issuer="https://hmi.example.com")
    return settings.SIGHTLINE


@pytest.fixture(scope="session")
def relay_thread() -> Iterator[RelayThread]:
    thread = RelayThread()
    yield thread
    thread.close()


@pytest.fixture
def relay(relay_thread: RelayThread, bridge: BridgeSettings, tmp_path: Path) -> Iterator[RelayEmulator]:
    """A relay of its own for a test without an event loop; sites are provisioned at it."""
    running = relay_thread.start(tmp_path / "relay")
    use_relay(running, tmp_path / "relay")
    yield running
    relay_thread.stop(running)


@pytest.fixture
def alice(db: None) -> Any:
    return make_person("alice")


@pytest.fixture
def bob(db: None) -> Any:
    return make_person("bob")


@pytest.fixture
def charlie(db: None) -> Any:
    return make_person("charlie")


@pytest.fixture
def north(db: None) -> Site:
    return Site.objects.create(slug="north", name="North Terminal", time_zone="Europe/Oslo")


@pytest.fixture
def south(db: None) -> Site:
    return Site.objects.create(slug="south", name="South Terminal")


@pytest.fixture
def alices_grant(alice: Any, north: Site) -> Grant:
    return give(alice, "field-operator", north)


@pytest.fixture
def bobs_grant(bob: Any, north: Site) -> Grant:
    return give(bob, "viewer", north, reason="looks after the stock")


@pytest.fixture
def dora(db: None) -> Any:
    """She gives and takes access."""
    return make_administrator("dora")


@pytest.fixture
def erin(db: None) -> Any:
    """She may do the same: the second person."""
    return make_administrator("erin")


@pytest.fixture
def approval(settings: Any) -> None:
    """Write roles wait for a second person, as they do unless a setting says otherwise."""
    settings.GRANT_APPROVAL = True


@pytest.fixture
def now_is(monkeypatch: pytest.MonkeyPatch) -> Callable[[dt.datetime], None]:
    """Move the clock by which grants are judged."""

    def move(moment: dt.datetime) -> None:
        monkeypatch.setattr(timezone, "now", lambda: moment)

    return move


# --- a site that runs ------------------------------------------------------------------------------------------------


@pytest.fixture
async def running(tmp_path: Path, transactional_db: None) -> AsyncIterator[RunningSite]:
    async with run_relay(record=tmp_path / "record") as relay, run_site(relay, tmp_path) as site:
        yield site


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    yield get_gateway()
    await get_gateway().close()
