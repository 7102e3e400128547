"""What the phone shows for a moment is what the plant says for that moment: 100 random (tag, moment) pairs."""

from __future__ import annotations

import json
import random
import subprocess
import sys

from playwright.sync_api import Page

from tests.support.demo import ROOT, Demo, wait_for
from tests.support.phone import all_live, tags

# A second OPC UA client, in a process of its own, writes down what the plant itself says.
RECORDER = """
import asyncio, json, sys
from asyncua import Client, ua

async def main(url, nodes, seconds):
    async with Client(url) as client:
        index = await client.get_namespace_index("urn:sightline:tank-farm")
        class Handler:
            def datachange_notification(self, node, value, data):
                moment = data.monitored_item.Value.SourceTimestamp
                import datetime
                t = round(moment.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000)
                print(json.dumps([node.nodeid.Identifier, t, value]), flush=True)
        subscription = await client.create_subscription(200, Handler())
        handles = [client.get_node(ua.NodeId(name, index)) for name in nodes]
        await subscription.subscribe_data_change(handles, queuesize=20)
        print("recording", file=sys.stderr, flush=True)
        await asyncio.sleep(seconds)

asyncio.run(main(sys.argv[1], json.loads(sys.argv[2]), float(sys.argv[3])))
"""
SUFFIX = {
    "level": "Level", "ullage": "Ullage", "level_rate": "LevelRate", "temp_avg": "AvgTemp", "pressure": "Pressure",
    "water_level": "FreeWater", "tov": "TOV", "gov": "GOV", "gsv": "GSV", "flow": "Flow", "density_obs": "Density",
}  # fmt: skip


def node_of(tag: str) -> str | None:
    asset, _, canon = tag.rpartition(".")
    return f"{asset}.{SUFFIX[canon]}" if canon in SUFFIX else None


def look(page: Page, seconds: int) -> list[tuple[str, int, str]]:
    """What the page shows, twice a second: (node, moment, text)."""
    shown = []
    for _ in range(2 * seconds):
        page.wait_for_timeout(500)
        shown += [
            (node, each["t"], each["text"])
            for each in tags(page)
            if (node := node_of(each["tag"])) and each["quality"] == "good" and not each["stale"]
        ]
    return shown


def test_hundred_random_pairs(operator: Page, demo: Demo) -> None:
    operator.goto(f"{demo.url}/sites/demo/")
    wait_for(lambda: all_live(operator), "overview live", within=20)
    tanks = sorted({each["tag"].partition(".")[0] for each in tags(operator) if each["tag"].startswith("TK-")})
    nodes = [f"{tank}.{suffix}" for tank in tanks for suffix in SUFFIX.values()]
    ports = json.loads((demo.directory / "ports.json").read_text())
    recorder = subprocess.Popen(
        [sys.executable, "-c", RECORDER, f"opc.tcp://127.0.0.1:{ports['plant']}", json.dumps(nodes), "36"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert recorder.stderr is not None
    assert any("recording" in line for line in recorder.stderr), "the recorder did not start"
    shown = look(operator, 8)
    moving = sorted({node.partition(".")[0] for node, _, _ in shown if len({t for n, t, _ in shown if n == node}) > 3})
    assert moving, "no tank moves"
    operator.goto(f"{demo.url}/sites/demo/tanks/{moving[0]}/")
    wait_for(lambda: all_live(operator), "tank page live", within=10)
    shown += look(operator, 20)
    said_lines, errors = recorder.communicate(timeout=30)
    assert recorder.returncode == 0, errors
    said = {(node, t): value for node, t, value in map(json.loads, said_lines.splitlines())}
    distinct = [pair for pair in sorted(set(shown)) if (pair[0], pair[1]) in said]
    assert len(distinct) >= 100, f"only {len(distinct)} comparable pairs"
    # Unchanged tanks prove little: at least half of the pairs are from tags that moved.
    moved = {node for node, _, _ in distinct if len({text for name, _, text in distinct if name == node}) > 1}
    rng = random.Random(7)
    pairs = rng.sample(distinct, 100)
    assert sum(node in moved for node, _, _ in pairs) >= 30
    for node, t, text in pairs:
        decimals = len(text.partition(".")[2])
        assert float(text) == round(float(said[node, t]), decimals), (node, t, text, said[node, t])
