"""What a source says of a tag must agree with its entry; what does not is closed, named, and closes nothing else."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from relay_bridge.agent.acting.openings import ASK_AGAIN, contradiction
from relay_bridge.agent.check import check
from relay_bridge.agent.config import load_config
from relay_bridge.agent.drivers.abilities import WriteFacts
from relay_bridge.contract.errors import RequestRefused
from tests.relay_bridge.agent.acting.support import OPEN_HEAD, PLANT, WRITES, bench, events
from tests.relay_bridge.agent.support import HEAD, ManualClock, SiteFolder


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (WriteFacts(None, None, None, None), ""), (WriteFacts("Double", 20.0, 110.0, True), ""),
        (WriteFacts("Double", 0.0, 100.0, True), "110 is outside"), (WriteFacts("Double", 21.0, None, None), "20 is"),
        (WriteFacts("Double", None, None, False), "may not write"), (WriteFacts("Float", None, None, None), "float"),
    ],
)  # fmt: skip
def test_contradictions(site: SiteFolder, facts: WriteFacts, words: str) -> None:
    site.configure(PLANT, WRITES)
    found = contradiction(load_config(site.toml).writes[0], facts)
    assert words in found and bool(words) == bool(found)


async def test_contradicted_entry_is_closed_and_named_and_the_others_go_on(site: SiteFolder) -> None:
    async with bench(site, ready=False) as built:
        with pytest.raises(RequestRefused, match="source_down"):  # nobody has asked the source yet
            await built.write()
        built.driver.facts["P-101.sp"] = WriteFacts("Double", 0.0, 100.0, True)
        await built.acting.openings.look()
        with pytest.raises(RequestRefused, match=r"read_only.*110 is outside"):
            await built.write()
        assert built.site.catalog.row("P-101.sp").w is None
        assert (await built.write(tag="P-101.grade", v="B", exp="A")).res == "done"
        built.driver.facts.clear()
        await built.acting.openings.look()  # the source has not been away, so it is not asked again
        assert built.acting.openings.writable("P-101.sp") is None
        built.clock.move(1)
        built.driver.set_state(2, "gone")
        built.clock.move(1)
        built.driver.set_state(0)
        await built.acting.openings.look()
        built.site.catalog.changed()
        assert built.site.catalog.row("P-101.sp").w is not None
        assert (await built.write()).res == "done"
    closed = [reason for tag, reason in events(site) if tag == "agent:write:closed"]
    assert len(closed) == 1 and "110 is outside" in closed[0]


async def test_source_that_cannot_say_is_asked_again(site: SiteFolder) -> None:
    clock = ManualClock()
    async with bench(site, clock=clock, ready=False) as built:
        asked = 0

        async def facts(tag: str, deadline: float) -> WriteFacts:
            nonlocal asked
            asked += 1
            if asked <= 5:
                raise RequestRefused("source_down", "opc.tcp://10.1.2.3 nsu=urn:plant;s=P-101")
            return WriteFacts(None, None, None, None)

        built.driver.write_facts = facts  # type: ignore[method-assign] # a source may say anything
        await built.acting.openings.look()
        assert asked == 4 and built.acting.openings.writable("P-101.sp") is None
        await built.acting.openings.look()
        assert asked == 4
        clock.move(ASK_AGAIN)
        await built.acting.openings.look()
        assert asked == 8 and built.acting.openings.writable("P-101.grade") is not None


async def test_source_without_the_ability_opens_nothing(site: SiteFolder) -> None:
    async with bench(site, ready=False) as built:
        built.driver.capabilities = frozenset({"read", "subscribe"})  # type: ignore[misc]
        await built.acting.openings.look()
        for call in (built.write, built.cmd):
            with pytest.raises(RequestRefused, match=r"read_only.*cannot do this"):
                await call()


async def test_check_prints_the_list_and_what_is_against_it(site: SiteFolder) -> None:
    out = io.StringIO()
    site.configure(PLANT, WRITES, head=OPEN_HEAD)
    assert await check(site.toml, out) == []
    assert "writing is allowed" in out.getvalue()
    assert (
        "P-101.sp  double 20..110 in steps of 0.5 at most 15 at once, hold, good for 10 s, only while P-101.mode = 1"
        in (out.getvalue())
    )
    assert "P-101.start  command start, from P-101.run = False" in out.getvalue()


@pytest.mark.parametrize(("head", "loaded"), [(HEAD, False), (OPEN_HEAD, True)])
def test_code_that_writes_is_loaded_only_where_it_is_allowed(site: SiteFolder, head: str, loaded: bool) -> None:
    """In a process of its own, with everything that an agent imports; the very same file but for ``allow_writes``."""
    site.configure(PLANT, WRITES, head=head)
    code = (
        "import json, sys; from relay_bridge.agent.cli import main; code = main(sys.argv[1:]);"
        "print(json.dumps([code, sorted(n for n in sys.modules if n.startswith('relay_bridge.agent.acting'))]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "check", "--without-relay", "--config", str(site.toml)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    *lines, last = result.stdout.splitlines()
    exit_code, modules = json.loads(last)
    assert exit_code == 0, result.stderr
    assert ("relay_bridge.agent.acting" in modules) is loaded
    assert ("the code that writes is not loaded" in lines[0]) is not loaded
    assert ("6 [[write]] and [[command]] entries are not in force" in result.stdout) is not loaded
