"""A new Send key is tried at the relay, without alarming the agent."""

from __future__ import annotations

import pytest

from hmi.sites.conduit_info import aget_conduit_info
from hmi.sites.key_proof import aprove_send_key
from tests.hmi.sites.running_site import RunningSite, sessions, until
from tests.support.certificates import make_identity

pytestmark = pytest.mark.django_db(transaction=True)


async def test_key_is_proved_by_a_session_that_the_agent_knows(
    running: RunningSite, caplog: pytest.LogCaptureFixture
) -> None:
    info = await aget_conduit_info(running.site.id)
    await aprove_send_key(info.connection, info.agent_pin)
    await until(lambda: sessions(running) == 0)
    assert "a stream was refused" not in caplog.text


async def test_being_let_in_is_enough_whoever_is_there(running: RunningSite) -> None:
    info = await aget_conduit_info(running.site.id)
    await aprove_send_key(info.connection, make_identity("another agent").cert_pem)
    await running.stop_agent()
    await aprove_send_key(info.connection, info.agent_pin)
