"""``HttpClient``: requests to one source and to nowhere else, paced, bounded and with a deadline each.

Host and port come from the configuration and cannot be changed by anything that is received: redirects are not
followed, cookies are not kept, proxies of the environment are not used.
"""

from __future__ import annotations

import asyncio
import collections
import logging
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from relay_bridge.agent.drivers.rest.http import Answer, Connection
from relay_bridge.agent.drivers.rest.pace import Pace
from relay_bridge.agent.drivers.rest.problems import SettingsError, Trouble, connect_trouble
from relay_bridge.agent.drivers.rest.tls import SourceTls

CONNECT_DEADLINE: Final = 3.0  # seconds for name, TCP and TLS
IDLE: Final = 15.0  # seconds after which an unused connection is not trusted any more
_PORTS: Final = {"https": 443, "http": 80}
logger = logging.getLogger(__name__)


class HttpClient:
    """The connections to one source. ``rate`` in requests a second, ``first_byte`` and ``deadline`` in seconds."""

    def __init__(
        self,
        url: str,
        tls: SourceTls | None,
        *,
        rate: float,
        connections: int,
        first_byte: float,
        deadline: float,
        max_answer: int,
    ) -> None:
        parts = urlsplit(url)
        if parts.hostname is None or parts.scheme not in _PORTS:
            raise SettingsError("the url names no host")
        self._host = parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._authority = parts.netloc.rpartition("@")[2]
        self._prefix = parts.path.rstrip("/")
        self._tls = tls if parts.scheme == "https" else None
        if parts.scheme == "https" and tls is None:
            raise SettingsError("an https url needs TLS")
        self.pace = Pace(rate)
        self._slots = asyncio.Semaphore(connections)
        self._most = connections
        self._first_byte = first_byte
        self._deadline = deadline
        self._max_answer = max_answer
        self._idle: collections.deque[tuple[float, Connection]] = collections.deque()
        self._all: set[Connection] = set()
        self.requests = 0

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        urgent: bool = False,
        once: bool = False,
        sending: Callable[[], None] | None = None,
    ) -> Answer:
        """The answer to one request, whatever its status. ``Trouble`` when there is none.

        ``once``: on a connection of its own and never sent again, so what it did can be told from how it ended.
        Otherwise it must change nothing, and is sent a second time when a connection that had been idle turns out to
        be dead.
        ``sending`` is called when the request goes out; with ``once`` not before there is a connection for it.
        """
        await self.pace.turn(urgent=urgent)
        async with self._slots:
            request = self._request(method, path, headers, body)
            if once:
                return await self._exchange_once(request, sending)
            if sending is not None:
                sending()
            connection = self._reuse()
            if connection is not None:
                try:
                    return await self._exchange(connection, request)
                except Trouble as trouble:
                    if trouble.reach != "wire" or connection.answering:
                        raise
                await self.pace.turn(urgent=urgent)
            return await self._exchange(await self._open(), request)

    async def close(self) -> None:
        """Drop every connection."""
        self.pace.close()
        self._idle.clear()
        for connection in list(self._all):
            connection.abort()
        self._all.clear()

    async def _exchange_once(self, request: bytes, sending: Callable[[], None] | None) -> Answer:
        """On a connection of its own."""
        if self._idle and len(self._all) >= self._most:
            self._idle.popleft()[1].abort()
        connection = await self._open()
        if sending is not None:
            sending()
        return await self._exchange(connection, request, keep=False)

    def _request(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
        fields = {
            "Host": self._authority,
            "User-Agent": "Sightline",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            **headers,
        }
        if body is not None:
            fields["Content-Length"] = str(len(body))
        head = [f"{method} {self._prefix}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        if any(not line.isascii() or not line.isprintable() for line in head):
            raise Trouble("a request of this agent would not be proper HTTP", sent=False)
        self.requests += 1
        return "\r\n".join([*head, "", ""]).encode("ascii") + (body or b"")

    def _reuse(self) -> Connection | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            since, connection = self._idle.pop()
            if connection.idle and now - since < IDLE:
                return connection
            connection.abort()
        return None

    async def _open(self) -> Connection:
        loop = asyncio.get_running_loop()
        context = self._tls.context if self._tls is not None else None
        made: list[Connection] = []

        def factory() -> Connection:
            connection = Connection(self._tls, self._max_answer, self._all.discard)
            made.append(connection)
            return connection

        try:
            async with asyncio.timeout(min(CONNECT_DEADLINE, self._deadline)):
                _, connection = await loop.create_connection(
                    factory, self._host, self._port, ssl=context, server_hostname=self._host if context else None
                )
        except (OSError, TimeoutError) as error:
            for connection in made:
                connection.abort()
            raise connect_trouble(error, pinned=self._tls is not None and self._tls.pin is not None) from error
        if connection.trouble is not None:
            raise connection.trouble
        self._all.add(connection)
        return connection

    async def _exchange(self, connection: Connection, request: bytes, *, keep: bool = True) -> Answer:
        """Send and receive; a connection that cannot be used again is dropped, whatever happened."""
        phase = f"the process server did not answer within {self._first_byte:g} s"
        try:
            async with asyncio.timeout(self._deadline):
                head, done = connection.send(request)
                async with asyncio.timeout(self._first_byte):
                    await asyncio.shield(head)
                phase = f"the process server's answer was not complete within {self._deadline:g} s"
                answer = await asyncio.shield(done)
        except TimeoutError:
            raise Trouble(phase, reach="wire") from None
        finally:
            if keep and connection.idle:
                self._idle.append((asyncio.get_running_loop().time(), connection))
            else:
                connection.abort()
        return answer
