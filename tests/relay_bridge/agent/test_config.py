"""site.toml: what may be written, what it means, and one clear sentence for everything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay_bridge.agent.config import load_config
from relay_bridge.agent.config_file import MemorySource, OpcUaSource
from relay_bridge.agent.errors import ConfigError
from tests.relay_bridge.agent.support import HEAD, SOURCE, TANK, SiteFolder

OPCUA = """
[[source]]
id = "main"
kind = "opcua"
url = "opc.tcp://127.0.0.1:4840/"
security = "None"
allow_insecure = true
"""


def sentence(site: SiteFolder) -> str:
    with pytest.raises(ConfigError) as refused:
        load_config(site.toml)
    text = str(refused.value)
    assert "\n" not in text and (text.endswith(".") or "chmod 600" in text)
    assert "bGlzdGVuLWtleQ" not in text
    return text


def test_tank_stands_for_its_tags(site: SiteFolder) -> None:
    config = load_config(site.toml)
    assert [tag.id for tag in config.tags] == ["TK-101.level", "TK-101.temp_avg", "TK-101.product"]
    level, _, product = config.tags
    assert level.limits is not None and level.limits.hh == 14.0 and level.name == "Level"
    assert product.kind == "text" and product.limits is None
    assert config.assets[0].kind == "tank" and config.assets[0].area == "North farm"
    assert isinstance(config.sources[0], MemorySource)
    assert config.relay.entity_path == "north"
    assert config.relay_file is not None and config.relay_file.name == "relay-listen"  # a new key may be put there
    assert "bGlzdGVuLWtleQ" not in repr(config)


def test_paths_are_relative_to_the_file(site: SiteFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert load_config(site.toml).trust.agent_cert == str(site.folder / "trust/agent.pem")


def test_opcua_source_with_a_node_for_every_tag(site: SiteFolder) -> None:
    tank = TANK.replace('area = "North farm"', 'area = "North farm"\nprefix = "nsu=urn:x;s=TK-101."')
    site.configure(OPCUA, tank)
    config = load_config(site.toml)
    assert isinstance(config.sources[0], OpcUaSource)
    assert config.tags[0].node == "nsu=urn:x;s=TK-101.Level"


def test_single_tags_make_or_join_assets(site: SiteFolder) -> None:
    site.configure(
        SOURCE,
        TANK,
        '[[tag]]\nid = "TK-101.dens"\nsource = "main"\ncanon = "density_obs"\nunit = "g/cm³"\n'
        "decimals = 4\nrange = [0.5, 1.5]",
        '[[tag]]\nid = "P-1.run"\nsource = "main"\narea = "Pump house"\nkind = "bool"\nname = "Runs"',
        '[[tag]]\nid = "T-9.level"\nsource = "main"\narea = "Pump house"\ncanon = "level"',
    )
    config = load_config(site.toml)
    dens, run = config.tags[3:5]
    assert (dens.asset, dens.unit, dens.decimals, dens.span) == ("TK-101", "g/cm³", 4, (0.5, 1.5))
    assert (run.asset, run.name, run.kind) == ("P-1", "Runs", "bool")
    assert {asset.id: asset.kind for asset in config.assets} == {"TK-101": "tank", "P-1": "unit", "T-9": "tank"}


def test_tables_of_a_tank_override_what_is_usual(site: SiteFolder) -> None:
    extra = (
        'unit = { level = "mm" }\ndecimals = { level = 0 }\nrange = { level = [0, 15000] }\ndeadband = { level = 2 }\n'
    )
    site.configure(SOURCE, TANK + extra)
    level = load_config(site.toml).tags[0]
    assert (level.unit, level.decimals, level.span, level.deadband) == ("mm", 0, (0.0, 15000.0), 2.0)


TAG = '[[tag]]\nid = "X.y"\nsource = "main"\narea = "A"\n'


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((SOURCE, TANK, "[surprise]\nx = 1"), 'site.toml: unknown key "surprise".'),
        ((SOURCE, TANK, "[limits]\nsesions = 5"), 'unknown key "sesions" in [limits].'),
        ((SOURCE, TANK, "[limits]\nsessions = 0"), "limits.sessions: expected a whole number >= 1."),
        ((SOURCE, TANK, "[limits]\nsessions = 'many'"), "limits.sessions: expected a whole number, got a text."),
        ((SOURCE.replace("values", "value"), TANK), '[[source]] "main": unknown key "value".'),
        ((SOURCE, TANK + "colour = 'red'"), '[[tank]] "TK-101": unknown key "colour".'),
        ((SOURCE, TANK + TANK), 'The tank "TK-101" is configured twice.'),
        ((SOURCE + SOURCE.split("[source.values]")[0], TANK), 'The source "main" is configured twice.'),
        ((SOURCE, TAG + TAG), 'The tag "X.y" is configured twice.'),
        (
            (SOURCE, TANK, TAG.replace("X.y", "TK-101.level").replace('"A"', '"North farm"')),
            '"TK-101.level" is configured twice',
        ),
        ((SOURCE, TANK, TAG.replace("main", "man")), '[[tag]] "X.y": its source "man" is not configured'),
        ((SOURCE, TANK.replace('"main"', '"man"')), '[[tank]] "TK-101": its source "man" is not configured'),
        ((SOURCE.split("[source.values]")[0],), "No tags are configured"),
        ((TANK,), "No source is configured"),
        ((SOURCE, TANK, TAG.replace('"X.y"', '"X y"')), '[[tag]] "X y": id: expected letters, digits'),
        ((SOURCE, TANK, TAG.replace('"X.y"', '"' + "x" * 129 + '"')), "id:"),
        ((SOURCE, TANK, TAG.replace('id = "X.y"\n', "")), '[[tag]]: lacks the key "id".'),
        ((SOURCE, TANK, TAG.replace('area = "A"\n', "")), 'lacks the key "area"'),
        ((SOURCE, TANK, TAG + 'asset = "TK-101"'), 'differs from "North farm"'),
        ((SOURCE, TANK, TAG + 'canon = "levl"'), "no canonical key"),
        ((SOURCE, TANK, TAG + "range = [5, 1]"), "low below high"),
        ((SOURCE, TANK, TAG + "range = [nan, 1]"), "low below high"),
        ((SOURCE, TANK, TAG + "limits = { l = 5, h = 1 }"), "limits must rise"),
        ((SOURCE, TANK, TAG + "limits = { high = 1 }"), "unknown key"),
        ((SOURCE, TANK, TAG + "decimals = 12"), "decimals"),
        ((SOURCE, TANK.replace("level =", "levl =")), '"levl" is no canonical key'),
        ((SOURCE, TANK + 'unit = { flow = "m³/h" }'), '"flow", which is not in its map'),
        ((SOURCE.split('"TK')[0] + '"TK-9.level" = 1\n', TANK), '"TK-9.level", which is no tag of this source'),
        (
            (SOURCE.replace("memory", "kind: invalid value 'modbus'; known are opcua, memory."), TANK),
            "kind: invalid value 'modbus'; known are opcua, memory.",
        ),
        ((SOURCE, TANK, "[[browse]]\nsource = 'man'"), 'its source "man" is not configured'),
        ((SOURCE, TANK, "[[browse]]\nsource = 'main'\nmax = 0"), "max: expected a whole number >= 1"),
        ((SOURCE, TANK, "[[command]]\nid = 'x'"), "[command]"),
        ((SOURCE, TANK, "[history]\nring_hours = 0"), "history.ring_hours"),
        ((SOURCE, TANK, "[history]\nring = 'some'"), "history.ring"),
        ((SOURCE, TANK, "[history]\nmax_tags = 0"), "history.max_tags"),
        ((SOURCE, TANK, "[audit]\nkeep_days = 0"), "audit.keep_days"),
        ((OPCUA.replace("allow_insecure = true\n", ""), TAG + 'node = "i=1"'), "allow_insecure = true"),
        ((OPCUA.replace('"None"', '"Basic256Sha256/Sign"'), TAG + 'node = "i=1"'), "needs client_cert and client_key"),
        ((OPCUA.replace('"None"', '"Basic128"'), TAG + 'node = "i=1"'), "known are None, Basic256Sha256/Sign"),
        ((OPCUA.replace("opc.tcp", "http"), TAG + 'node = "i=1"'), "an address like opc.tcp://HOST:PORT"),
        ((OPCUA.replace(":4840", ":99999"), TAG + 'node = "i=1"'), "a port from 1 to 65535"),
        ((OPCUA.replace(":4840", ":plant"), TAG + 'node = "i=1"'), "a port from 1 to 65535"),
        ((OPCUA.replace("127.0.0.1", "me:secret@plant"), TAG + 'node = "i=1"'), "no user name or password"),
        ((OPCUA + 'user = "me"\n', TAG + 'node = "i=1"'), "user and password go together"),
        ((OPCUA + 'server_cert = "no.der"\n', TAG + 'node = "i=1"'), "there is no file"),
        ((OPCUA, TAG), 'lacks the key "node"'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_meant_is_one_sentence(site: SiteFolder, parts: tuple[str, ...], words: str) -> None:
    site.configure(*parts)
    assert words in sentence(site)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('id = "north"', 'id = "north"\nalow_writes = false', 'unknown key "alow_writes" in [site].'),
        ('id = "north"', 'id = "nor th"', "site.id"),
        ('id = "north"\n', "", 'lacks the key "id" in [site].'),
        ("Europe/Oslo", "Europe/Atlantis", "is no time zone"),
        ("[relay]", "[relays]", 'unknown key "relays"'),
        ('"file:secrets/relay-listen"', '"Endpoint=sb://x/;SharedAccessKey=abc"', "not the secret itself"),
        ('"file:secrets/relay-listen"', '"file:secrets/none"', "cannot read"),
        (
            '"file:secrets/relay-listen"',
            '"env:SIGHTLINE_TEST_UNSET"',
            "environment variable SIGHTLINE_TEST_UNSET is not",
        ),
        ('issuer = "https://hmi.example.com"', 'issuer = "hmi"', "trust.issuer: expected an address like"),
    ],
)
def test_head_is_as_strict(site: SiteFolder, before: str, after: str, words: str) -> None:
    assert before in HEAD
    site.configure(head=HEAD.replace(before, after))
    text = sentence(site)
    assert words in text and "SharedAccessKey=abc" not in text


def test_false_switches_of_later_versions_are_fine(site: SiteFolder) -> None:
    site.configure(head=HEAD.replace('id = "north"', 'id = "north"\nallow_writes = false\nallow_ack = false'))
    assert load_config(site.toml).site.id == "north"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("garbage", "not NAME=VALUE"),
        ("Endpoint=sb://h/;SharedAccessKeyName=a;SharedAccessKey=s3cret", "lacks EntityPath"),
        ("Endpoint=sb://h/;EntityPath=n", "needs SharedAccessKeyName"),
        ("Endpoint=http://h/;EntityPath=n;SharedAccessKeyName=a;SharedAccessKey=s3cret", "sb://HOST"),
        (
            "Endpoint=sb://h/;EntityPath=n;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=s3cret",
            "manages the whole relay",
        ),
        (
            "Endpoint=sb://h/;EntityPath=n;SharedAccessKeyName=rootmanagesharedaccesskey;SharedAccessKey=s3cret",
            "manages the whole relay",
        ),
        ("Endpoint=sb://h:99999/;EntityPath=n;SharedAccessKeyName=a;SharedAccessKey=s3cret", "port"),
    ],
)
def test_connection_string_that_cannot_be_used(site: SiteFolder, text: str, words: str) -> None:
    site.put("secrets/relay-listen", text, mode=0o600)
    found = sentence(site)
    assert words in found and "[relay] connection_string" in found and "s3cret" not in found


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_secret_that_others_can_read_is_refused(site: SiteFolder, mode: int) -> None:
    (site.folder / "secrets/relay-listen").chmod(mode)
    found = sentence(site)
    assert "chmod 600" in found and f"{mode:04o}" in found


def test_secret_from_the_environment(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (site.folder / "secrets/relay-listen").read_text()
    monkeypatch.setenv("SIGHTLINE_TEST_RELAY", text)
    site.configure(head=HEAD.replace("file:secrets/relay-listen", "env:SIGHTLINE_TEST_RELAY"))
    assert load_config(site.toml).relay.key_name == "agent"


def test_file_that_is_not_there_or_no_toml(site: SiteFolder) -> None:
    with pytest.raises(ConfigError, match="Cannot read"):
        load_config(site.folder / "none.toml")
    site.toml.write_text("[site\n")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_config(site.toml)
    site.toml.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_config(site.toml)
    with pytest.raises(ConfigError, match="Cannot read"):
        load_config(site.folder)
