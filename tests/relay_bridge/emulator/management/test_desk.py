"""What calls are answered from: the right namespace, and the address that is true now."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay_bridge.emulator.management.arm import ArmError, Call
from relay_bridge.emulator.management.desk import Desk
from relay_bridge.emulator.management.entities import Entities
from relay_bridge.emulator.management.resources import Endpoint
from relay_bridge.emulator.management.state import State, StateFile
from relay_bridge.emulator.namespace import EmulatorConfig


async def test_namespace_must_be_the_one_there_is(tmp_path: Path) -> None:
    entities = Entities(EmulatorConfig(), StateFile(tmp_path / "a.json"), lambda: 0.0)
    port = 1
    desk = Desk(entities, "Plant", lambda: Endpoint("127.0.0.1", port, False), lambda path: 0)
    desk.check_namespace(Call("GET", "/", {"namespace": "plant"}))
    with pytest.raises(ArmError, match="this relay has one, 'Plant'"):
        desk.check_namespace(Call("GET", "/", {"namespace": "other"}))
    await entities.change(lambda state: State(None))
    with pytest.raises(ArmError, match="was deleted"):
        desk.check_namespace(Call("GET", "/", {"namespace": "plant"}))
    port = 2
    assert desk.endpoint.authority == "127.0.0.1:2"
