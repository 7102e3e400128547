"""The standing line to a site: opened to the pinned agent alone, closed when it should be."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from hmi.sites import site_line
from hmi.sites.errors import AccessEnded, SiteUnreachable
from hmi.sites.gateway import Gateway
from hmi.sites.models import Conduit
from tests.hmi.sites.running_site import RunningSite, access_of, sessions, until
from tests.support.certificates import make_identity

pytestmark = pytest.mark.django_db(transaction=True)


async def test_foreign_agent_is_not_believed(running: RunningSite, gateway: Gateway, alice: Any, caplog: Any) -> None:
    access = await access_of(alice, running)
    other = make_identity("agent")
    await sync_to_async(Conduit.objects.update)(agent_pin=other.cert_pem)
    with pytest.raises(SiteUnreachable, match=r"not this site.s agent"):
        await gateway.read(access, ["TK-101.level"])
    assert "is not its pinned agent" in caplog.text


async def test_web_app_with_a_foreign_certificate_gets_nothing(
    running: RunningSite, gateway: Gateway, alice: Any, bridge: Any
) -> None:
    access = await access_of(alice, running)
    stranger = make_identity("web app")
    bridge.web_app_cert.write_text(stranger.cert_pem)
    bridge.web_app_key.write_text(stranger.key_pem)
    with pytest.raises(SiteUnreachable):
        await gateway.read(access, ["TK-101.level"])
    assert sessions(running) == 0


async def test_site_that_is_cut_off_loses_its_open_session(running: RunningSite, gateway: Gateway, alice: Any) -> None:
    access = await access_of(alice, running)
    await gateway.read(access, ["TK-101.level"])
    (line,) = gateway._lines.values()
    running.site.enabled = False
    await running.site.asave()
    await until(lambda: line.current is None)
    with pytest.raises((AccessEnded, SiteUnreachable)):
        await gateway.read(access, ["TK-101.level"])


async def test_conduit_that_is_changed_loses_its_open_session(
    running: RunningSite, gateway: Gateway, alice: Any
) -> None:
    access = await access_of(alice, running)
    await gateway.read(access, ["TK-101.level"])
    (line,) = gateway._lines.values()
    conduit = await Conduit.objects.aget()
    conduit.agent_pin = make_identity("agent").cert_pem
    await conduit.asave()
    await until(lambda: line.current is None)


async def test_session_that_nobody_uses_is_closed(
    running: RunningSite, gateway: Gateway, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_line, "IDLE_CLOSE", 0.5)
    access = await access_of(alice, running)
    await gateway.read(access, ["TK-101.level"])
    await until(lambda: sessions(running) == 0)
    assert await gateway.read(access, ["TK-101.level"])
