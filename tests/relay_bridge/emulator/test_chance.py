"""Ids and secrets."""

from __future__ import annotations

import uuid

from relay_bridge.emulator.chance import Chance


def test_secrets_are_many_and_large() -> None:
    chance = Chance()
    found = {chance.secret() for _ in range(2_000)}
    assert len(found) == 2_000
    assert max(found) < 1 << 127
    assert sum(1 for secret in found if secret > 1 << 100) > 1_900


def test_guids_differ_within_a_relay_and_between_two() -> None:
    found = [chance.guid() for chance in (Chance(), Chance()) for _ in range(500)]
    assert len(set(found)) == 1_000
    assert all(str(uuid.UUID(guid)) == guid for guid in found)
