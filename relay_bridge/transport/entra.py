"""Tokens from Microsoft Entra ID (formerly Azure Active Directory) instead of a key: roles, not secrets.

The relay takes the bare JWT in ``ServiceBusAuthorization``. Whoever it names needs the role Azure Relay Listener or
Azure Relay Sender (or Owner); a new assignment takes about five minutes to count.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from relay_bridge.protocol.errors import RelayError, RelayUnavailable, clean_reason
from relay_bridge.protocol.limits import MAX_TOKEN

logger = logging.getLogger(__name__)

SCOPE: Final = "https://relay.azure.net/.default"
CHINA_SCOPE: Final = "https://relay.chinacloudapi.cn/.default"
_CHINA: Final = ".chinacloudapi.cn"

FETCH_DEADLINE: Final = 20.0  # seconds for the token service to answer; the SDK tries several ways, one after the other
REFRESH_BEFORE: Final = 300.0  # seconds of remaining life at which a new token is fetched
RETRY_AFTER: Final = 30.0  # seconds until the next try to replace a token that is still good


class AccessToken(Protocol):
    """What a token source returns: azure-core's ``AccessToken`` has this form."""

    @property
    def token(self) -> str: ...

    @property
    def expires_on(self) -> int:
        """Unix seconds."""


class TokenSource(Protocol):
    """Any credential of azure-identity, or your own object. ``get_token`` may block, or be a coroutine function."""

    def get_token(self, *scopes: str) -> Any:  # AccessToken, or an awaitable of it
        """A token for ``scopes``."""


class EntraCredential:
    """Tokens that ``source`` gets from Entra ID; each is used until shortly before it expires.

    ``source``: None takes azure-identity's ``DefaultAzureCredential`` (environment, managed identity, ``az login``).
    A blocking ``get_token`` runs in a thread of its own and never holds up the event loop. ``clock``: Unix seconds.
    """

    def __init__(
        self,
        source: TokenSource | None = None,
        *,
        scope: str = SCOPE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.scope = scope
        self.expires_at = 0.0  # Unix seconds, of the latest token
        self._source: TokenSource = source if source is not None else _azure_identity("DefaultAzureCredential")
        self._clock = clock
        self._token = ""
        self._renew_at = 0.0  # Unix seconds
        self._fetching: asyncio.Task[None] | None = None

    @classmethod
    def for_host(cls, host: str, source: TokenSource | None = None) -> EntraCredential:
        """For a namespace's host: China's cloud has a scope of its own."""
        return cls(source, scope=scope_of(host))

    @classmethod
    def managed_identity(cls, host: str) -> EntraCredential:
        """The identity that Azure gave this machine (``Authentication=Managed Identity`` of a connection string)."""
        return cls.for_host(host, _azure_identity("ManagedIdentityCredential"))

    async def token_async(self) -> str:
        """A token that is good now. Raises ``RelayUnavailable`` when there is none to be had in ``FETCH_DEADLINE``.

        While the last one is still good, a failure to replace it is logged and tried again later.
        """
        now = self._clock()
        if self._token and now < self._renew_at:
            return self._token
        try:
            # Many who ask at once wait for one fetch. One of them being cancelled must not take it from the others.
            if self._fetching is None:
                self._fetching = asyncio.create_task(self._fetch(), name="entra-token")
                self._fetching.add_done_callback(self._fetched)
            await asyncio.shield(self._fetching)
        except RelayError as error:
            if not self._token or self._clock() >= self.expires_at:
                raise
            self._renew_at = self._clock() + RETRY_AFTER
            logger.warning("%s; the one in use is good for another %.0f s", error, self.expires_at - self._clock())
        return self._token

    def renew_in(self) -> float | None:
        return max(0.0, self._renew_at - self._clock())

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(FETCH_DEADLINE):
                if inspect.iscoroutinefunction(self._source.get_token):
                    found = await self._source.get_token(self.scope)
                else:
                    found = await _in_thread(lambda: self._source.get_token(self.scope))
        except TimeoutError as error:
            raise _no_token(f"no answer within {FETCH_DEADLINE:g} s") from error
        except Exception as error:  # whatever an SDK raises, and it raises a great deal
            words = clean_reason(str(error).split("\n", 1)[0], 200)
            raise _no_token(f"{type(error).__name__}: {words}" if words else type(error).__name__) from error
        token, expires_at = getattr(found, "token", None), getattr(found, "expires_on", None)
        if not isinstance(token, str) or not isinstance(expires_at, int | float):
            raise _no_token("what get_token returned has no token and expires_on")
        if not token or len(token) > MAX_TOKEN or not token.isascii() or not token.isprintable():
            raise _no_token("what get_token returned cannot stand in a header")
        now = self._clock()
        if expires_at <= now:
            raise _no_token("the token that was returned has expired; check this machine's clock")
        self._token, self.expires_at = token, float(expires_at)
        self._renew_at = max(expires_at - REFRESH_BEFORE, now + (expires_at - now) / 2)

    def _fetched(self, task: asyncio.Task[None]) -> None:
        self._fetching = None
        if not task.cancelled():
            task.exception()  # whoever waits is told; if nobody does any more, it is no news

    def __repr__(self) -> str:
        return f"EntraCredential({type(self._source).__name__}, scope={self.scope!r})"


def scope_of(host: str) -> str:
    """The scope to ask a token for, by the namespace's host."""
    return CHINA_SCOPE if host.lower().rstrip(".").endswith(_CHINA) else SCOPE


def _no_token(why: str) -> RelayUnavailable:
    return RelayUnavailable(0, f"no token from Microsoft Entra ID ({why})")


def _azure_identity(name: str) -> TokenSource:
    try:
        source: TokenSource = getattr(importlib.import_module("azure.identity"), name)()
    except ImportError as error:
        raise RelayError(
            "Microsoft Entra ID needs the package azure-identity, which is missing here: pip install 'sightline[entra]'"
        ) from error
    return source


async def _in_thread(call: Callable[[], Any]) -> Any:
    """``call()`` in a daemon thread: unlike a pool's, it holds up neither the loop's end nor the program's."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if result.done():  # nobody waits any more
            return
        if error is None:
            result.set_result(value)
        else:
            result.set_exception(error)

    def run() -> None:
        value, failure = None, None
        try:
            value = call()
        except BaseException as error:  # handed to whoever waits
            failure = error
        try:
            loop.call_soon_threadsafe(settle, value, failure)
        except RuntimeError:
            logger.debug("a token came after its event loop had ended")

    threading.Thread(target=run, name="entra-token", daemon=True).start()
    return await result
