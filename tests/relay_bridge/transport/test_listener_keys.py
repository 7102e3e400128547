"""A listener whose key or token is wrong, expires or was changed: it says so, and goes on when there is a good one."""

from __future__ import annotations

import asyncio
import time

from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection, Rule
from relay_bridge.protocol.sas import create_token
from relay_bridge.transport import StaticCredential
from tests.relay_bridge.transport.support import (
    CONFIG,
    DEADLINE,
    NORTH,
    WEB,
    Relay,
    States,
    echo,
    is_offline,
    listening,
)
from tests.support.autojump import in_virtual_time, wall_clock


async def test_a_wrong_key_is_named_and_tried_again_until_it_is_right(relay):
    states = States()
    other = Rule("agent", frozenset({"Listen"}), "new-key")
    async with listening(relay.listen_string(key="new-key"), echo, wait=False, state_changed=states) as listener:
        state = await states.wait_for(is_offline)
        assert "refused the token" in state.reason
        assert "new-key" not in state.reason
        relay.apply_config(EmulatorConfig((HybridConnection(NORTH, True, (other, WEB)),)))
        async with asyncio.timeout(DEADLINE):
            await listener.wait_online()


async def test_a_key_without_the_listen_right(relay):
    states = States()
    async with listening(relay.send_string(), echo, wait=False, state_changed=states):
        assert "refused the token (40" in (await states.wait_for(is_offline)).reason


class ShortLived:
    """Tokens that are good for two to three seconds and wanted anew after one."""

    def __init__(self) -> None:
        self.made = 0
        self.fifth = asyncio.Event()

    def token(self) -> str:
        self.made += 1
        if self.made == 5:
            self.fifth.set()
        return create_token(f"http://127.0.0.1/{NORTH}", "agent", "listen-key", int(wall_clock()) + 3)

    def renew_in(self) -> float:
        return 1.0


@in_virtual_time
async def test_the_token_is_renewed_before_it_expires():
    states = States()
    credential = ShortLived()
    async with (
        Relay(CONFIG, grace=0.0, clock=wall_clock) as relay,
        listening(relay.listen_string(), echo, credential=credential, state_changed=states),
    ):
        await asyncio.wait_for(credential.fifth.wait(), DEADLINE)  # the first one has expired by now
        assert states.statuses == ["online"]


async def test_a_token_that_cannot_be_renewed_ends_the_channel_and_the_reason_says_so():
    states = States()
    now = [time.time()]
    token = create_token(f"http://127.0.0.1/{NORTH}", "agent", "listen-key", int(now[0]) + 600)
    async with (
        Relay(CONFIG, grace=300.0, clock=lambda: now[0]) as relay,
        listening(relay.listen_string(), echo, credential=StaticCredential(token), state_changed=states),
    ):
        now[0] += 901
        assert "no longer accepts the token" in (await states.wait_for(is_offline)).reason
        assert "expired" in (await states.wait_for(lambda state: "401" in state.reason)).reason.lower()


class Rotated:
    """A key that was changed: the old one is refused, and ``reload`` finds the new one."""

    def __init__(self) -> None:
        self.key = "old-key"
        self.reloads = 0

    def token(self) -> str:
        return create_token(f"http://127.0.0.1/{NORTH}", "agent", self.key, int(time.time()) + 600)

    def renew_in(self) -> None:
        return None

    def reload(self) -> bool:
        self.reloads += 1
        changed, self.key = self.key != "listen-key", "listen-key"
        return changed


async def test_a_refused_key_is_looked_up_again_before_anything_is_said(relay):
    states, credential = States(), Rotated()
    options = {"credential": credential, "state_changed": states, "random": lambda: 0.99}
    async with listening(relay.listen_string(), echo, **options):
        assert credential.reloads == 1
