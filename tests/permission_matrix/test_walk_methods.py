"""Every method of the agent, called by five people with the token that their own access opens: methods.txt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.http import Http404

from hmi.bridge_settings import BridgeSettings
from hmi.sites.access import get_site_for
from hmi.sites.identity import own_thumbprint
from hmi.sites.models import Site
from hmi.sites.tokens import site_token_for
from relay_bridge.agent.site import Site as AgentSite
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import Auth, AuthAnswer
from relay_bridge.contract.scopes import SCOPE_OF_METHOD, WRITE_SCOPES
from tests.permission_matrix.two_ends import (
    CALLS,
    open_agent,
    prepare_web_app,
    running,
    session_with,
    try_method,
    write_for,
)
from tests.permission_matrix.walk import PEOPLE, compare, make_people, read_table
from tests.relay_bridge.agent.support import WebApp

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = read_table("methods.txt")


class Stage:
    def __init__(self, agent: AgentSite, people: dict[str, tuple[Any, Any]]) -> None:
        self.agent, self.people, self.thumbprint = agent, people, own_thumbprint()

    def token_of(self, person: str, method: str) -> str:
        """The token for one change where the access opens it; else the widest that changes nothing, or a made-up one
        for who holds no access at all."""
        user, session = self.people[person]
        try:
            access = get_site_for(user, "north", session=session) if user is not None else None
        except Http404:
            access = None
        if access is None:
            return "made.up.token"
        scope = SCOPE_OF_METHOD[method]
        if scope in WRITE_SCOPES and access.allows(scope):
            return site_token_for(access, {scope}, write=write_for(scope))
        return site_token_for(access, access.scopes - WRITE_SCOPES)


def build(folder: Path) -> Stage:
    prepare_web_app()
    north = Site.objects.create(slug="north", name="North Terminal")
    return Stage(open_agent(folder / "north", north), make_people(north))


@pytest_asyncio.fixture
async def stage(settings: Any, tmp_path: Path, transactional_db: None) -> AsyncIterator[Stage]:
    settings.SIGHTLINE = BridgeSettings(state_dir=tmp_path / "state", issuer="https://hmi.example.com")
    made = await sync_to_async(build)(tmp_path)
    async with running(made.agent):
        yield made


async def handle_of(web_app: WebApp, token: str) -> int | None:
    try:
        return (await web_app.call("auth", AuthAnswer, Auth(token=token))).a
    except RequestRefused:
        return None


async def outcome(stage: Stage, person: str, method: str) -> str:
    """On a session of its own, so that no call finds what another left there."""
    token = await sync_to_async(stage.token_of)(person, method)
    async with session_with(stage.agent, stage.thumbprint) as web_app:
        handle = await handle_of(web_app, token)
        if method == "auth":
            return "auth" if handle is None else "yes"
        refused = await try_method(web_app, method, handle)
    if method == "hello" and refused == "bad_request":
        return "once"
    return refused or "yes"


def test_every_method_is_in_the_table_and_no_other() -> None:
    missing = sorted((SCOPE_OF_METHOD.keys() | CALLS.keys()) - TABLE.keys())
    assert not missing, (
        f"These methods of the agent are not declared: {', '.join(missing)}. Decide for whom each is, and add a "
        "line to tests/permission_matrix/methods.txt."
    )
    gone = sorted(TABLE.keys() - SCOPE_OF_METHOD.keys())
    assert not gone, f"methods.txt declares what does not exist: {', '.join(gone)}. Take these lines out."


async def test_each_method_answers_whom_the_table_says(stage: Stage) -> None:
    wrong: list[str] = []
    for method, (expected,) in TABLE.items():
        wrong += compare(expected, [await outcome(stage, person, method) for person in PEOPLE], method)
    assert not wrong, "\n".join(wrong)
