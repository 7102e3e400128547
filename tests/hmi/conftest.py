"""Every test of the web app has a state folder, and so keys, of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hmi.bridge_settings import BridgeSettings


@pytest.fixture(autouse=True)
def bridge(settings: Any, tmp_path: Path) -> None:
    settings.SIGHTLINE = BridgeSettings(state_dir=tmp_path / "state", issuer="https://hmi.example.com")
