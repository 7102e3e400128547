"""New keys while everything runs: nobody's request fails, and the old keys open nothing afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection as database
from django.utils import timezone

from hmi.sites import key_proof
from hmi.sites.conduit_info import aget_conduit_info, get_conduit_info
from hmi.sites.gateway import Gateway
from hmi.sites.key_proof import KeyNotProven
from hmi.sites.key_rotation import LISTEN_FILE, begin_listen_rotation, finish_listen_rotation, rotate_send_key
from hmi.sites.models import Conduit, ConduitChange
from hmi.sites.relay_management import relay_management
from hmi.sites.site_session import SiteSession
from relay_bridge.agent import uplink
from relay_bridge.management import ConduitKeys, ManagementError, RotationError
from relay_bridge.protocol.connection_string import ConnectionString, parse_connection_string
from relay_bridge.protocol.errors import AuthorizationFailed
from relay_bridge.protocol.fingerprint import fingerprint
from relay_bridge.transport import RelayListener, RelaySender
from tests.hmi.sites.running_site import RunningSite, access_of, until
from tests.support.relay import RelayThread, use_relay

pytestmark = pytest.mark.django_db(transaction=True)


def keys_now() -> ConduitKeys:
    with relay_management() as management:
        return management.get_keys("north")


def get_conduit() -> Conduit:
    return Conduit.objects.select_related("site").get()


async def in_thread(work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """As an administrator's request has it: a thread of its own, not the one that the gateway asks the database in."""

    def run() -> Any:
        try:
            return work(*arguments, **options)
        finally:
            database.close()

    return await asyncio.to_thread(run)


async def refused(connection: ConnectionString) -> bool:
    """Whether the relay lets nobody in with this key."""
    if connection.key_name == "send":
        with pytest.raises(AuthorizationFailed):
            await RelaySender(connection).connect()
        return True
    listener = RelayListener(connection, lambda stream: stream.close())
    run = asyncio.create_task(listener.run())
    try:
        await until(lambda: listener.state.status == "offline")
        return "refused the token" in listener.state.reason
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)


class Load:
    """Readers on the pooled session, and openings of new sessions, without a pause. Any failure is kept."""

    def __init__(self, gateway: Gateway, access: Any) -> None:
        self._gateway, self._access = gateway, access
        self.failed: list[BaseException] = []
        self.read = 0
        self.opened = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work()) for work in (self._read, self._read, self._open, self._open)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            try:
                assert await self._gateway.read(self._access, ["TK-101.level"])
                self.read += 1
            except Exception as error:
                self.failed.append(error)
            await asyncio.sleep(0.005)

    async def _open(self) -> None:
        while True:
            try:
                session = await SiteSession.open(await aget_conduit_info(self._access.site.id))
                await session.close("enough")
                self.opened += 1
            except Exception as error:
                self.failed.append(error)
            await asyncio.sleep(0.005)

    def settle(self) -> Callable[[float], None]:
        """Instead of waiting six seconds: until every opening that is under way now has ended."""
        loop = asyncio.get_running_loop()

        async def turned_over() -> None:
            enough = self.opened + 4  # two tasks: each has finished what it was at, and one more
            await until(lambda: self.opened >= enough)

        def sleep(_: float) -> None:
            asyncio.run_coroutine_threadsafe(turned_over(), loop).result(20)

        return sleep


async def test_rotating_every_key_under_load_fails_no_request(
    running: RunningSite, gateway: Gateway, alice: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uplink, "KEY_LOOK", 0.02)
    await running.stop_agent()
    await running.start_agent()  # it looks at its key file this often from now on
    access = await access_of(alice, running)
    await gateway.read(access, ["TK-101.level"])
    (line,) = gateway._lines.values()
    assert line.current is not None
    session = line.current.session
    before = await in_thread(keys_now)
    load = Load(gateway, access)

    async with load.running():
        for _ in ("primary in use", "secondary in use"):
            conduit = await in_thread(get_conduit)
            read = load.read
            await in_thread(rotate_send_key, conduit, timezone.now(), sleep=load.settle())

            file, _ = await in_thread(begin_listen_rotation, conduit, tmp_path / "new", timezone.now())
            shutil.move(file, running.folder / "secrets/relay-listen")
            fresh = parse_connection_string((running.folder / "secrets/relay-listen").read_text())
            await until(lambda key=fresh.key: running.agent.uplink._key._rule[1] == key)  # type: ignore[union-attr]
            await in_thread(finish_listen_rotation, conduit, timezone.now())
            await until(lambda read=read: load.read > read)

    assert load.failed == []
    assert load.read > 20 and load.opened > 10
    assert line.current is not None and line.current.session is session  # the pooled session went on through it all
    after = await in_thread(keys_now)
    old = {rule.primary.key for rule in (before.listen, before.send)} | {
        rule.secondary.key for rule in (before.listen, before.send)
    }
    assert not old & {key.key for rule in (after.listen, after.send) for key in (rule.primary, rule.secondary)}
    for connection in (before.listen.primary, before.listen.secondary, before.send.primary, before.send.secondary):
        assert await refused(connection)

    # The agent really has the new key: it comes back by it after its channel was cut.
    running.relay.faults.drop_control_channels("north")
    await until(lambda: running.relay.listener_count("north") == 0)
    await until(lambda: running.relay.listener_count("north") == 1)
    assert await gateway.read(access, ["TK-101.level"])


async def test_rotated_send_key_is_in_its_file_and_on_record(running: RunningSite) -> None:
    conduit = await in_thread(get_conduit)
    stamp = (await aget_conduit_info(running.site.id)).stamp
    used = (await aget_conduit_info(running.site.id)).connection.key or ""
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        send = keys_now().send  # whoever has begun with the old key still gets in; whoever begins now has the new one
        assert send.which_is(used) == "primary"
        assert send.which_is(conduit.send_key_path.read_text().strip()) == "secondary"

    mark = await in_thread(rotate_send_key, conduit, timezone.now(), "dora", settle=3.0, sleep=sleep)

    info = await aget_conduit_info(running.site.id)
    assert fingerprint(info.connection.key or "") == mark
    assert stat.S_IMODE(conduit.send_key_path.stat().st_mode) == 0o600
    assert waited == [3.0]
    assert info.stamp == stamp  # no session is ended
    change = await ConduitChange.objects.afirst()
    assert change is not None and (change.by, mark in change.what) == ("dora", True)
    assert await SiteSession.open(info)


async def test_send_key_is_rotated_while_the_agent_is_away(running: RunningSite) -> None:
    await running.stop_agent()
    before = await in_thread(keys_now)
    await in_thread(rotate_send_key, await in_thread(get_conduit), timezone.now(), sleep=lambda _: None)
    assert await refused(before.send.primary)


def test_key_that_the_relay_does_not_take_is_not_put_to_use(
    relay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conduit = provisioned(tmp_path)
    used = conduit.send_key_path.read_text()

    async def not_yet(sender: RelaySender, pin: str) -> None:
        raise AuthorizationFailed(401, "not known here yet")

    monkeypatch.setattr(key_proof, "_dial", not_yet)
    monkeypatch.setattr(key_proof, "PROOF_DEADLINE", 0.05)
    monkeypatch.setattr(key_proof, "PROOF_INTERVAL", 0.01)
    with pytest.raises(KeyNotProven, match=r"did not take the new Send key.*not known here yet"):
        rotate_send_key(conduit, timezone.now())
    assert conduit.send_key_path.read_text() == used
    assert keys_now().send.which_is(used.strip()) == "primary"
    assert ConduitChange.objects.count() == 1  # "provisioned"


def test_lost_send_key_is_repaired_when_asked_to(relay: Any, tmp_path: Path) -> None:
    conduit = provisioned(tmp_path)
    with relay_management() as management:
        management.regenerate("north", "send", "primary")
    with pytest.raises(RotationError, match="--repair"):
        rotate_send_key(conduit, timezone.now())
    rotate_send_key(conduit, timezone.now(), repair=True, sleep=lambda _: None)
    assert keys_now().send.which_is(get_conduit_info(conduit.site_id).connection.key or "") == "primary"

    conduit.send_key_path.unlink()
    with pytest.raises(RotationError, match="--repair"):
        rotate_send_key(conduit, timezone.now())
    rotate_send_key(conduit, timezone.now(), repair=True, sleep=lambda _: None)
    assert get_conduit_info(conduit.site_id).connection.key


def test_relay_that_is_lost_half_way_leaves_a_key_that_works(
    relay: Any, relay_thread: RelayThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay_bridge.management.calls.BACKOFF_BASE", 0.001)
    conduit = provisioned(tmp_path)
    used, port = conduit.send_key_path.read_text(), relay.port
    with pytest.raises(RotationError, match=r"cannot be reached.*rotate again"):
        rotate_send_key(conduit, timezone.now(), sleep=lambda _: relay_thread.stop(relay))
    assert conduit.send_key_path.read_text() != used

    again = relay_thread.start(tmp_path / "relay", port=port)
    use_relay(again, tmp_path / "relay")
    assert keys_now().send.which_is(used.strip()) == "primary"  # as the record says: still good
    assert "still good" in ConduitChange.objects.first().what  # type: ignore[union-attr]
    rotate_send_key(get_conduit(), timezone.now(), sleep=lambda _: None)
    assert keys_now().send.which_is(used.strip()) is None
    relay_thread.stop(again)


def test_listen_rotation_begun_twice_hands_out_the_same_key(relay: Any, tmp_path: Path) -> None:
    conduit = provisioned(tmp_path)
    file, mark = begin_listen_rotation(conduit, tmp_path / "new", timezone.now())
    first = file.read_text()
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == (LISTEN_FILE, 0o600)
    assert begin_listen_rotation(get_conduit(), tmp_path / "new", timezone.now()) == (file, mark)
    assert file.read_text() == first
    assert parse_connection_string(first).key_name == "listen"


def test_listen_rotation_is_not_finished_while_nobody_listens(relay: Any, tmp_path: Path) -> None:
    conduit = provisioned(tmp_path)
    with pytest.raises(RotationError, match="No rotation of the Listen key"):
        finish_listen_rotation(conduit, timezone.now())
    before = keys_now().listen
    begin_listen_rotation(conduit, tmp_path / "new", timezone.now())
    with pytest.raises(RotationError, match="Nobody listens"):
        finish_listen_rotation(conduit, timezone.now())
    assert keys_now().listen.primary == before.primary

    finish_listen_rotation(conduit, timezone.now(), force=True)
    after = keys_now().listen
    assert not {before.primary.key, before.secondary.key} & {after.primary.key, after.secondary.key}
    conduit = get_conduit()
    assert (conduit.listen_slot, conduit.listen_rotation) == ("secondary", None)


def test_nothing_is_rotated_at_another_relay_or_after_a_cut_off(relay: Any, tmp_path: Path) -> None:
    conduit = provisioned(tmp_path)
    before = keys_now()
    conduit.endpoint = "sb://other.example.com/"
    conduit.save()
    for change in (
        lambda: rotate_send_key(conduit, timezone.now()),
        lambda: begin_listen_rotation(conduit, tmp_path / "new", timezone.now()),
    ):
        with pytest.raises(ManagementError, match=r"other\.example\.com"):
            change()
    assert keys_now() == before
    conduit.agent_pin = ""
    with pytest.raises(RotationError, match="cut off"):
        rotate_send_key(conduit, timezone.now())


def provisioned(tmp_path: Path) -> Conduit:
    call_command("provision_site", "north", name="North Terminal", out=str(tmp_path / "agent"), verbosity=0)
    return get_conduit()
