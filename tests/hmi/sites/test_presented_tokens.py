"""Tokens on a session to the real agent: renewed in time, presented again once, enough for everybody."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from hmi.sites.errors import SiteRefused
from hmi.sites.gateway import Gateway
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.handles import MAX_HANDLES, Handles
from tests.hmi.sites.people import make_person
from tests.hmi.sites.running_site import RunningSite, access_of, sessions, until

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 25  # people who open a page in the same moment; a token takes 10 ms of one thread


class AheadClock(Clock):
    """A site whose clock is ahead: whatever the web app mints has expired there."""

    def wall(self) -> float:
        return time.time() + 600


async def test_token_that_expired_is_replaced_before_it_is_used(
    running: RunningSite, gateway: Gateway, alice: Any
) -> None:
    access = await access_of(alice, running)
    await gateway.read(access, ["TK-101.level"])
    (line,) = gateway._lines.values()
    assert line.current is not None
    (place,) = line.current.tokens._places.values()
    handle, first_expiry = place.handle, place.expires
    place.expires = time.time() + 29  # less than half a minute left
    await gateway.read(access, ["TK-101.level"])
    assert place.handle == handle
    assert place.expires >= first_expiry


async def test_agent_refuses_an_expired_token_and_the_refusal_comes_back(
    running: RunningSite, gateway: Gateway, alice: Any
) -> None:
    access = await access_of(alice, running)
    await running.stop_agent()
    await running.start_agent(clock=AheadClock())
    with pytest.raises(SiteRefused) as caught:
        await gateway.read(access, ["TK-101.level"])
    assert caught.value.code == "auth"


async def test_token_the_agent_forgot_is_presented_again_once(
    running: RunningSite, gateway: Gateway, alice: Any
) -> None:
    access = await access_of(alice, running)
    await gateway.read(access, ["TK-101.level"])
    (line,) = gateway._lines.values()
    assert line.current is not None
    for place in line.current.tokens._places.values():
        place.handle = 99  # a handle the agent never gave
    assert await gateway.read(access, ["TK-101.level"])


async def test_more_people_than_the_agent_takes_tokens_all_read(running: RunningSite, gateway: Gateway) -> None:
    people = [await sync_to_async(make_person)(f"operator-{number}") for number in range(MAX_HANDLES + 5)]
    accesses = [await access_of(person, running) for person in people]
    for _ in range(2):
        # In groups: a token takes some milliseconds to mint, and hundreds at once would outlast the read's deadline.
        for start in range(0, len(accesses), AT_ONCE):
            group = accesses[start : start + AT_ONCE]
            answers = await asyncio.gather(*(gateway.read(access, ["TK-101.level"]) for access in group))
            assert all(answer["TK-101.level"].value == 12.345 for answer in answers)
    assert sessions(running) == 1


def handles_at(running: RunningSite) -> Handles:
    assert running.agent is not None
    (session,) = running.agent.uplink._sessions
    return session._methods._handles


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sites_grant SET revoked_at = valid_from WHERE user_id = %s",
        "UPDATE accounts_user SET is_active = FALSE WHERE id = %s",
    ],
)
async def test_agent_forgets_a_token_whose_access_ended_though_nobody_told_of_it(
    running: RunningSite, gateway: Gateway, alice: Any, bob: Any, statement: str
) -> None:
    for person in (alice, bob):
        await gateway.read(await access_of(person, running), ["TK-101.level"])
    handles = handles_at(running)
    assert len(handles) == 2

    def change() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, [alice.pk])

    await sync_to_async(change)()
    await until(lambda: len(handles) == 1)
    assert sessions(running) == 1, "the session of the others goes on"
