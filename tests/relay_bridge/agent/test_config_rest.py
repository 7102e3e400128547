"""site.toml for HTTP sources: what may be written, what ``check`` makes of it, and what never leaves the site."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from relay_bridge.agent.ceiling import Ceiling
from relay_bridge.agent.check import check
from relay_bridge.agent.config import load_config
from relay_bridge.agent.config_rest import DeltaVEdgeSource, RestSource
from relay_bridge.agent.drivers import build_drivers
from relay_bridge.agent.errors import ConfigError
from tests.relay_bridge.agent.acting.support import OPEN_HEAD
from tests.relay_bridge.agent.support import SiteFolder
from tests.support.rest_server import RestServer

REST = """
[[source]]
id = "gauges"
kind = "rest"
url = "{url}"
allow_insecure = true
requests_per_second = 4

[source.login]
kind = "token"
path = "/login"
user = "mobile-agent"
password = "file:secrets/rest"
token = "/token"

[[source.group]]
id = "tanks"
path = "/tanks"
rows = "/tanks"
row_id = "/name"
value = "/level/value"
time = "/level/at"
quality = "/level/ok"
quality_map = {{ true = "good" }}
"""
TAGS = """
[[tank]]
id = "TK-101"
source = "gauges"
area = "North farm"
prefix = "tanks#"
map = { level = "T101" }

[[tag]]
id = "TK-102.level"
source = "gauges"
area = "North farm"
node = "tanks#T102"
"""
EDGE = """
[[source]]
id = "edge"
kind = "deltav-edge"
url = "https://192.0.2.20"
server_cert = "trust/edge.pem"
user = "mobile-agent"
password = "file:secrets/rest"

[[tag]]
id = "FIC-101.pv"
source = "edge"
area = "Unit 1"
node = "PLANT/FIC-101/PID1/PV.CV"
"""


@pytest.fixture
def site(tmp_path: Path) -> SiteFolder:
    folder = SiteFolder(tmp_path)
    folder.put("secrets/rest", "right\n", mode=0o600)
    folder.put("trust/edge.pem", folder.agent.cert_pem)
    return folder


def refused(site: SiteFolder, *parts: str) -> str:
    site.configure(*parts)
    with pytest.raises(ConfigError) as error:
        build_drivers(load_config(site.toml))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_rest_source_with_tanks_and_tags(site: SiteFolder) -> None:
    site.configure(REST.format(url="http://127.0.0.1:1/api"), TAGS)
    config = load_config(site.toml)
    assert isinstance(config.sources[0], RestSource) and config.passwords == {"gauges": "right"}
    assert [tag.node for tag in config.tags] == ["tanks#T101", "tanks#T102"]
    assert "right" not in repr(config)
    driver = build_drivers(config)["gauges"]
    assert driver.capabilities == {"read", "subscribe"}


async def test_what_is_watched_in_any_case_must_fit_into_the_pace(site: SiteFolder) -> None:
    async with RestServer() as server:
        level = {"value": 1, "at": "2026-11-22T10:00:00Z", "ok": True}
        rows = [{"name": "T101", "level": level}, {"name": "T102", "level": level}]
        server.answers |= {"/login": {"token": "T"}, "/tanks": {"tanks": rows}, "/one/X": {"v": 1}}
        single = '[[source.group]]\nid = "one"\npath = "/one/{id}"\ninterval_s = 0.2\nvalue = "/v"\n'
        tag = '[[tag]]\nid = "X.level"\nsource = "gauges"\narea = "A"\nnode = "one#X"\n'
        out = io.StringIO()
        site.configure(REST.format(url=server.url) + single, TAGS, tag)
        (text,) = [text for text in await check(site.toml, out) if getattr(text, "code", "") == "source-pace"]
        assert text.startswith('[[source]] "gauges": what is watched in any case') and "takes 6.0 requests" in text
        assert "marked while it is more than 4 s late" in out.getvalue()
        site.configure(REST.format(url=server.url) + single, TAGS, tag, '[history]\nring = "off"')
        assert "source-pace" not in [getattr(text, "code", "") for text in await check(site.toml, io.StringIO())]


def test_several_tags_are_not_written_to_one_place(site: SiteFolder) -> None:
    section = '[source.write]\npath = "/setpoint"\nbody = {{ value = "{{value}}" }}\n'
    write = '[[write]]\ntag = "{}"\ntype = "double"\nmin = 0\nmax = 1\n'
    tag = '[[tag]]\nid = "{0}"\nsource = "gauges"\narea = "A"\nnode = "tanks#{0}"\n'
    rest = (REST + section).format(url="http://127.0.0.1:1")
    parts = [tag.format("A"), tag.format("B"), write.format("A")]
    site.configure(rest, *parts, head=OPEN_HEAD)
    assert "write" in build_drivers(load_config(site.toml))["gauges"].capabilities, "one is enough to know which"
    site.configure(rest, *parts, write.format("B"), head=OPEN_HEAD)
    with pytest.raises(ConfigError, match="so A and B would be written to the same place"):
        build_drivers(load_config(site.toml))


def test_a_deltav_edge_source(site: SiteFolder) -> None:
    site.configure(EDGE)
    config = load_config(site.toml)
    source = config.sources[0]
    assert isinstance(source, DeltaVEdgeSource) and source.server_cert == str(site.folder / "trust/edge.pem")
    assert build_drivers(config)["edge"].capabilities >= {"history_raw", "alarms"}


def test_addresses_users_and_places_are_private(site: SiteFolder) -> None:
    site.configure(EDGE)
    text = "192.0.2.20 https://192.0.2.20 mobile-agent PLANT/FIC-101/PID1/PV.CV"
    scrubbed = Ceiling(load_config(site.toml)).scrub(text)
    assert "192.0.2.20" not in scrubbed and "mobile-agent" not in scrubbed and "PID1" not in scrubbed


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('url = "{url}"', 'url = "ftp://x"', "an address like https://HOST:PORT"),
        ('url = "{url}"', 'url = "http://u:p@x"', "no user name or password"),
        ('url = "{url}"', 'url = "http://x/?a=b"', "an address like https://HOST:PORT"),
        ("allow_insecure = true", "", "allow_insecure = true"),
        ("allow_insecure = true", 'allow_insecure = true\nverify = false', 'unknown key "verify"'),
        ("allow_insecure = true", 'server_cert = "trust/none.pem"', "there is no file"),
        ('kind = "token"', 'kind = "digest"', "login.kind"),
        ('password = "file:secrets/rest"', 'password = "right"', "not the secret itself"),
        ('row_id = "/name"', 'row_id = "name"', "a JSON pointer like /tank/level"),
        ('path = "/tanks"', 'path = "https://elsewhere/"', "a path that begins with /"),
        ('path = "/tanks"', 'path = "/tanks/{{host}}"', "{host} is not known here"),
        ('quality_map = {{ true = "good" }}', "", "quality needs quality_map"),
        ("requests_per_second = 4", "requests_per_second = 1000", "requests_per_second"),
        ('id = "tanks"', 'id = "other"', "write its node as GROUP#PLACE; the groups are other"),
        ("requests_per_second = 4", 'alarms = "list"', "go together"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_sentence(site: SiteFolder, old: str, new: str, words: str) -> None:
    assert old in REST
    sentence = refused(site, REST.replace(old, new, 1).format(url="http://127.0.0.1:1"), TAGS)
    assert words in sentence and "gauges" in sentence, sentence


async def test_check_reads_the_source_and_says_what_it_will_be_asked(site: SiteFolder) -> None:
    rows = [{"name": "T101", "level": {"value": 12.5, "at": "2026-11-22T10:00:00Z", "ok": True}}]
    async with RestServer() as server:
        server.answers |= {"/login": {"token": "t"}, "/tanks": {"tanks": rows}}
        site.configure(REST.format(url=server.url), TAGS)
        out = io.StringIO()
        findings = await check(site.toml, out)
        (finding,) = findings
        assert finding == '[[tag]] "TK-102.level": bad quality at the source: tag unknown at the source (0x80340000).'
        assert 'Source "gauges": at most 4 requests a second over 2 connections; all tags watched, ' in out.getvalue()
