"""``Conversation``: signed-in requests to a source whose answers are JSON documents."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from relay_bridge.agent.config_rest import RestSource
from relay_bridge.agent.drivers.rest.client import HttpClient
from relay_bridge.agent.drivers.rest.documents import parse_document
from relay_bridge.agent.drivers.rest.http import Answer
from relay_bridge.agent.drivers.rest.login import make_login
from relay_bridge.agent.drivers.rest.problems import SettingsError, Trouble, status_trouble
from relay_bridge.agent.drivers.rest.tls import source_tls

IN_THREAD: Final = 128 * 1024  # bytes from which an answer is parsed beside the event loop: about 3 ms


class Conversation:
    """Everything that is asked of one source goes through here, so all of it is paced and bounded together."""

    def __init__(self, settings: RestSource, secret: str | None) -> None:
        is_plain = urlsplit(settings.url).scheme == "http"
        if is_plain and not settings.allow_insecure:
            raise SettingsError("an http url needs allow_insecure = true")
        if is_plain and (settings.server_cert is not None or settings.ca_cert is not None):
            raise SettingsError("a certificate belongs to an https url")
        if settings.server_cert is not None and settings.ca_cert is not None:
            raise SettingsError("pin server_cert or trust ca_cert, not both")
        self.client = HttpClient(
            settings.url,
            None if is_plain else source_tls(settings.server_cert, settings.ca_cert),
            rate=settings.requests_per_second,
            connections=settings.connections,
            first_byte=settings.first_byte_s,
            deadline=settings.deadline_s,
            max_answer=settings.max_answer,
        )
        self._login = make_login(settings.login, secret)
        # What is sent can be read on its way to the source.
        self.is_readable = is_plain and not _is_loopback(urlsplit(settings.url).hostname or "")

    async def document(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        content_type: str = "application/json",
        urgent: bool = False,
        sending: Callable[[], None] | None = None,
    ) -> Any:
        """The document that answers a request; ``Trouble`` when there is none.

        After 401 it signs in anew and asks once more; a second 401 is a refused login.
        """
        used = await self._login.header(self.client)
        answer = await self._send(method, path, body, content_type, used, urgent=urgent, sending=sending)
        if answer.status == 401 and self._login.renews:
            self._login.refused(used)
            used = await self._login.header(self.client)
            answer = await self._send(method, path, body, content_type, used, urgent=urgent, sending=sending)
        if answer.status == 401:
            self._login.refused(used)
            raise self._login.give_up()
        self._login.accepted()
        if not 200 <= answer.status < 300:
            raise status_trouble(answer.status)
        if len(answer.body) >= IN_THREAD:
            return await asyncio.to_thread(parse_document, answer.body)
        return parse_document(answer.body)

    async def once(
        self, method: str, path: str, body: bytes | None, *, sending: Callable[[], None] | None = None
    ) -> Answer:
        """Send exactly once whatever happens, on a connection of its own. ``Trouble``; 401 is an answer here."""
        used = await self._login.header(self.client)
        answer = await self._send(method, path, body, "application/json", used, urgent=True, sending=sending, once=True)
        if answer.status == 401:
            self._login.refused(used)  # the next request signs in; this one is not sent again
        return answer

    async def close(self) -> None:
        """Drop every connection."""
        await self.client.close()

    async def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        content_type: str,
        authorization: str | None,
        *,
        urgent: bool,
        sending: Callable[[], None] | None,
        once: bool = False,
    ) -> Answer:
        headers = {} if authorization is None else {"Authorization": authorization}
        if body is not None:
            headers["Content-Type"] = content_type
        return await self.client.ask(method, path, headers, body, urgent=urgent, once=once, sending=sending)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


__all__ = ["Conversation", "Trouble"]
