"""The two ends of the matrix: a web app with people, roles and grants, and the agents of two sites that trust it.

The agents are real ones without the relay between: each session runs over a pair of queues, so that some thousands of
cells take seconds. What the relay and the inner TLS add is tested elsewhere; who may do what is decided here.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone
from joserfc import jws

from accounts.assurance import AMR, STEPPED_UP_AT, STEPPED_UP_WITH
from accounts.issuer import create_signing_key, load_ring
from accounts.models import Role
from accounts.roles import SHIPPED_ROLES
from hmi.sites.access import SiteAccess
from hmi.sites.identity import ensure_web_app_identity
from hmi.sites.models import Site
from relay_bridge.agent.config import load_config
from relay_bridge.agent.drivers import build_drivers
from relay_bridge.agent.memories import BLIND_TIME
from relay_bridge.agent.session import Session
from relay_bridge.agent.site import Site as AgentSite
from relay_bridge.agent.site import open_site
from relay_bridge.agent.trust import load_trust
from relay_bridge.contract.acting import Cmd, Trace, Write, Wstat
from relay_bridge.contract.alarms import Ack, AlarmPick, Alarms, Journal, Shelve
from relay_bridge.contract.authorization_details import SCOPE_OF_TYPE, WriteDetail
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.history import Hist
from relay_bridge.contract.messages import (
    CatalogQuery,
    Drop,
    Empty,
    Hello,
    Keys,
    Rate,
    Read,
    SourceState,
    Sub,
    Trail,
    Unsub,
)
from relay_bridge.protocol.errors import RelayError
from tests.hmi.live.people import sign_in
from tests.hmi.sites.people import give, make_person
from tests.relay_bridge.agent.support import HEAD, SOURCE, TANK, SiteFolder, WebApp

MADE_UP = "night watch"  # an administrator's own role, of a kind that nobody ships
MADE_UP_SCOPES = "status:read data:live alarm:ack command:execute audit:read"
ROLES = [role.slug for role in SHIPPED_ROLES] + ["night-watch"]
TAG, SETPOINT, COMMAND = "TK-101.level", "P-101.sp", "P-101.start"
# A site that lets people act, on a setpoint and a command which any number of them may use one after the other.
PLANT = """
[limits]
writes_per_minute_user = 60
writes_per_minute_site = 60
[[tag]]
id = "P-101.sp"
source = "main"
area = "North farm"
unit = "%"
[[tag]]
id = "P-101.run"
source = "main"
kind = "bool"
[[write]]
tag = "P-101.sp"
type = "double"
min = 0.0
max = 100.0
min_interval_s = 0
settle_s = 0
[[command]]
id = "P-101.start"
node = "s=P-101"
method = "start"
expect = { tag = "P-101.run", equals = false }
done = false
min_interval_s = 0
settle_s = 0
"""
VALUES = '"P-101.sp" = 1.0\n"P-101.run" = false\n'
ACTING_HEAD = HEAD.replace('id = "north"', 'id = "north"\nallow_writes = true\nallow_ack = true', 1)


def _now() -> int:
    return int(time.time() * 1000)


def _key() -> str:
    return secrets.token_urlsafe(16)


# One call of each method that the contract knows, with parameters that fit; a function makes a new one for each try.
CALLS: dict[str, Any] = {
    "hello": Hello(v=1),
    "auth": None,  # the token itself
    "drop": Drop(a=[2**31]),  # a handle that nobody has
    "keys": Keys(),
    "ping": Empty(),
    "trail": Trail(),
    "catalog": CatalogQuery(),
    "read": Read(tags=[TAG]),
    "sub": Sub(tags=[TAG]),
    "unsub": Unsub(tags=[TAG]),
    "rate": Rate(ms=1000),
    "hist": lambda: Hist(tags=[TAG], start=_now() - 60_000, end=_now()),
    "alarms": Alarms(),
    "journal": lambda: Journal(start=0, end=_now()),
    "ack": lambda: Ack(items=[AlarmPick("nobodys", "nothing")], key=_key()),
    "shelve": lambda: Shelve(item=AlarmPick("nobodys", "nothing"), key=_key(), ms=60_000, c="a reason"),
    "write": lambda: Write(tag=SETPOINT, v=1.0, exp=1.0, unit="%", key=_key(), t=_now()),
    "cmd": lambda: Cmd(id=COMMAND, exp=False, key=_key(), t=_now()),
    "wstat": lambda: Wstat(key=_key()),
    "trace": Trace(),
}
# What a call comes to that was let in, where it is no answer: nothing was ever done under a key that is new.
LET_IN = {"wstat": "not_found"}
# Refused by their nature, whoever asks: hello opens a session, and it is open.
NEVER = {"hello"}


class Queues:
    """A sealed session without the sealing: whole messages, in order, from the pinned web app."""

    def __init__(self, thumbprint: str) -> None:
        self.peer_thumbprint = thumbprint
        self._in: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._out: asyncio.Queue[bytes] = asyncio.Queue()
        self.near = Near(self._out, self._in)

    async def send(self, message: bytes) -> None:
        await self._out.put(message)

    async def receive(self) -> bytes:
        message = await self._in.get()
        if message is None:
            raise RelayError("the web app left")
        return message

    async def close(self) -> None:
        await self._in.put(None)


class Near:
    """The web app's end of the queues."""

    def __init__(self, incoming: asyncio.Queue[bytes], outgoing: asyncio.Queue[bytes | None]) -> None:
        self._in, self._out = incoming, outgoing

    async def send(self, message: bytes) -> None:
        await self._out.put(message)

    async def receive(self) -> bytes:
        async with asyncio.timeout(5):
            return await self._in.get()

    async def close(self) -> None:
        await self._out.put(None)


def open_agent(folder: Path, site: Site, *, acts: bool = True) -> AgentSite:
    """The agent of ``site``: its audience, the web app's certificate, the issuer's public keys.

    ``acts`` False: one whose configuration lets nobody write, execute, acknowledge or shelve.
    """
    folder.mkdir()
    files = SiteFolder(folder)
    files.put("trust/issuer.jwks.json", json.dumps(load_ring(settings.SIGHTLINE.signing_key).public_jwks(time.time())))
    files.put("trust/web-app.pem", settings.SIGHTLINE.web_app_cert.read_text())
    source = SOURCE.replace('"TK-101.level"', VALUES + '"TK-101.level"', 1).replace(
        'kind = "memory"', 'kind = "memory"\nalarms = "limits"', 1
    )
    head = (ACTING_HEAD if acts else HEAD).replace("https://hmi.example.com/sites/north", site.audience)
    files.configure(source, TANK, PLANT, head=head)
    config = load_config(files.toml)
    return open_site(config, load_trust(config.trust, timezone.now()), build_drivers(config))


@asynccontextmanager
async def running(agent: AgentSite) -> AsyncIterator[None]:
    """What its run does first, in the thread of its loop; a while ago, so that writes are let in."""
    agent.admission.memory.open(time.time() - BLIND_TIME)
    agent.journal.open()
    agent.alarms.open()
    agent.subscriptions.source_state("main", SourceState(0, 0, ""))  # as its driver would say, which nobody needs here
    if agent.acting is not None:
        await agent.acting.open()
        await agent.acting.openings.look()
    recording = asyncio.create_task(agent.recorder.run())
    try:
        yield
    finally:
        recording.cancel()
        await asyncio.gather(recording, return_exceptions=True)
        if agent.acting is not None:
            await agent.acting.close()
        agent.alarms.close()
        agent.journal.close()
        agent.admission.memory.close()


@asynccontextmanager
async def session_with(agent: AgentSite, thumbprint: str) -> AsyncIterator[WebApp]:
    """A session past its hello."""
    queues = Queues(thumbprint)
    serving = asyncio.create_task(Session(queues, agent).run())
    web_app = WebApp(queues.near)
    try:
        await web_app.hello()
        yield web_app
    finally:
        await queues.near.close()
        await serving


def prepare_web_app() -> None:
    """Keys, a made-up role beside the shipped ones, and nothing else."""
    create_signing_key(settings.SIGHTLINE.signing_key)
    ensure_web_app_identity(timezone.now())
    Role.objects.create(name=MADE_UP, slug="night-watch", scopes=MADE_UP_SCOPES, default_days=7)


def person_with(role: str, sites: list[Site]) -> tuple[Any, Any]:
    """Somebody who holds ``role`` at ``sites`` and has just confirmed with a second factor; and the session."""
    user = make_person(f"{role}-{len(sites)}")
    for site in sites:
        give(user, role, site)
    session = sign_in(user)
    session[AMR] = ["pwd", "otp", "mfa"]
    session[STEPPED_UP_AT], session[STEPPED_UP_WITH] = int(time.time()), ["otp"]
    session.save()
    return user, session


def write_for(scope: str) -> WriteDetail | None:
    """The change that a token with this scope would be for; None for one that does not write."""
    kind = next((kind for kind, needed in SCOPE_OF_TYPE.items() if needed == scope), None)
    if kind is None:
        return None
    until = int(time.time()) + 25
    if kind == "command":
        return WriteDetail(kind, COMMAND, True, "", False, until)
    return WriteDetail("setpoint", SETPOINT, 1.0, "%", 1.0, until)


def forge(token: str, access: SiteAccess, **changes: Any) -> str:
    """A token as a taken-over web app could sign it: the real key, other claims. Each with an id of its own."""
    key = load_ring(settings.SIGHTLINE.signing_key).signing
    verified = jws.deserialize_compact(token, key, algorithms=["Ed25519"])
    claims = json.loads(verified.payload) | {"jti": f"forged-{time.monotonic_ns()}"} | changes
    assert claims["gid"] == str(access.grant_id) or "gid" in changes
    return jws.serialize_compact(verified.headers(), json.dumps(claims).encode(), key, algorithms=["Ed25519"])


async def try_method(web_app: WebApp, method: str, handle: int | None, parameters: Any = None) -> str:
    """``""`` when it was answered (and an action done), else the code of the refusal or the action's outcome."""
    made = CALLS[method] if parameters is None else parameters
    try:
        answer = await web_app.call(method, dict, made() if callable(made) else made, handle)
    except RequestRefused as refusal:
        return "" if refusal.code == LET_IN.get(method) else refusal.code
    return "" if method not in {"write", "cmd"} or answer["res"] == "done" else str(answer["res"])
