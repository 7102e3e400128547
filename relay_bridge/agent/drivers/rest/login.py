"""Signing in: what stands in the ``Authorization`` header, how it is renewed, and how a refused login is not hammered.

A wrong password that is tried every second locks the account of the plant's user. So after a refusal nothing is
asked for 5 s, then 10 s, up to 5 minutes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from relay_bridge.agent.config_rest import BasicLogin, BearerLogin, TokenLogin
from relay_bridge.agent.drivers.rest.client import HttpClient
from relay_bridge.agent.drivers.rest.documents import parse_document
from relay_bridge.agent.drivers.rest.pointers import find, parse_pointer
from relay_bridge.agent.drivers.rest.problems import SettingsError, Trouble, status_trouble
from relay_bridge.agent.drivers.rest.templates import check_template

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0  # seconds after a refused login
RENEW_SHARE = 0.8  # of a token's life
LONGEST_LIFE = 365 * 24 * 3600  # seconds
_TOKEN = re.compile(r"[!-~]{1,8192}")  # what may stand in a header
_REFUSED: Final = {400, 401, 403, 404}
logger = logging.getLogger(__name__)


class Login:
    """No login, and what all kinds share."""

    renews = False  # a refused header can be replaced by a new one

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._refusals = 0
        self._not_before = 0.0
        self._words = ""

    async def header(self, client: HttpClient) -> str | None:
        """The value of ``Authorization``. ``Trouble`` while a refusal is waited out."""
        self._wait_out()
        return None

    def refused(self, used: str | None) -> None:
        """A request with this header was answered 401."""

    def accepted(self) -> None:
        """A request with it was answered."""
        self._refusals = 0

    def give_up(self, words: str = "login refused: the process server does not accept this user") -> Trouble:
        """Count a refusal; the trouble to raise."""
        self._refusals += 1
        self._words = words
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._refusals - 1, 10))
        self._not_before = self._clock() + pause
        return Trouble(words, reach="source")

    def _wait_out(self) -> None:
        if self._refusals and self._clock() < self._not_before:
            raise Trouble(self._words, reach="source", sent=False)


class StaticLogin(Login):
    """The same header always: a bearer token from elsewhere, or user and password."""

    def __init__(self, header: str, clock: Callable[[], float] | None = None) -> None:
        super().__init__(clock)
        self._header = header

    async def header(self, client: HttpClient) -> str | None:
        self._wait_out()
        return self._header


class TokenRequest(Login):
    """A token asked for with user and password, once for however many requests need it."""

    renews = True

    def __init__(self, settings: TokenLogin, password: str, clock: Callable[[], float] | None = None) -> None:
        super().__init__(clock)
        self._settings = settings
        self._pointer = parse_pointer(settings.token)
        self._expires = parse_pointer(settings.expires) if settings.expires is not None else None
        check_template(settings.path, "login.path", may=())
        fields = {**settings.fields, settings.user_field: settings.user, settings.password_field: password}
        is_form = settings.send == "form"
        self._body = (urlencode(fields) if is_form else json.dumps(fields, ensure_ascii=False)).encode()
        self._type = "application/x-www-form-urlencoded" if is_form else "application/json"
        self._token: str | None = None
        self._renew_at = 0.0
        self._lock = asyncio.Lock()

    async def header(self, client: HttpClient) -> str | None:
        async with self._lock:
            if self._token is None or self._clock() >= self._renew_at:
                self._wait_out()
                await self._request(client)
            return self._token

    def refused(self, used: str | None) -> None:
        if used == self._token:  # not one that was renewed meanwhile
            self._token = None

    async def _request(self, client: HttpClient) -> None:
        answer = await client.ask(
            "POST", self._settings.path, {"Content-Type": self._type}, self._body, urgent=True, once=True
        )
        if answer.status in _REFUSED:
            raise self.give_up("login refused: the process server does not accept the user name or the password")
        if not 200 <= answer.status < 300:
            trouble = status_trouble(answer.status)
            raise Trouble(f"{trouble.reason} to the login", reach="source", status=answer.status)
        try:
            document = parse_document(answer.body)
        except Trouble as trouble:
            raise self.give_up(f"login refused: {trouble.reason}") from None
        token = find(document, self._pointer)
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise self.give_up("login refused: the process server's answer to it holds no token")
        life = find(document, self._expires) if self._expires is not None else None
        seconds = None
        if isinstance(life, int | float) and not isinstance(life, bool) and life > 0:
            seconds = float(min(life, LONGEST_LIFE))  # a whole number of a thousand digits is legal, and no float
        self._renew_at = self._clock() + (RENEW_SHARE * seconds if seconds is not None else float("inf"))
        self._token = f"Bearer {token}"


def make_login(settings: BearerLogin | BasicLogin | TokenLogin | None, secret: str | None) -> Login:
    """The login of a source. ``SettingsError`` for a secret that cannot stand in a header."""
    if settings is None:
        return Login()
    if isinstance(settings, TokenLogin):
        return TokenRequest(settings, secret or "")
    if isinstance(settings, BearerLogin):
        if not _TOKEN.fullmatch(secret or ""):
            raise SettingsError("login: the token holds characters that no token has")
        return StaticLogin(f"Bearer {secret}")
    if ":" in settings.user:
        raise SettingsError("login: a user name with a colon cannot be sent (RFC 7617, 2)")
    return StaticLogin("Basic " + base64.b64encode(f"{settings.user}:{secret}".encode()).decode())


__all__ = ["Login", "make_login"]
