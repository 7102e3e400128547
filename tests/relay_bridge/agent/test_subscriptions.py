"""Watching over all sessions: each tag once at its source, the newest value for everybody."""

from __future__ import annotations

import datetime

import pytest

from relay_bridge.agent.config import load_config
from relay_bridge.agent.drivers.memory import MemoryDriver
from relay_bridge.agent.site import open_site
from relay_bridge.agent.subscriptions import Subscriptions
from relay_bridge.agent.trust import load_trust
from relay_bridge.contract.messages import SourceState
from relay_bridge.contract.readings import BAD_WAITING_FOR_INITIAL_DATA, Reading
from tests.relay_bridge.agent.support import SOURCE, TANK, ManualClock, SiteFolder

T = 1_795_370_000_000


class Recorder:
    """A stream's end of it, and a driver that only remembers what it was asked."""

    def __init__(self) -> None:
        self.readings: list[tuple[int, Reading]] = []
        self.changes = 0

    def put(self, handle: int, reading: Reading) -> None:
        self.readings.append((handle, reading))

    def source_changed(self) -> None:
        self.changes += 1


class CountingDriver(MemoryDriver):
    """The real memory driver, which also counts what it is asked to watch."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.calls: list[tuple[str, tuple[str, ...]]] = []

    def watch(self, tags: object) -> None:
        names = tuple(tags)  # type: ignore[call-overload]
        self.calls.append(("watch", names))
        super().watch(names)

    def unwatch(self, tags: object) -> None:
        names = tuple(tags)  # type: ignore[call-overload]
        self.calls.append(("unwatch", names))
        super().unwatch(names)


class ChoosingDriver(CountingDriver):
    """One that cannot read everything as often as wanted."""

    def prefer(self, tags: object, *, preferred: bool) -> None:
        self.calls.append(("prefer" if preferred else "calm", tuple(tags)))  # type: ignore[call-overload]


class Yard:
    """Subscriptions of a configured site, without a network."""

    def __init__(self, site: SiteFolder, kind: type[CountingDriver] = CountingDriver) -> None:
        config = load_config(site.toml)
        trust = load_trust(config.trust, datetime.datetime.now(datetime.UTC))
        self.driver = kind("main", [tag.id for tag in config.tags])
        self.clock = ManualClock()
        self.site = open_site(config, trust, {"main": self.driver}, self.clock)
        self.tags = {tag.id: tag for tag in config.tags}

    @property
    def subscriptions(self) -> Subscriptions:
        return self.site.subscriptions

    def watch(self, watcher: Recorder, *names: str) -> dict[str, int]:
        self.subscriptions.join(watcher)
        return self.subscriptions.watch(watcher, [self.tags[name] for name in names])


@pytest.fixture
def yard(site: SiteFolder) -> Yard:
    return Yard(site)


def test_driver_watches_a_tag_once_however_many_watch_it(yard: Yard) -> None:
    alice, bob = Recorder(), Recorder()
    yard.watch(alice, "TK-101.level")
    yard.watch(bob, "TK-101.level", "TK-101.temp_avg")
    yard.subscriptions.leave(alice)
    yard.subscriptions.leave(bob)
    assert yard.driver.calls[:3] == [
        ("watch", ("TK-101.level",)),
        ("watch", ("TK-101.temp_avg",)),
        ("unwatch", ("TK-101.level", "TK-101.temp_avg")),
    ]
    assert yard.subscriptions.watched() == 0


def test_what_somebody_looks_at_goes_before_what_is_only_recorded(site: SiteFolder) -> None:
    yard = Yard(site, ChoosingDriver)
    ring, limits, alice, bob = Recorder(), Recorder(), Recorder(), Recorder()
    ring.is_patient = True  # type: ignore[attr-defined]
    level, temp = "TK-101.level", "TK-101.temp_avg"
    for watcher, names in ((ring, (level, temp)), (alice, (level,)), (bob, (level,)), (limits, (temp,))):
        yard.watch(watcher, *names)
    assert yard.driver.calls == [("watch", (level, temp)), ("prefer", (level,)), ("prefer", (temp,))]
    yard.subscriptions.leave(alice)
    assert len(yard.driver.calls) == 3, "bob still looks"
    yard.subscriptions.leave(bob)
    assert yard.driver.calls[3:] == [("calm", (level,))]
    yard.subscriptions.leave(ring)
    assert yard.driver.calls[4:] == [("unwatch", (level,))]
    yard.watch(alice, level)
    assert yard.driver.calls[5:] == [("watch", (level,)), ("prefer", (level,))]
    assert yard.site.recorder.is_patient


def test_reading_reaches_every_watcher_rounded(yard: Yard) -> None:
    alice, bob = Recorder(), Recorder()
    handle = yard.watch(alice, "TK-101.level")["TK-101.level"]
    yard.watch(bob, "TK-101.level")
    yard.subscriptions.put("TK-101.level", Reading(1.23456, T))
    assert alice.readings == bob.readings == [(handle, Reading(1.235, T))]


def test_what_nobody_watches_reaches_nobody(yard: Yard) -> None:
    alice = Recorder()
    yard.watch(alice, "TK-101.level")
    yard.subscriptions.put("TK-101.temp_avg", Reading(1.0, T))
    yard.subscriptions.put("TK-999.level", Reading(1.0, T))
    assert alice.readings == [] and yard.subscriptions.last_known("TK-999.level") is None


def test_old_value_is_not_current_when_the_tag_is_watched_again(yard: Yard) -> None:
    alice = Recorder()
    yard.watch(alice, "TK-101.level")
    yard.subscriptions.put("TK-101.level", Reading(1.0, T))
    yard.subscriptions.leave(alice)
    yard.watch(alice, "TK-101.level")
    ((_, first),) = yard.subscriptions.handle_readings([yard.tags["TK-101.level"]])
    assert first.value is None and first.quality == BAD_WAITING_FOR_INITIAL_DATA
    assert yard.subscriptions.last_known("TK-101.level") == Reading(1.0, T)


def test_change_of_state_is_told_once_and_without_the_plants_names(yard: Yard) -> None:
    alice = Recorder()
    yard.watch(alice, "TK-101.level")
    for _ in range(3):
        yard.subscriptions.source_state("main", SourceState(2, T, "no answer"))
    yard.subscriptions.source_state("other", SourceState(2, T, "no answer"))
    assert alice.changes == 1
    assert yard.subscriptions.states()["main"].reason == "no answer"


def test_deadband_holds_small_changes_back_but_not_a_change_of_quality(site: SiteFolder) -> None:
    site.configure(SOURCE, TANK + "deadband = { level = 0.01 }")
    yard = Yard(site)
    alice = Recorder()
    yard.watch(alice, "TK-101.level")
    for value, quality in ((1.0, 0), (1.005, 0), (1.009, 0), (1.011, 0), (1.012, 0x40000000)):
        yard.subscriptions.put("TK-101.level", Reading(value, T, quality))
    assert [reading.value for _, reading in alice.readings] == [1.0, 1.011, 1.012]
    assert yard.subscriptions.current("TK-101.level") == Reading(1.012, T, 0x40000000)


@pytest.mark.parametrize(
    ("value", "sent", "quality"),
    [(float("nan"), None, 0x80380000), (2**60, str(2**60), 0), ("x" * 2000, "x" * 1023 + "~", 0), (True, True, 0)],
)
def test_values_that_cannot_travel_are_made_to(yard: Yard, value: object, sent: object, quality: int) -> None:
    alice = Recorder()
    yard.watch(alice, "TK-101.product")
    yard.subscriptions.put("TK-101.product", Reading(value, T))  # type: ignore[arg-type]
    assert alice.readings[0][1] == Reading(sent, T, quality)  # type: ignore[arg-type]


def test_hosts_of_the_plant_do_not_leave_the_site(site: SiteFolder) -> None:
    site.configure(
        '[[source]]\nid = "main"\nkind = "opcua"\nurl = "opc.tcp://scada7.plant.local:4840/UA"\n'
        'security = "None"\nallow_insecure = true',
        TANK.replace('area = "North farm"', 'area = "North farm"\nprefix = "nsu=urn:x;s=TK-101."'),
    )
    yard = Yard(site)
    reason = "opc.tcp://scada7.plant.local:4840/UA: scada7.plant.local does not know nsu=urn:x;s=TK-101.Level"
    yard.subscriptions.source_state("main", SourceState(1, T, reason))
    told = yard.subscriptions.states()["main"].reason
    assert "scada7" not in told and "nsu=" not in told
