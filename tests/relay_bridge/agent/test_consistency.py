"""Figures of a tank that contradict each other: told after 30 s, taken back after 30 s, and never because of doubt."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from relay_bridge.agent import consistency
from relay_bridge.agent.alarms.site_alarms import SiteAlarms
from relay_bridge.agent.config import load_config
from relay_bridge.agent.consistency import Consistency
from relay_bridge.agent.consistency_rules import RULES, Figure
from relay_bridge.agent.drivers.memory import MemoryDriver
from relay_bridge.agent.health import Health
from relay_bridge.agent.site import open_site
from relay_bridge.agent.trust import load_trust
from relay_bridge.contract.alarms import AckAnswer, AlarmPick, Shelve
from relay_bridge.contract.messages import SourceState
from relay_bridge.contract.readings import Reading
from tests.relay_bridge.agent.conftest import Serve
from tests.relay_bridge.agent.support import HEAD, ManualClock, SiteFolder

KEYS = {"level": "L", "ullage": "U", "height_ref": "R", "water_level": "W", "tov": "T", "fwv": "F", "gov": "G",
        "gsv": "S", "vcf": "V"}  # fmt: skip
SOUND = {"level": 10.0, "ullage": 6.0, "height_ref": 16.0, "water_level": 0.1, "tov": 5000.0, "fwv": 50.0,
         "gov": 4950.0, "gsv": 4900.5, "vcf": 0.99}  # fmt: skip
SOURCE = '[[source]]\nid = "main"\nkind = "memory"\n'
TANK = (
    '[[tank]]\nid = "TK-1"\nsource = "main"\narea = "A"\nmap = { '
    + ", ".join(f'{key} = "{node}"' for key, node in KEYS.items())
    + " }\n"
)


@dataclass(frozen=True)
class Person:
    sub: str = "7b0f-1"


class Tank:
    """One tank of a whole site, whose time is moved by hand."""

    def __init__(self, folder: SiteFolder, mode: str = "report", extra: str = "", *, allow_ack: bool = False) -> None:
        more = f'consistency = "{mode}"\n' + ("allow_ack = true\n" if allow_ack else "")
        head = HEAD.replace("[relay]", f"{more}[relay]")
        folder.configure(SOURCE, TANK + extra, head=head)
        self.config = load_config(folder.toml)
        self.clock = ManualClock()
        trust = load_trust(self.config.trust, datetime.now(UTC))
        self.driver = MemoryDriver("main", [tag.id for tag in self.config.tags], wall_ms=self.clock.wall_ms)
        self.site = open_site(self.config, trust, {"main": self.driver}, self.clock)
        self.site.consistency.open()
        self.up()
        self.set(**SOUND)

    @property
    def checks(self) -> Consistency:
        return self.site.consistency

    @property
    def alarms(self) -> SiteAlarms:
        return self.site.alarms

    def up(self) -> None:
        self.site.subscriptions.source_state("main", SourceState(0, 1, ""))

    def set(self, quality: int = 0, time: int | None = None, **values: object) -> None:
        at = self.clock.wall_ms() if time is None else time
        for key, value in values.items():
            self.site.subscriptions.put(f"TK-1.{key}", Reading(value, at, quality))  # type: ignore[arg-type]

    def wait(self, seconds: float) -> list[str]:
        """Let time pass with all the looks in it; the rules that are violated then."""
        for _ in range(int(seconds // 2)):
            self.clock.move(2.0)
            self.checks.look()
        return [finding.rule for finding in self.checks.findings()]


def test_a_sound_tank_is_left_alone(site: SiteFolder) -> None:
    tank = Tank(site)
    assert len(tank.checks) == 5 and tank.wait(120) == []


@pytest.mark.parametrize(
    ("values", "rules"),
    [
        ({"ullage": 5.9}, ["ullage"]),
        ({"ullage": 5.97}, []),  # within 0.2 % of the reference height
        ({"level": 16.2, "ullage": -0.2}, ["level"]),
        ({"level": -0.2, "ullage": 16.2, "water_level": -0.2}, ["level"]),
        ({"level": 0.0, "ullage": 16.0, "water_level": 0.02}, []),
        ({"water_level": 10.5}, ["water"]),
        ({"fwv": 100.0}, ["tov"]),
        ({"gsv": 4950.0}, ["gsv"]),
        ({"tov": 0.3, "fwv": 0.2, "gov": 0.2, "gsv": 0.2}, []),  # the last digits
    ],
)
def test_each_rule(site: SiteFolder, values: dict[str, float], rules: list[str]) -> None:
    tank = Tank(site)
    tank.set(**values)
    assert tank.wait(28) == []
    assert tank.wait(6) == rules


def test_told_and_taken_back_after_thirty_seconds_each(site: SiteFolder, caplog: pytest.LogCaptureFixture) -> None:
    tank = Tank(site)
    tank.set(fwv=100.0)
    assert tank.wait(20) == []
    tank.set(fwv=50.0)  # it passed by
    assert tank.wait(20) == []
    tank.set(fwv=100.0)
    assert tank.wait(34) == ["tov"]
    assert "TK-1: its figures contradict each other" in caplog.text and "5000" not in caplog.text
    since = tank.checks.findings()[0].since
    tank.set(fwv=50.0)
    assert tank.wait(20) == ["tov"] and tank.checks.findings()[0].since == since
    assert tank.wait(14) == []


@pytest.mark.parametrize("doubt", ["uncertain", "bad", "missing", "text", "down", "apart"])
def test_doubt_changes_nothing_either_way(site: SiteFolder, doubt: str) -> None:
    for broken in (False, True):
        tank = Tank(site)
        if broken:
            tank.set(fwv=100.0)
            assert tank.wait(40) == ["tov"]
        wrong = 50.0 if broken else 100.0
        quality = {"uncertain": 0x40900000, "bad": 0x80000000}.get(doubt, 0)
        tank.set(fwv=None if doubt == "missing" else "x" if doubt == "text" else wrong, quality=quality)
        if doubt == "down":
            tank.site.subscriptions.source_state("main", SourceState(2, 1, "gone"))
        for _ in range(20):
            if doubt == "apart":  # one of them is asked seldom, and the tank moves
                now = tank.clock.wall_ms()
                tank.set(tov=5000.0, time=now)
                tank.set(fwv=wrong, gov=4950.0, time=now - 15_000)
            assert ("tov" in tank.wait(2)) == broken


def test_an_old_value_is_one_that_did_not_change(site: SiteFolder) -> None:
    tank = Tank(site)
    tank.set(fwv=100.0)
    tank.clock.move(3600)
    tank.set(tov=5001.0)
    for _ in range(20):
        tank.set(tov=5001.0)
        found = tank.wait(2)
    assert found == ["tov"]


def test_samples_that_are_apart_now_and_then_hold_nothing_up(site: SiteFolder) -> None:
    tank = Tank(site)
    for _ in range(10):
        now = tank.clock.wall_ms()
        tank.set(tov=5000.0, time=now)
        tank.set(fwv=100.0, gov=4950.0, time=now - 15_000)
        tank.wait(2)
        tank.set(fwv=100.0, gov=4950.0, tov=5000.0)
        found = tank.wait(2)
    assert found == ["tov"]


def test_nothing_is_converted(site: SiteFolder) -> None:
    tank = Tank(site, extra='unit = { ullage = "mm", tov = "bbl" }\n')
    tank.set(fwv=100.0, ullage=5000.0)
    assert tank.wait(60) == []


def test_off_watches_nothing(site: SiteFolder) -> None:
    tank = Tank(site, "off")
    assert len(tank.checks) == 0 and tank.site.subscriptions.watched() == 0
    assert Tank(site).site.subscriptions.watched() == len(KEYS)


def test_an_alarm_of_low_severity_that_asks_for_nothing(site: SiteFolder) -> None:
    tank = Tank(site, "alarm")
    assert tank.alarms.offered and "alarms" in tank.site.capabilities and "ack" not in tank.site.capabilities
    tank.set(fwv=100.0)
    tank.wait(40)
    (row,) = tank.alarms.table.rows()
    assert (row.sev, row.act, row.ack, row.agent, row.asset, row.area) == (100, True, True, True, "TK-1", "A")
    assert "tov 5000 m³, fwv 100 m³, gov 4950 m³" in row.msg
    assert (row.tag, row.quality) == ("TK-1.tov", "good")
    tank.set(fwv=50.0, quality=0x80000000)
    tank.wait(40)
    (doubted,) = tank.alarms.table.rows()
    assert (doubted.act, doubted.quality, doubted.eid) == (True, "bad", row.eid), "doubt is no other occurrence"
    tank.set(fwv=100.0)
    tank.wait(2)
    assert tank.alarms.table.rows() == [row]
    tank.set(fwv=50.0)
    tank.wait(40)
    assert tank.alarms.table.rows() == []
    report = Tank(site)
    report.set(fwv=100.0)
    assert report.wait(40) == ["tov"] and report.alarms.table.rows() == [] and not report.alarms.offered


async def test_a_running_agent_looks(site: SiteFolder, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consistency, "LOOK", 0.02)
    monkeypatch.setattr(consistency, "HOLD", 0.1)
    values = "".join(f'"TK-1.{key}" = {value}\n' for key, value in (SOUND | {"fwv": 100.0}).items())
    site.configure(SOURCE + "[source.values]\n" + values, TANK)
    async with serve() as running:
        async with asyncio.timeout(5):
            while not running.agent.site.consistency.findings():
                await asyncio.sleep(0.01)
        assert [finding.rule for finding in running.agent.site.consistency.findings()] == ["tov"]
        report = Health(running.agent.config, running.agent.site, running.agent.uplink, running.agent.trust).look()
        assert [finding.text for finding in report.findings if finding.code == "figures-contradict"] == [
            "TK-1: the total observed volume is not water and gross observed volume."
        ]
        assert running.agent.site.subscriptions.current("TK-1.fwv").value == 100.0  # told, not changed


def test_ctl_stands_in_for_vcf() -> None:
    by_ctl = next(rule for rule in RULES if "ctl" in rule.factors)
    figures = {"gsv": Figure(99.0, "m³"), "gov": Figure(100.0, "m³"), "ctl": Figure(0.99, "")}
    assert by_ctl.comparable(figures) and by_ctl.holds(figures)
    assert not by_ctl.comparable(figures | {"ctl": Figure(99.0, "%")})
    assert not by_ctl.comparable({key: Figure(f.value, "") for key, f in figures.items()})


async def test_a_row_of_contradicting_figures_is_shelved_comes_back_by_itself_and_ends_with_its_reason(
    site: SiteFolder,
) -> None:
    tank = Tank(site, "alarm", allow_ack=True)
    assert "shelve" in tank.site.capabilities
    tank.site.journal.open()
    tank.alarms.open()
    try:
        tank.set(fwv=100.0)
        tank.wait(40)
        answer = await _shelve(tank, 900_000)
        assert [result.res for result in answer.res] == ["ok"]
        (row,) = tank.alarms.table.rows()
        assert row.shelf == tank.clock.wall_ms() + 900_000 and row.act
        tank.wait(904)
        (row,) = tank.alarms.table.rows()
        assert not row.shelf and row.act
        await _shelve(tank, 900_000)
        assert [result.res for result in (await _shelve(tank, 0)).res] == ["ok"]
        assert not tank.alarms.table.rows()[0].shelf
        await _shelve(tank, 900_000)
        tank.set(fwv=50.0)
        tank.wait(40)
        assert tank.alarms.table.rows() == []  # it agrees again: nothing is left to be out of the way
        tank.set(fwv=100.0)
        tank.wait(40)
        assert not tank.alarms.table.rows()[0].shelf  # another contradiction than the one that was shelved
    finally:
        tank.alarms.close()
        tank.site.journal.close()


async def _shelve(tank: Tank, milliseconds: int) -> AckAnswer:
    (row,) = tank.alarms.table.rows()
    wish = Shelve(item=AlarmPick(row.id, row.eid), ms=milliseconds, key=secrets.token_urlsafe(16), c="being gauged")
    return await tank.alarms.acknowledging.shelve(wish, Person(), "s1")
