"""Tokens from Entra ID: when they are fetched, that nothing waits for a slow SDK, and what its failures become."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest
from azure.core.credentials import AccessToken

from relay_bridge.protocol.connection_string import parse_connection_string
from relay_bridge.protocol.errors import RelayError, RelayUnavailable
from relay_bridge.transport import entra
from relay_bridge.transport.credentials import credential_of, current_token
from relay_bridge.transport.entra import CHINA_SCOPE, SCOPE, EntraCredential
from relay_bridge.transport.sender import RelaySender
from tests.relay_bridge.transport.support import NORTH
from tests.support.raw_http import RawServer, answer

NOW = 1_790_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


class Source:
    """A blocking token source: real tokens of azure-core, made here."""

    def __init__(self, clock: Clock, life: float = 3600) -> None:
        self.clock = clock
        self.life = life
        self.scopes: list[tuple[str, ...]] = []
        self.failure: Exception | None = None
        self.go_on = threading.Event()
        self.go_on.set()

    def get_token(self, *scopes: str) -> AccessToken:
        self.scopes.append(scopes)
        assert self.go_on.wait(5)
        if self.failure:
            raise self.failure
        return AccessToken(f"jwt-{len(self.scopes)}", int(self.clock.now + self.life))


class AsyncSource(Source):
    async def get_token(self, *scopes: str) -> AccessToken:  # type: ignore[override]
        await asyncio.sleep(0)
        return super().get_token(*scopes)


@pytest.fixture
def clock():
    return Clock()


@pytest.mark.parametrize("kind", [Source, AsyncSource])
async def test_a_token_is_kept_until_shortly_before_it_expires(clock, kind):
    source = kind(clock)
    credential = EntraCredential(source, clock=clock)
    assert await current_token(credential) == "jwt-1"
    assert (credential.renew_in(), credential.expires_at) == (3300, NOW + 3600)
    clock.now += 3299
    assert await current_token(credential) == "jwt-1"
    clock.now += 1
    assert await current_token(credential) == "jwt-2"
    assert source.scopes == [(SCOPE,), (SCOPE,)]
    assert "jwt" not in repr(credential)


async def test_a_short_life_is_renewed_at_its_half(clock):
    credential = EntraCredential(Source(clock, life=200), clock=clock)
    await current_token(credential)
    assert credential.renew_in() == 100


async def test_a_blocking_source_holds_nothing_up_and_is_asked_once(clock):
    source = Source(clock)
    source.go_on.clear()
    credential = EntraCredential(source, clock=clock)
    waiting = [asyncio.create_task(current_token(credential)) for _ in range(5)]
    for _ in range(10):
        await asyncio.sleep(0)  # the loop turns
    waiting[0].cancel()  # one that gives up takes nothing from the others
    await asyncio.wait({waiting[0]})
    source.go_on.set()
    assert await asyncio.gather(*waiting[1:]) == ["jwt-1"] * 4
    assert len(source.scopes) == 1


async def test_no_token_at_all(clock):
    source = Source(clock)
    source.failure = ValueError("no identity here\nand a long explanation")
    credential = EntraCredential(source, clock=clock)
    with pytest.raises(RelayUnavailable, match=r"Entra ID \(ValueError: no identity here\)") as caught:
        await current_token(credential)
    assert caught.value.retryable
    source.failure = ValueError("got eyJhbGciOiJSUzI1NiIs.abc")
    with pytest.raises(RelayUnavailable, match="withheld"):
        await current_token(credential)


async def test_a_failure_to_renew_keeps_the_token_while_it_is_good(clock, caplog):
    source = Source(clock)
    credential = EntraCredential(source, clock=clock)
    await current_token(credential)
    source.failure = OSError("down")
    clock.now += 3400
    assert await current_token(credential) == "jwt-1"
    assert "good for another 200 s" in caplog.text
    assert credential.renew_in() == entra.RETRY_AFTER
    await current_token(credential)
    assert len(source.scopes) == 2  # not asked again at once
    clock.now += 300
    with pytest.raises(RelayUnavailable, match="down"):
        await current_token(credential)


async def test_a_source_that_never_answers(clock, monkeypatch):
    monkeypatch.setattr(entra, "FETCH_DEADLINE", 0.05)
    source = Source(clock)
    source.go_on.clear()
    with pytest.raises(RelayUnavailable, match=r"no answer within 0\.05 s"):
        await current_token(EntraCredential(source, clock=clock))
    source.go_on.set()


LATER = 2 * int(NOW)


@pytest.mark.parametrize(
    "found",
    [None, AccessToken("", LATER), AccessToken("a\r\nb", LATER), AccessToken("x" * 9000, LATER), AccessToken("old", 1)],
)
async def test_what_is_no_token(clock, found):
    source = Source(clock)
    source.get_token = lambda *scopes: found
    with pytest.raises(RelayUnavailable, match="no token from Microsoft Entra ID") as caught:
        await current_token(EntraCredential(source, clock=clock))
    assert "xxx" not in str(caught.value)


def test_the_scope_of_each_cloud(clock):
    for host, scope in (("ns.servicebus.windows.net", SCOPE), ("ns.servicebus.chinacloudapi.cn", CHINA_SCOPE)):
        assert EntraCredential.for_host(host, Source(clock)).scope == scope


def test_one_sentence_when_azure_identity_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "azure.identity", None)  # what an import finds where it is not installed
    with pytest.raises(RelayError, match=r"needs the package azure-identity.*sightline\[entra\]"):
        EntraCredential()
    connection = parse_connection_string("Endpoint=sb://ns/;EntityPath=hyco;Authentication=Managed Identity")
    with pytest.raises(RelayError, match="azure-identity"):
        RelaySender(connection)


def test_managed_identity_of_a_connection_string():
    connection = parse_connection_string("Endpoint=sb://ns/;EntityPath=hyco;Authentication=Managed Identity")
    credential = credential_of(connection)
    assert isinstance(credential, EntraCredential)
    assert "ManagedIdentityCredential" in repr(credential)


async def test_the_jwt_travels_bare_in_the_relays_header(clock):
    heads = []

    async def script(there):
        heads.append(await there.head())
        await there.say(answer(b"ok"))

    async with RawServer(script) as server:
        text = f"Endpoint=sb://127.0.0.1:{server.port}/;EntityPath={NORTH};UseDevelopmentEmulator=true"
        credential = EntraCredential(Source(clock), clock=clock)
        sender = RelaySender(parse_connection_string(text), credential=credential)
        async with sender, sender.request("GET") as response:
            assert await response.read() == b"ok"
    assert b"\r\nServiceBusAuthorization: jwt-1\r\n" in heads[0]
    assert b"Bearer" not in heads[0]
