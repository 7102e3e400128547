"""A trail with a few hundred events, each signed and stored as in operation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accounts.audit.chain import Head, append, head
from accounts.audit.checkpoints import keep, make_checkpoint, own_key, sign_head
from hmi.bridge_settings import BridgeSettings

FIRST_AT = 1_790_000_000_000  # epoch ms of the first event; each next one a minute later


@pytest.fixture(autouse=True)
def state(settings: Any, tmp_path: Path) -> BridgeSettings:
    settings.SIGHTLINE = BridgeSettings(state_dir=tmp_path / "state", issuer="https://hmi.example.com")
    return settings.SIGHTLINE


def values(number: int) -> dict[str, Any]:
    return {
        "at": FIRST_AT + number * 60_000,
        "tag": ("person:session:signed-in", "token:access:opened", "grant:role:given")[number % 3],
        "result": ("done", "refused")[number % 2],
        "actor": f"{number % 7:08x}-0000-4000-8000-000000000000",
        "username": f"person{number % 7}",
        "site_id": f"{number % 2:08x}-0000-4000-8000-000000000001",
        "site": ("north", "south")[number % 2],
        "subject": f"thing {number}",
        "reason": "night shift, “July”",
        "source": "192.0.2.17",
        "request_id": f"{number:032x}",
        "facts": f'{{"epoch":"{number}"}}',
    }


def fill(count: int, *, signed_every: int = 50) -> Head:
    """``count`` events more, signed every so many and at the end; answers where the chain stands."""
    own_key()  # as recording does: the first event makes it
    start = head().seq
    for number in range(start + 1, start + count + 1):
        event = append(values(number))
        if number % signed_every == 0:
            keep(make_checkpoint(Head(event.seq, event.hash), event.at))
    stood = head()
    sign_head(stood, values(stood.seq)["at"])
    return stood
