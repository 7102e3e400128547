"""Tokens are made, kept for half of their life, and made again; by a clock in our hand."""

import pytest

from relay_bridge.protocol.connection_string import parse_connection_string
from relay_bridge.protocol.errors import TokenMalformed
from relay_bridge.protocol.sas import create_token, parse_token, verify_token
from relay_bridge.transport.credentials import (
    SasCredential,
    StaticCredential,
    credential_of,
    current_token,
    reload_key,
)


class Clock:
    now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_token_is_good_for_its_life(clock):
    credential = SasCredential("http://ns/hyco", "listen", "key", life=600, clock=clock)
    token = parse_token(credential.token())
    verify_token(token, ["key"], clock.now)
    assert (token.resource, token.key_name, token.expires_at) == ("http://ns/hyco", "listen", clock.now + 600)
    assert credential.expires_at == clock.now + 600


def test_it_is_the_same_until_half_of_its_life_is_over(clock):
    credential = SasCredential("http://ns/hyco", "listen", "key", life=600, clock=clock)
    first = credential.token()
    assert credential.renew_in() == 300
    clock.now += 290
    assert credential.token() == first
    assert credential.renew_in() == 10
    clock.now += 10
    second = credential.token()
    assert parse_token(second).expires_at == parse_token(first).expires_at + 300
    assert credential.renew_in() == 300


def test_a_clock_set_back_makes_a_new_token(clock):
    credential = SasCredential("http://ns/hyco", "listen", "key", life=600, clock=clock)
    first = credential.token()
    clock.now -= 86_400
    assert credential.token() != first


def test_a_credential_shows_no_key(clock):
    assert "secret" not in repr(SasCredential("http://ns/hyco", "listen", "secret", clock=clock))


def test_a_life_too_short_to_renew_in(clock):
    with pytest.raises(ValueError, match="at least 10 seconds"):
        SasCredential("http://ns/hyco", "listen", "key", life=9)


def test_a_ready_made_token_stays_what_it_is():
    text = create_token("http://ns/hyco", "k", "key", 1_795_000_000)
    credential = StaticCredential(text)
    assert (credential.token(), credential.expires_at, credential.renew_in()) == (text, 1_795_000_000, None)
    assert "sig" not in repr(credential)


def test_what_a_connection_string_brings():
    token = create_token("http://ns/hyco", "k", "key", 1_795_000_000)
    base = "Endpoint=sb://ns/;EntityPath=hyco"
    made = credential_of(parse_connection_string(f"{base};SharedAccessKeyName=k;SharedAccessKey=key"))
    assert isinstance(made, SasCredential)
    assert made.resource_uri == "http://ns/hyco"
    assert isinstance(credential_of(parse_connection_string(f"{base};SharedAccessSignature={token}")), StaticCredential)
    assert credential_of(parse_connection_string(base)) is None
    with pytest.raises(TokenMalformed, match="connection string"):
        credential_of(parse_connection_string(f"{base};SharedAccessSignature=nonsense"))


class Fetched:
    async def token_async(self) -> str:
        return "fetched"

    def renew_in(self) -> float | None:
        return None


async def test_a_token_from_a_credential_of_either_kind(clock):
    made = SasCredential("http://ns/hyco", "listen", "key", clock=clock)
    assert await current_token(made) == made.token()
    assert await current_token(Fetched()) == "fetched"


def test_only_some_credentials_can_look_for_another_key(clock):
    assert not reload_key(None)
    assert not reload_key(SasCredential("http://ns/hyco", "listen", "key", clock=clock))
