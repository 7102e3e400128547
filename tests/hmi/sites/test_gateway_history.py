"""History through the gateway: under a token for history alone, two at a time of one person, within its deadline."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from hmi.sites import gateway as gateway_module
from hmi.sites.errors import SiteRefused, SiteUnreachable
from hmi.sites.gateway import Gateway
from relay_bridge.contract.history import Hist
from tests.hmi.sites.running_site import RunningSite, access_of

pytestmark = pytest.mark.django_db(transaction=True)


def last_minute(running: RunningSite, tag: str = "TK-101.level") -> Hist:
    assert running.agent is not None
    now = running.agent.site.clock.wall_ms()
    return Hist(tags=[tag], start=now - 60_000, end=now, n=6)


async def test_history_comes_under_a_token_of_its_own(running: RunningSite, gateway: Gateway, alice: Any) -> None:
    access = await access_of(alice, running)
    await gateway.read(access, ["TK-101.level"])
    answer = await gateway.history(access, last_minute(running))
    assert answer.b["TK-101.level"].hi[-1] == 12.345
    (line,) = gateway._lines.values()
    assert line.current is not None
    assert {key.scope for key in line.current.tokens.keys} == {"data:live", "data:history"}
    catalog = await gateway.catalog(access)
    assert all(tag.hist for tag in catalog.tags)


async def test_nothing_is_asked_without_the_scope(running: RunningSite, gateway: Gateway, alice: Any) -> None:
    access = replace(await access_of(alice, running), scopes=frozenset({"status:read", "data:live"}))
    with pytest.raises(SiteRefused, match="see trends and history"):
        await gateway.history(access, last_minute(running))


async def test_one_persons_questions_wait_and_do_not_pile_up(
    running: RunningSite, gateway: Gateway, alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_module, "HISTORY_WAITING", 5)
    alices, bobs = await access_of(alice, running), await access_of(bob, running)
    asked = [gateway.history(alices, last_minute(running)) for _ in range(7)]
    asked.append(gateway.history(bobs, last_minute(running)))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, SiteRefused)]
    assert len(refused) == 2 and all(refusal.code == "busy" and refusal.retryable for refusal in refused)
    assert not isinstance(outcomes[-1], BaseException), "another person is not held up"
    assert gateway._historians == {}


async def test_a_slow_site_is_given_up(
    running: RunningSite, gateway: Gateway, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = await access_of(alice, running)
    await gateway.history(access, last_minute(running))
    monkeypatch.setattr(gateway_module, "HISTORY_DEADLINE", 0.0)
    with pytest.raises(SiteUnreachable, match="North Terminal"):
        await gateway.history(access, last_minute(running))
