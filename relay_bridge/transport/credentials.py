"""Where the relay's tokens come from: made from a key and renewed in time, handed over ready-made, or fetched.

    SasCredential        from a key
    StaticCredential     a ready-made signature
    KeyFileCredential    from a key in a file, taken up anew when the file changes (key_file.py)
    EntraCredential      from Microsoft Entra ID (entra.py)

Whoever needs a token writes ``await current_token(credential)``: it takes every kind.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol, TypeAlias

from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.protocol.errors import TokenError
from relay_bridge.protocol.limits import DEFAULT_TOKEN_LIFE
from relay_bridge.protocol.sas import create_token, parse_token

MIN_LIFE = 10.0  # seconds; renewal at half of it must leave time for a round trip
_TOLERANCE = 1.0  # seconds by which two clocks may disagree on whether renewal is due
_RENEW_AT = 0.5  # of the life: the official clients renew at its end and live on the service's five minutes of grace


class KeyCredential(Protocol):
    """Makes tokens for one hybrid connection on this machine, at once."""

    def token(self) -> str:
        """A token that is good now; the same one until renewal is due."""

    def renew_in(self) -> float | None:
        """Seconds until there is a new token; None when there will never be one."""


class FetchedCredential(Protocol):
    """Has its tokens from elsewhere, so that getting one may take a while."""

    async def token_async(self) -> str:
        """A token that is good now. Raises ``RelayError``, within a deadline of its own."""

    def renew_in(self) -> float | None:
        """Seconds until there is a new token; None when there will never be one."""


Credential: TypeAlias = KeyCredential | FetchedCredential


async def current_token(credential: Credential) -> str:
    """A token that is good now, from a credential of either kind. Raises ``RelayError`` when there is none."""
    fetch = getattr(credential, "token_async", None)
    return credential.token() if fetch is None else await fetch()  # type: ignore[union-attr]


def reload_key(credential: Credential | None) -> bool:
    """After the relay refused a token: whether ``credential`` has another key now, so that trying again makes sense."""
    reload = getattr(credential, "reload", None)
    return bool(reload()) if reload is not None else False


class SasCredential:
    """Tokens for ``resource_uri`` signed with a rule's key.

    ``life``: seconds a token is good for. ``clock``: Unix seconds. A new token is made when half of the life is over.
    """

    def __init__(
        self,
        resource_uri: str,
        key_name: str,
        key: str,
        *,
        life: float = DEFAULT_TOKEN_LIFE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if life < MIN_LIFE:
            raise ValueError(f"a token's life is at least {MIN_LIFE:g} seconds")
        self.resource_uri = resource_uri
        self.key_name = key_name
        self.life = life
        self.expires_at = 0  # Unix seconds, of the latest token
        self._key = key
        self._clock = clock
        self._token = ""
        self._made_at = -math.inf

    def token(self) -> str:
        if self._renewal_due():
            now = self._clock()
            self.expires_at = math.floor(now + self.life)
            self._token = create_token(self.resource_uri, self.key_name, self._key, self.expires_at)
            self._made_at = now
        return self._token

    def renew_in(self) -> float | None:
        return max(0.0, self._made_at + self.life * _RENEW_AT - self._clock())

    def _renewal_due(self) -> bool:
        # A clock that was set back makes the token look young while its end is too far ahead: renew then, too.
        age = self._clock() - self._made_at
        return age < 0 or age >= self.life * _RENEW_AT - _TOLERANCE

    def __repr__(self) -> str:
        return f"SasCredential({self.resource_uri!r}, {self.key_name!r})"


class StaticCredential:
    """A ready-made token (``SharedAccessSignature=`` of a connection string). It cannot be renewed."""

    def __init__(self, token: str) -> None:
        self.expires_at = parse_token(token).expires_at  # TokenMalformed here, not at the first connection
        self._token = token

    def token(self) -> str:
        return self._token

    def renew_in(self) -> float | None:
        return None

    def __repr__(self) -> str:
        return f"StaticCredential(expires_at={self.expires_at})"


def credential_of(
    connection: ConnectionString, *, life: float = DEFAULT_TOKEN_LIFE, clock: Callable[[], float] = time.time
) -> Credential | None:
    """The credential in a connection string, or None when it holds none (a sender may need none).

    ``Authentication=Managed Identity`` takes the identity that Azure gave this machine; it needs azure-identity.
    """
    if connection.managed_identity:
        from relay_bridge.transport.entra import EntraCredential  # noqa: PLC0415 - entra.py imports this file's types

        return EntraCredential.managed_identity(connection.host)
    if connection.key_name is not None and connection.key is not None:
        return SasCredential(connection.resource_uri, connection.key_name, connection.key, life=life, clock=clock)
    if connection.signature is not None:
        try:
            return StaticCredential(connection.signature)
        except TokenError as error:
            raise type(error)(f"SharedAccessSignature of the connection string: {error}") from error
    return None
