"""Every role x scope x site x operation: what the web app's access layer decides is what the agent decides."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.http import Http404

from hmi.bridge_settings import BridgeSettings
from hmi.sites.access import SiteAccess, get_site_for
from hmi.sites.errors import SiteRefused
from hmi.sites.identity import own_thumbprint
from hmi.sites.models import Site
from hmi.sites.tokens import site_token_for
from relay_bridge.agent.site import Site as AgentSite
from relay_bridge.contract.codec import encode_request
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import PARAMETERS, Auth, AuthAnswer, Method, Read, Sub
from relay_bridge.contract.scopes import SCOPE_OF_METHOD, SCOPES, WRITE_SCOPES
from tests.permission_matrix.two_ends import (
    CALLS,
    NEVER,
    ROLES,
    TAG,
    forge,
    open_agent,
    person_with,
    prepare_web_app,
    running,
    session_with,
    try_method,
    write_for,
)
from tests.relay_bridge.agent.support import WebApp

pytestmark = pytest.mark.django_db(transaction=True)
METHODS = [method for method in SCOPE_OF_METHOD if method not in {"auth"}]
PROTECTED = [method for method in METHODS if SCOPE_OF_METHOD[method] is not None]


class Stage:
    """Two sites, their agents, and one person for each role: at North only, and at both."""

    def __init__(self, sites: dict[str, Site], agents: dict[str, AgentSite], people: dict[Any, Any]) -> None:
        self.sites, self.agents, self.people = sites, agents, people
        self.thumbprint = own_thumbprint()

    def access(self, role: str, everywhere: bool, slug: str) -> SiteAccess | None:
        """What the web app's access layer answers; None for the 404 that a stranger gets."""
        user, session = self.people[role, everywhere]
        try:
            return get_site_for(user, slug, session=session)
        except Http404:
            return None


def build(folder: Path) -> Stage:
    prepare_web_app()
    sites = {slug: Site.objects.create(slug=slug, name=slug.title()) for slug in ("north", "south")}
    people = {
        (role, everywhere): person_with(role, list(sites.values()) if everywhere else [sites["north"]])
        for role in ROLES
        for everywhere in (False, True)
    }
    agents = {slug: open_agent(folder / slug, site) for slug, site in sites.items()}
    return Stage(sites, agents, people)


@pytest_asyncio.fixture
async def stage(settings: Any, tmp_path: Path, transactional_db: None) -> AsyncIterator[Stage]:
    settings.SIGHTLINE = BridgeSettings(state_dir=tmp_path / "state", issuer="https://hmi.example.com")
    made = await sync_to_async(build)(tmp_path)
    async with AsyncExitStack() as stack:
        for agent in made.agents.values():
            await stack.enter_async_context(running(agent))
        yield made


def web_app_allows(access: SiteAccess | None, scope: str, method: str) -> bool:
    """The web app's decision: the access holds the scope, and the method needs that very scope or none."""
    return access is not None and access.allows(scope) and SCOPE_OF_METHOD[method] in {None, scope}


def mint(access: SiteAccess, scope: str) -> str | None:
    try:
        return site_token_for(access, {scope}, write=write_for(scope))
    except SiteRefused:
        return None


async def handle_of(web_app: WebApp, token: str) -> int | None:
    try:
        return (await web_app.call("auth", AuthAnswer, Auth(token=token))).a
    except RequestRefused:
        return None


@pytest.mark.parametrize("everywhere", [False, True], ids=["north-only", "both-sites"])
async def test_honest_tokens_open_at_the_agent_exactly_what_the_access_opens(stage: Stage, everywhere: bool) -> None:
    cells = differences = 0
    for slug, agent in stage.agents.items():
        async with session_with(agent, stage.thumbprint) as web_app:
            for role in ROLES:
                access = await sync_to_async(stage.access)(role, everywhere, slug)
                assert (access is not None) == (everywhere or slug == "north")
                for scope in SCOPES:
                    token = None if access is None else await sync_to_async(mint)(access, scope)
                    assert (token is not None) == (access is not None and access.allows(scope)), (role, scope, slug)
                    handle = None if token is None else await handle_of(web_app, token)
                    assert (handle is None) == (token is None)
                    for method in METHODS:
                        opened = handle is not None and await try_method(web_app, method, handle) == ""
                        expected = web_app_allows(access, scope, method) and method not in NEVER
                        cells += 1
                        differences += opened != expected
                        assert opened == expected, (role, scope, slug, method)
    assert cells == 2 * len(ROLES) * len(SCOPES) * len(METHODS)
    assert differences == 0


async def test_forged_scope_opens_what_the_scope_says_and_the_ceiling_holds(stage: Stage) -> None:
    """The agent cannot know the grant: it obeys the signed scope, and its own ceiling on top of it."""
    agent = stage.agents["north"]
    async with session_with(agent, stage.thumbprint) as web_app:
        for role in ROLES:
            access = await sync_to_async(stage.access)(role, False, "north")
            assert access is not None
            honest = await sync_to_async(site_token_for)(access, {"status:read"})
            for scope in [scope for scope in SCOPES if not access.allows(scope)]:
                detail, now = write_for(scope), int(time.time())
                write = {
                    "iat": now, "nbf": now, "exp": now + 25, "acr": "mfa", "auth_time": now,
                    "authorization_details": [msgspec.to_builtins(detail)],
                } if detail else {}  # fmt: skip
                token = await sync_to_async(forge)(honest, access, scope=scope, **write)
                handle = await handle_of(web_app, token)
                assert handle is not None
                for method in METHODS:
                    expected = SCOPE_OF_METHOD[method] in {None, scope} and method not in NEVER
                    assert (await try_method(web_app, method, handle) == "") == expected, (role, scope, method)
                if scope == "data:live":
                    beyond = [Read(tags=[name]) for name in ("TK-999.level", "FT-1.sp")]
                    assert [await try_method(web_app, "read", handle, tags) for tags in beyond] == ["not_found"] * 2
                    unknown = await web_app.call("sub", dict, Sub(tags=["TK-999.level"]), handle)
                    assert unknown["h"] == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "south"},
        {"scope": "data:live admin:all"},
        {"scope": ""},
        {"scope": "setpoint:write"},
        {"scope": "data:live setpoint:write"},
        {"exp": 3600},
        {"iss": "https://elsewhere.example.com"},
        {"cnf": {"x5t#S256": "A" * 43}},
        {"gep": 0},
    ],
    ids=str,
)
async def test_forged_token_gets_past_none_of_the_agents_own_rules(stage: Stage, changes: dict[str, Any]) -> None:
    access = await sync_to_async(stage.access)("shift-supervisor", False, "north")
    assert access is not None
    honest = await sync_to_async(site_token_for)(access, {"data:live"})
    claims = dict(changes)
    if claims.get("aud") == "south":
        claims["aud"] = stage.sites["south"].audience
    if "exp" in claims:
        claims["exp"] += int(time.time())
    async with session_with(stage.agents["north"], stage.thumbprint) as web_app:
        assert await handle_of(web_app, honest)
        assert await handle_of(web_app, await sync_to_async(forge)(honest, access, **claims)) is None


async def test_token_of_one_site_opens_nothing_at_the_other(stage: Stage) -> None:
    for role in ROLES:
        access = await sync_to_async(stage.access)(role, True, "north")
        assert access is not None
        token = await sync_to_async(site_token_for)(access, {"status:read"})
        async with session_with(stage.agents["south"], stage.thumbprint) as web_app:
            assert await handle_of(web_app, token) is None


async def test_copied_token_opens_nothing_on_another_session(stage: Stage) -> None:
    access = await sync_to_async(stage.access)("viewer", False, "north")
    assert access is not None
    token = await sync_to_async(site_token_for)(access, {"data:live"})
    async with session_with(stage.agents["north"], stage.thumbprint) as web_app:
        assert await handle_of(web_app, token)
        async with session_with(stage.agents["north"], stage.thumbprint) as thief:
            assert await handle_of(thief, token) is None
            assert await try_method(thief, "read", 1) == "auth"  # nor is a handle worth anything elsewhere
    fresh = await sync_to_async(site_token_for)(access, {"data:live"})
    async with session_with(stage.agents["north"], "B" * 43) as stranger:
        assert await handle_of(stranger, fresh) is None


async def test_without_a_token_only_what_needs_none(stage: Stage) -> None:
    async with session_with(stage.agents["north"], stage.thumbprint) as web_app:
        for method in METHODS:
            for handle in (None, 1, 77):
                refused = await try_method(web_app, method, handle)
                if method in PROTECTED:
                    assert refused == "auth"
                elif method not in NEVER:
                    assert refused == ""


UNDECLARED = [
    "command", "execute", "confirm", "history", "browse", "admin", "config", "mode", "exec", "Read", "READ", "read ",
    "Write", "write ", "", "__class__", "_read", "_write", "call", "hello\0", "data:live", "rpc.discover", "x" * 5000,
]  # fmt: skip


async def test_nothing_undeclared_is_reachable_with_any_token(stage: Stage) -> None:
    """With every scope there is, one token each: no other name does anything."""
    access = await sync_to_async(stage.access)("viewer", False, "north")
    assert access is not None
    honest = await sync_to_async(site_token_for)(access, {"data:live"})
    everything = " ".join(scope for scope in SCOPES if scope not in WRITE_SCOPES)
    async with session_with(stage.agents["north"], stage.thumbprint) as web_app:
        handle = await handle_of(web_app, await sync_to_async(forge)(honest, access, scope=everything))
        assert handle is not None and await try_method(web_app, "read", handle) == ""
        for number, method in enumerate(UNDECLARED, 1000):
            await web_app.channel.send(encode_request(number, method, Read(tags=[TAG]), handle))
            answer = await web_app.answer_to(number)
            assert answer.e is not None and answer.e.c == "unsupported", method


def test_the_closed_lists_agree() -> None:
    assert SCOPE_OF_METHOD.keys() == PARAMETERS.keys() == set(get_args(Method)) == CALLS.keys()
    assert {scope for scope in SCOPE_OF_METHOD.values() if scope} <= SCOPES.keys()
    writing = {method for method, scope in SCOPE_OF_METHOD.items() if scope in WRITE_SCOPES}
    assert writing == {"write", "cmd"}, "whatever else touches the process is a decision of its own"


async def test_a_token_that_writes_opens_one_call_and_no_second(stage: Stage) -> None:
    access = await sync_to_async(stage.access)("shift-supervisor", False, "north")
    assert access is not None
    async with session_with(stage.agents["north"], stage.thumbprint) as web_app:
        for scope, method in (("setpoint:write", "write"), ("command:execute", "cmd")):
            token = await sync_to_async(mint)(access, scope)
            assert token is not None
            handle = await handle_of(web_app, token)
            assert [await try_method(web_app, method, handle) for _ in range(3)] == ["", "auth", "auth"]
            assert await handle_of(web_app, token) is None


@pytest.mark.parametrize("method", ["write", "cmd", "ack", "shelve"])
async def test_a_site_that_lets_nobody_act_refuses_the_very_token_that_would_do(
    stage: Stage, tmp_path: Path, method: str
) -> None:
    """The site's configuration stands above every role: what the web app signed does not count there."""
    scope = SCOPE_OF_METHOD[method]
    assert scope is not None
    roles = [role for role in ROLES if (found := await sync_to_async(stage.access)(role, False, "north")) is not None
             and found.allows(scope)]  # fmt: skip
    assert roles
    access = await sync_to_async(stage.access)(roles[0], False, "north")
    assert access is not None
    token = await sync_to_async(mint)(access, scope)
    assert token is not None
    closed = await sync_to_async(open_agent)(tmp_path / "closed", stage.sites["north"], acts=False)
    async with running(closed), session_with(closed, stage.thumbprint) as web_app:
        assert await try_method(web_app, method, await handle_of(web_app, token)) == "read_only"
