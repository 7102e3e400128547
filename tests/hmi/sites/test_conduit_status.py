"""What is said of a conduit, and what is warned of."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.utils import timezone

from hmi.sites.conduit_status import key_ages, look_at
from hmi.sites.models import Conduit
from hmi.sites.relay_management import OtherRelay, relay_management
from relay_bridge.transport import RelayListener
from tests.hmi.sites.running_site import RunningSite

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def conduit(relay: Any, tmp_path: Path) -> Conduit:
    call_command("provision_site", "north", name="North Terminal", out=str(tmp_path / "agent"), verbosity=0)
    return Conduit.objects.select_related("site").get()


def warnings(conduit: Conduit) -> str:
    with relay_management() as management:
        return " ".join(look_at(management, conduit, timezone.now()).warnings)


def test_new_conduit_waits_for_its_agent(conduit: Conduit) -> None:
    with relay_management() as management:
        status = look_at(management, conduit, timezone.now())
    assert status.listeners == 0
    assert status.rules == {"listen": {"Listen"}, "send": {"Send"}}
    assert status.warnings == ("Nobody listens.",)
    assert key_ages(conduit, timezone.now()) == {"Send": 0, "Listen": 0}


def test_old_keys_and_forgotten_rotations_are_pointed_out(conduit: Conduit) -> None:
    conduit.send_key_changed -= dt.timedelta(days=200)
    conduit.listen_rotation = timezone.now() - dt.timedelta(days=8)
    said = warnings(conduit)
    assert "The Send key is 200 days old." in said
    assert "finish its rotation" in said
    assert "Listen key is" not in said


def test_key_changed_elsewhere_and_missing_key_are_seen(conduit: Conduit) -> None:
    with relay_management() as management:
        management.regenerate("north", "send", "primary")
    assert "opens nothing" in warnings(conduit)
    conduit.send_key_path.unlink()
    assert "cannot be used" in warnings(conduit)


def test_foreign_rule_is_seen(conduit: Conduit) -> None:
    with relay_management() as management:
        management._client.put_rule("north", "visitor", "Listen")
        management._client.delete_rule("north", "listen")
    said = warnings(conduit)
    assert "a rule that nobody here made: 'visitor'" in said
    assert "The rule 'listen' should have Listen alone; it is: not there." in said


def test_conduit_that_is_gone_is_said_unless_it_was_cut_off(conduit: Conduit) -> None:
    with relay_management() as management:
        management.delete_conduit("north")
    assert "no such hybrid connection" in warnings(conduit)
    conduit.agent_pin = ""
    assert warnings(conduit) == ""


def test_another_relay_is_not_asked_in_its_place(conduit: Conduit) -> None:
    conduit.endpoint = "sb://other.example.com/"
    with pytest.raises(OtherRelay):
        warnings(conduit)


async def test_listener_is_counted_and_a_second_one_is_suspected(running: RunningSite) -> None:
    def look() -> Any:
        with relay_management() as management:
            return look_at(management, Conduit.objects.select_related("site").get(), timezone.now())

    status = await sync_to_async(look)()
    assert (status.listeners, status.warnings) == (1, ())
    thief = RelayListener(running.agent.config.relay, lambda stream: stream.close())  # type: ignore[union-attr]
    task = asyncio.create_task(thief.run())
    await thief.wait_online()
    second = await sync_to_async(look)()
    assert second.listeners == 2
    assert "Somebody may have its Listen key" in second.warnings[0]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
