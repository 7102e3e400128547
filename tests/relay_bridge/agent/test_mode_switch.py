"""The switch in a running agent: every session hears of it within 2 s, and what is closed is closed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from relay_bridge.agent.config import switch_folder
from relay_bridge.agent.mode import write_switch
from relay_bridge.contract.acting import ModePush, SiteMode
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import (
    Bye,
    CatalogQuery,
    Empty,
    Heartbeat,
    PingAnswer,
    Read,
    ReadAnswer,
    Sub,
    SubAnswer,
)
from tests.relay_bridge.agent.acting.support import OPEN_HEAD, PLANT, WRITES, write
from tests.relay_bridge.agent.conftest import RunningSite, Serve
from tests.relay_bridge.agent.support import SOURCE, TANK, SiteFolder, WebApp

LEVEL = "TK-101.level"


def turn(site: RunningSite, mode: str, by: str = "Eva") -> float:
    """Turn the switch as the command does; when it was turned (monotonic s)."""
    write_switch(site.agent.site.switch.folder, SiteMode(mode, by, 1_795_370_000_000, "pumps"))  # type: ignore[arg-type]
    return time.monotonic()


async def refusal(web_app: WebApp, method: str, parameters: Any = None, handle: int | None = None) -> RequestRefused:
    with pytest.raises(RequestRefused) as refused:
        await web_app.call(method, Empty, parameters, handle)
    return refused.value


async def test_hello_tells_how_it_stands(site: SiteFolder, serve: Serve) -> None:
    async with serve() as running:
        assert (await (await running.web_app(hello=False)).hello()).mode == SiteMode()
        turn(running, "read-only")
        running.agent.site.switch.tell()
        mode = (await (await running.web_app(hello=False)).hello()).mode
        assert (mode.mode, mode.by, mode.since, mode.why) == ("read-only", "Eva", 1_795_370_000_000, "pumps")


async def test_off_ends_every_stream_within_two_seconds(serve: Serve) -> None:
    async with serve() as site:
        watching = [await site.signed_in() for _ in range(3)]
        for web_app, handle in watching:
            await web_app.call("sub", SubAnswer, Sub(tags=[LEVEL]), handle)
            await web_app.next_values()
        turned = turn(site, "off")
        for web_app, handle in watching:
            push = await web_app.next_push(ModePush)
            assert (push.mode.mode, push.mode.by) == ("off", "Eva")
            assert (await web_app.next_bye()).why == "off"
            assert time.monotonic() - turned < 2
            site.driver.set(LEVEL, 1.0)
            for method, parameters in (
                ("read", Read(tags=[LEVEL])), ("sub", Sub(tags=[LEVEL])), ("catalog", CatalogQuery()), ("nothing", None)
            ):  # fmt: skip
                refused = await refusal(web_app, method, parameters, handle)
                assert (refused.code, refused.detail) == ("read_only", {"mode": "off"})
            assert (await web_app.call("ping", PingAnswer)).t
        await watching[0][0].next_push(Heartbeat)
        turned = turn(site, "full")
        for web_app, handle in watching:
            assert (await web_app.next_push(ModePush)).mode.mode == "full"
            assert time.monotonic() - turned < 2
            await web_app.call("sub", SubAnswer, Sub(tags=[LEVEL]), handle)
            assert (await web_app.next_values()).d[0][1] == 1.0
        pushes = watching[0][0].pushes
        ended = next(number for number, push in enumerate(pushes) if isinstance(push, Bye))
        opened = next(number for number, push in enumerate(pushes) if isinstance(push, ModePush) and number > ended)
        assert {type(push) for push in pushes[ended + 1 : opened]} == {Heartbeat}
        numbers = [push.n for push in pushes]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_read_only_shows_and_refuses_whatever_acts(site: SiteFolder, serve: Serve) -> None:
    site.configure(PLANT, WRITES, head=OPEN_HEAD)
    async with serve() as running:
        web_app, handle = await running.signed_in()
        (running.agent.site.switch.folder).mkdir(parents=True, exist_ok=True)
        (running.agent.site.switch.folder / "read-only").touch()  # an operator, with nothing but a file manager
        assert (await web_app.next_push(ModePush)).mode.mode == "read-only"
        request = write(running.agent.site.clock)
        for method, parameters in (("write", request), ("cmd", None), ("ack", None), ("shelve", None)):
            refused = await refusal(web_app, method, parameters)
            assert (refused.code, refused.detail) == ("read_only", {"mode": "read-only"})
        assert (await web_app.call("read", ReadAnswer, Read(tags=["P-101.sp"]), handle)).d
        assert not running.driver.effects


async def test_it_survives_a_restart(site: SiteFolder, serve: Serve) -> None:
    async with serve() as running:
        turn(running, "off")
    async with serve() as running:
        assert running.agent.site.switch.mode.mode == "off"
        web_app, handle = await running.signed_in()
        assert (await refusal(web_app, "read", Read(tags=[LEVEL]), handle)).code == "read_only"


async def test_journal_names_who_turned_it(site: SiteFolder, serve: Serve) -> None:
    async with serve() as running:
        web_app = await running.web_app()
        turn(running, "read-only")
        await web_app.next_push(ModePush)
    text = "".join(path.read_text() for path in (site.folder / "audit").glob("*.jsonl"))
    assert '"agent:mode:changed"' in text and '"subject":"Eva"' in text and '"reason":"pumps"' in text


async def test_lost_journal_is_told_as_read_only(site: SiteFolder, serve: Serve) -> None:
    async with serve() as running:
        web_app = await running.web_app()
        running.agent.site.journal._give_up(OSError("disk full"))
        push = await web_app.next_push(ModePush)
        assert push.mode.mode == "read-only" and "journal" in push.mode.why


async def test_command_reaches_a_running_agent(site: SiteFolder, serve: Serve) -> None:
    async with serve() as running:
        web_app = await running.web_app()
        code = "import sys; from relay_bridge.agent.cli import main; sys.exit(main(sys.argv[1:]))"
        arguments = ["mode", "off", "--config", str(site.toml), "--by", "Eva", "--why", "pumps"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err
        assert out.startswith(b"off (by Eva, since 20")
        push = await web_app.next_push(ModePush)
        assert (push.mode.mode, push.mode.by, push.mode.why) == ("off", "Eva", "pumps")


def test_switch_can_be_turned_although_the_rest_of_the_file_is_wrong(site: SiteFolder) -> None:
    site.configure(SOURCE, TANK, '[nonsense]\nx = 1\n[switch]\nfolder = "elsewhere"')
    assert switch_folder(site.toml) == site.folder / "elsewhere"
    assert isinstance(switch_folder(site.toml), Path)
