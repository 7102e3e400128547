"""What a running agent writes into its journal, and what its command says of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from relay_bridge.agent.cli import main
from relay_bridge.agent.journal_files import journal_files, read_events
from relay_bridge.contract.audit import AuditEvent
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import Sub, SubAnswer, Trail, TrailAnswer


def events(folder: Path) -> list[AuditEvent]:
    return [event for file in journal_files(folder / "audit") for event in read_events(file)]


async def test_start_sessions_refusals_and_leases_are_recorded(serve: Any, site: Any) -> None:
    async with serve(lease=0.5) as running:
        web_app = await running.web_app()
        with pytest.raises(RequestRefused):
            await web_app.auth(site.token(aud="https://elsewhere.example.com"))
        answer = await web_app.auth(site.token())
        await web_app.call("sub", SubAnswer, Sub(tags=[site_tag(running)]), answer.a)
        async with asyncio.timeout(5):
            while not any(event.tag == "agent:lease:ended" for event in events(site.folder)):
                await asyncio.sleep(0.05)
    found = {event.tag: event for event in events(site.folder)}
    assert found["agent:config:loaded"].facts["sources"] == "1"
    assert found["agent:session:opened"].request_id == found["agent:session:ended"].request_id
    assert found["token:audience:refused"].reason == "made for another site"
    assert not any("eyJ" in str(event) for event in found.values())


def site_tag(running: Any) -> str:
    return next(iter(running.agent.config.tags)).id


async def test_both_sides_tell_where_their_trails_stand(serve: Any) -> None:
    async with serve() as running:
        web_app = await running.web_app()
        answer = await web_app.call("trail", TrailAnswer, Trail())
        assert answer.mine is not None and answer.mine.chain == "site:north" and answer.agrees
        again = await web_app.call("trail", TrailAnswer, Trail(held=answer.mine))
        assert again.agrees


def test_command_checks_the_journal(site: Any, capsys: pytest.CaptureFixture[str], serve: Any) -> None:
    async def run() -> None:
        async with serve() as running:
            await running.web_app()

    asyncio.run(run())
    config = ["--config", str(site.toml)]
    assert main(["journal", "verify", *config]) == 0
    assert "The journal holds: events 1 to" in capsys.readouterr().out
    assert main(["journal", "export", *config]) == 0
    assert '"tag":"agent:config:loaded"' in capsys.readouterr().out
    assert main(["journal", "checkpoint", *config]) == 0
    assert main(["journal", "web", *config]) == 1  # nobody told anything yet
    (file,) = journal_files(site.folder / "audit")
    file.write_bytes(file.read_bytes().replace(b'"agent:config:loaded"', b'"agent:config:loadeD"'))
    capsys.readouterr()
    assert main(["journal", "verify", *config]) == 1
    assert "Event 1:" in capsys.readouterr().out
