"""``import`` and ``tags`` as they are typed: against the simulated plant, and against servers that give half."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from relay_bridge.agent.cli import main
from relay_bridge.agent.config import load_config
from relay_bridge.agent.drivers import build_driver
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.importing import browsing
from relay_bridge.agent.importing.browsing import look_around
from relay_bridge.simulator.farm import TANKS, VARIABLES
from relay_bridge.simulator.server import PlantServer, quiet_asyncua
from tests.relay_bridge.agent.importing.support import ListDriver, node
from tests.relay_bridge.agent.support import HEAD, SOURCE, TANK, SiteFolder

quiet_asyncua()


def opcua(url: str) -> str:
    return f'[[source]]\nid = "main"\nkind = "opcua"\nurl = "{url}"\nsecurity = "None"\nallow_insecure = true\n'


async def run(*arguments: object) -> int:
    """The program, in a thread of its own because it starts a loop."""
    return await asyncio.to_thread(main, [str(one) for one in arguments])


async def test_from_a_plant_to_a_site_and_back_through_a_spreadsheet(
    site: SiteFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    of_tank = sum(name.startswith("TK-101.") for name in VARIABLES)
    out, listed, back = tmp_path / "out.toml", tmp_path / "tags.csv", tmp_path / "back.toml"
    async with PlantServer(seed=2) as plant:
        site.configure(opcua(plant.url))
        assert await run("import", "--config", site.toml, "--source", "main", "--out", out) == 0
        told = capsys.readouterr()
        counts = f"15 tanks and pumps, {len(VARIABLES)} tags proposed, 0 configured already, 0 not understood."
        assert counts in told.err
        assert told.out == ""
        text = out.read_text()
        # Nothing is overwritten, and what was proposed loads as it is.
        assert await run("import", "--config", site.toml, "--out", out) == 2
        assert "is there already and stays as it is" in capsys.readouterr().err and out.read_text() == text
        site.configure(opcua(plant.url), text)
        config = load_config(site.toml)
        assert {tag.node.rpartition("s=")[2] for tag in config.tags} == set(VARIABLES)
        assert {a.id for a in config.assets if a.kind == "tank"} == {tank.id for tank in TANKS}
        assert {tag.id: tag.unit for tag in config.tags}["TK-101.tov"] == "m³"
        assert await run("import", "--config", site.toml, "--root", "nsu=urn:sightline:tank-farm;s=TK-101") == 0
        assert f"0 tags proposed, {of_tank} configured already" in capsys.readouterr().err
        # Browsed into a snapshot instead.
        site.configure(opcua(plant.url), '[[browse]]\nsource = "main"\ninclude = ["TK-1*.*"]\n')
        assert await run("import", "--browse", "--config", site.toml) == 0
        assert f"{len(VARIABLES)} variables" in capsys.readouterr().err
        stored = (site.folder / "state/browse.json").read_bytes()
    browsed = load_config(site.toml)  # the plant is gone
    assert len(browsed.tags) == 8 * of_tank and browsed.warnings == ()
    monkeypatch.setattr(browsing, "CONNECT_DEADLINE", 0.5)
    assert await run("import", "--browse", "--config", site.toml) == 1
    assert "not reachable" in capsys.readouterr().err
    assert (site.folder / "state/browse.json").read_bytes() == stored
    site.configure(opcua(plant.url), text)
    assert await run("tags", "export", "--config", site.toml, "--out", listed) == 0
    assert await run("tags", "import", listed, "--source", "main", "--out", back) == 0
    site.configure(opcua(plant.url), back.read_text())
    again = load_config(site.toml)
    assert (again.tags, again.assets) == (config.tags, config.assets)


def test_export_goes_to_standard_output(site: SiteFolder, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["tags", "export", "--config", str(site.toml)]) == 0
    lines = capsysbinary.readouterr().out.split(b"\r\n")
    assert lines[0].startswith(b"\xef\xbb\xbfid,source,node,") and lines[1].startswith(b"TK-101.level,main,Level,")


def test_faults_of_a_list_write_nothing(site: SiteFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed, out = tmp_path / "t.csv", tmp_path / "out.toml"
    listed.write_text("id,node,area\nA.1,n,North\nA 2,n,\n")
    assert main(["tags", "import", str(listed), "--source", "main", "--out", str(out)]) == 1
    told = capsys.readouterr()
    assert "t.csv: row 3, column 1 (id): " in told.err and told.out == "" and not out.exists()
    listed.write_text("id,node,area\nTK-101.level,n,North\n")
    assert main(["tags", "import", str(listed), "--source", "main", "--config", str(site.toml)]) == 1
    assert '"TK-101.level" is configured already' in capsys.readouterr().err
    assert [path.name for path in tmp_path.glob("*.new")] == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tags", "import", "nowhere.csv"], "Cannot read nowhere.csv"),
        (["tags", "import"], "Name the CSV file"),
        (["tags", "export"], "Say: sightline-site tags export --config"),
        (["import", "--config", "{toml}", "--source", "other"], 'no [[source]] with id = "other"; known are: main.'),
        (
            ["import", "--config", "{toml}"],
            'source "main": sources of its kind cannot be browsed'.removeprefix("source "),
        ),
        (["import", "--config", "{toml}", "--browse"], "no [[browse]] entry"),
        (["import", "--config", "{toml}", "--browse", "--root", "i=85"], "leave out --root"),
        (["import", "--config", "{toml}", "--deadline", "0"], "--deadline is from 1"),
        (["tags", "export", "--config", "{toml}", "--source", "x"], "no [[source]]"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    site: SiteFolder, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    site.configure(SOURCE, TANK)
    assert main([one.format(toml=site.toml) for one in arguments]) == 2
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1


async def test_half_of_a_server_is_said_to_be_half() -> None:
    nodes = [node(f"A/TK-{n}/Level") for n in range(10)]
    whole = await look_around(ListDriver(nodes), None)
    assert (len(whole.nodes), whole.trouble) == (10, "")
    half = await look_around(ListDriver(nodes, fails=4), None)
    assert len(half.nodes) == 4 and "not all was seen" in half.trouble
    cut = await look_around(ListDriver(nodes), None, most=10)
    assert len(cut.nodes) == 10 and "There are 10 or more" in cut.trouble
    with pytest.raises(ConfigError, match=r'\[\[source\]\] "main": Browsing the source took longer'):
        await look_around(ListDriver(nodes, fails=0), None)


async def test_a_source_that_does_not_come_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "CONNECT_DEADLINE", 0.1)
    with pytest.raises(ConfigError, match="not reachable within 0 s: no answer"):
        await look_around(ListDriver([], up=False), None)


async def test_looking_around_loads_no_code_that_writes(site: SiteFolder) -> None:
    head = HEAD.replace("[relay]", "allow_writes = true\n[relay]")
    site.configure(opcua("opc.tcp://127.0.0.1:9/"), head=head)
    config = load_config(site.toml, for_import=True)
    assert "write" in build_driver(config.sources[0], config).capabilities
    assert "write" not in browsing.driver_for(config, config.sources[0]).capabilities
