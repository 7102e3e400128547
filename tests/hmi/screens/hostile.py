"""Texts that a plant, a configuration or a person could send to do harm, and a site that sends them everywhere."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.config import load_config
from relay_bridge.agent.drivers.abilities import AlarmEvent, AlarmRef
from tests.hmi.ingest.terminal import Terminal

# What stands in each of them to be found again: plain letters, so that nothing that cuts or cleans takes them away.
MARK = "Zq"
RUNS = "window.planted=1"
TEXTS: dict[str, str] = {
    "markup": f'{MARK}"><img src=x onerror={RUNS} data-planted><script>{RUNS}</script>',
    "attribute": f"' data-planted onfocus={RUNS} autofocus x='{MARK}--><b data-planted>",
    "template": f"{MARK}{{{{7*7}}}}{{% now 'Y' %}}${{{RUNS}}}</textarea></title></script>",
    "direction": f"{MARK} \u202e\u2067\u05d0\u05d1\u05d2 nommoc \u200f123\u202d",
    "unseen": f"{MARK}\u200b\u200d\ufeff\u00ad\u2028\x01\x7f\u2400\n\tline",
    "pictures": f"\U0001f469\u200d\U0001f680\U0001f6e2\ufe0f{MARK}Z\u0351\u036b\u0343\u036a\u0302",
    "formula": f'=HYPERLINK("http://x.example/{MARK}";"y");+1',
    "long": MARK + "W" * 2000,
}
TANKS = tuple(f"TK-{number}" for number in range(101, 101 + len(TEXTS)))
PUMP = "P-1"
NAME, UNIT, WORD, VALUE = 100, 20, 60, 1024  # characters that the agent's configuration, and a value, may have


def cut(text: str, most: int) -> str:
    """``text`` as long as its place allows; what is long fills it."""
    return text[:most]


def toml(text: str) -> str:
    """A basic string of TOML."""
    escaped = []
    for letter in text:
        if letter in '"\\':
            escaped.append(f"\\{letter}")
        elif letter.isprintable():
            escaped.append(letter)
        else:
            escaped.append(f"\\U{ord(letter):08X}")
    return '"' + "".join(escaped) + '"'


class HostileTerminal(Terminal):
    """A tank for each text, which has it for its name, area, units, words and values; a pump with all of its own."""

    async def start_agent(self) -> None:
        head = self._head
        for what in ("allow_ack", "allow_writes"):
            head = head.replace(f"{what} = false", f"{what} = true")
        self._site_file.write_text(head + "".join(_sections()))
        self.agent = SiteAgent(load_config(self._site_file), lease=self.lease, heartbeat=self.heartbeat)
        self._agent_task = asyncio.create_task(self.agent.run())
        await self.agent.uplink.wait_online()

    def raise_alarms(self) -> None:
        """As a process server tells of them: one alarm with each text in every field that it may fill."""
        table = self.agent.site.alarms.table
        now = int(time.time() * 1000)
        for number, (kind, text) in enumerate(TEXTS.items()):
            acknowledged = number % 2 == 1
            table.alarm(
                AlarmEvent(
                    ref=AlarmRef("main", f"condition {kind}"), event=kind.encode(), time=now - 60_000,
                    severity=500 + 60 * number,
                    active=True, acknowledged=acknowledged, retain=True, name=text, condition_type=text, node="",
                    message=text, comment=text if acknowledged else "", user=text if acknowledged else "",
                    limit_state=text, tag=f"TK-{101 + number}.level",
                )
            )  # fmt: skip


def _sections() -> list[str]:
    values = {}
    parts = []
    for tank, text in zip(TANKS, TEXTS.values(), strict=True):
        canons = ("level", "flow", "product", "gauge_status", "movement", "movement_from", "movement_to")
        values |= {f"{tank}.{canon}": cut(text, VALUE) for canon in canons}
        values |= {f"{tank}.level": 5.5, f"{tank}.flow": -100.0}
        places = ", ".join(f'{canon} = "s={canon}"' for canon in canons)
        parts.append(
            f'\n[[tank]]\nid = "{tank}"\nsource = "main"\narea = {toml(cut(text, NAME))}\n'
            f"name = {toml(cut(text, NAME))}\n"
            f"map = {{ {places} }}\nunit = {{ level = {toml(cut(text, UNIT))} }}\n"
            "range = { level = [0.0, 16.0] }\nlimits = { ll = 0.5, l = 1.0, h = 13.0, hh = 14.0 }\n"
        )
    hostile = list(TEXTS.values())
    tags = (
        ("sp", "number", f"unit = {toml(cut(hostile[0], UNIT))}\nrange = [0.0, 100.0]\n", 1.0),
        (
            "run",
            "bool",
            f"enums = {{ true = {toml(cut(hostile[1], WORD))}, false = {toml(cut(hostile[0], WORD))} }}\n",
            False,
        ),
        ("mode", "text", f"enums = {{ 0 = {toml(cut(hostile[3], WORD))}, 1 = {toml(cut(hostile[2], WORD))} }}\n", 0),
        ("words", "text", "", cut(hostile[0], VALUE)),
    )
    for number, (name, kind, more, value) in enumerate(tags):
        values[f"{PUMP}.{name}"] = value
        parts.append(
            f'\n[[tag]]\nid = "{PUMP}.{name}"\nasset = "{PUMP}"\nasset_kind = "pump"\n'
            f'asset_name = {toml(cut(hostile[1], NAME))}\nsource = "main"\nkind = "{kind}"\n'
            f"area = {toml(cut(hostile[0], NAME))}\n"
            f"name = {toml(cut(hostile[number], NAME))}\n{more}"
        )
    parts.append(
        f'\n[[write]]\ntag = "{PUMP}.sp"\ntype = "double"\nmin = 0.0\nmax = 100.0\nmin_interval_s = 0\nsettle_s = 0\n'
        f'\n[[command]]\nid = "{PUMP}.start"\nname = {toml(cut(hostile[0], WORD))}\n'
        'node = "s=start-node"\nmethod = "start"\n'
        f'expect = {{ tag = "{PUMP}.run", equals = false }}\ndone = true\nmin_interval_s = 0\nsettle_s = 0\n'
    )
    lines = "".join(f'"{tag}" = {_value(value)}\n' for tag, value in values.items())
    return [f'\n[[source]]\nid = "main"\nkind = "memory"\nalarms = "limits"\n[source.values]\n{lines}', *parts]


def _value(value: Any) -> str:
    return toml(value) if isinstance(value, str) else json.dumps(value)
