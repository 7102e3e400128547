"""Where the relay's tokens come from: made from a key and renewed in time, or handed over ready-made."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol

from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.protocol.errors import TokenError
from relay_bridge.protocol.limits import DEFAULT_TOKEN_LIFE
from relay_bridge.protocol.sas import create_token, parse_token

MIN_LIFE = 10.0  # seconds; renewal at half of it must leave time for a round trip
_TOLERANCE = 1.0  # seconds by which two clocks may disagree on whether renewal is due
_RENEW_AT = 0.5  # of the life: the official clients renew at its end and live on the service's five minutes of grace


class Credential(Protocol):
    """Makes tokens for one hybrid connection."""

    def token(self) -> str:
        """A token that is good now; the same one until renewal is due."""

    def renew_in(self) -> float | None:
        """Seconds until ``token()`` gives a new one; None when there will never be one."""


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
    """The credential in a connection string, or None when it holds none (a sender may need none)."""
    if connection.key_name is not None and connection.key is not None:
        return SasCredential(connection.resource_uri, connection.key_name, connection.key, life=life, clock=clock)
    if connection.signature is not None:
        try:
            return StaticCredential(connection.signature)
        except TokenError as error:
            raise type(error)(f"SharedAccessSignature of the connection string: {error}") from error
    return None
