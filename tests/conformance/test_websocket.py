"""Every WebSocket row with every pair of a listener and a sender, Microsoft's and ours, plain and with TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.conformance.cases import OURS, cases
from tests.conformance.stage import Stage
from tests.conformance.websocket_model import BY_DEFAULT
from tests.conformance.websocket_parties import open_listener, open_sender
from tests.conformance.websocket_rows import HYCO, ROWS, Row

PARTIES = (HYCO, OURS, BY_DEFAULT)
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("relay"), open_listener, open_sender)
    yield stage
    await stage.clear()


@pytest.mark.parametrize(("scheme", "listener", "sender", "row"), cases(ROWS, PARTIES, PARTIES))
async def test_websocket(stage: Stage, scheme: str, listener: str, sender: str, row: Row) -> None:
    await stage.run(scheme, listener, sender, row.check)
