"""Nobody watches, and a cut tail is found all the same: the command opens its own short session."""

from __future__ import annotations

import io
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command

from accounts.audit import record
from accounts.audit.checkpoints import audit_dir, latest_of
from accounts.audit.models import Event
from tests.hmi.ingest.terminal import Terminal
from tests.support.audit_trail import without_triggers


def run(*slugs: str) -> str:
    out = io.StringIO()
    call_command("exchange_trails", *slugs, stdout=out)
    return out.getvalue()


arun = sync_to_async(run, thread_sensitive=False)  # its own thread, for it has an event loop of its own


@sync_to_async
def cut_the_tail() -> None:
    with without_triggers() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE seq > 1")
        cursor.execute("DELETE FROM audit_checkpoint WHERE chain = 'web'")
    (audit_dir() / "head.json").unlink()


async def test_trails_are_compared_without_anybody_watching(terminal: Terminal) -> None:
    for number in range(3):
        await sync_to_async(record)("person:account:opened", actor=None, result="done", subject=f"person {number}")
    assert "nothing contradicts" in await arun()
    assert (await sync_to_async(latest_of)("site:north")) is not None
    held: Any = terminal.agent.site.counterpart.held()
    assert held.chain == "web"

    await cut_the_tail()
    with pytest.raises(CommandError, match="contradict each other at north"):
        await arun("north")
    assert await Event.objects.filter(tag="audit:counterpart:contradicted").aexists()


async def test_site_that_is_down_is_told_and_fails(terminal: Terminal) -> None:
    await terminal.stop()
    with pytest.raises(CommandError, match="1 of 1 sites could not be asked"):
        await arun()


@pytest.mark.django_db(transaction=True)
def test_unknown_site_is_refused() -> None:
    with pytest.raises(CommandError, match="no provisioned site 'nowhere'"):
        run("nowhere")
