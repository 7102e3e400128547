"""What an HTTP request through the relay is to a program: headers, the request at a listener, its response.

Both sides of the relay use ``Headers``, ``Body`` and ``BodyTooLarge``; ``HttpRequest`` and ``HttpResponse`` belong to
the handler of a listener.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Final

from relay_bridge.protocol.errors import RelayError

BODY_LIMIT: Final = 1_048_576  # bytes that ``read`` takes unless told otherwise; ``body`` has no limit

HeaderPairs = Mapping[str, str] | Iterable[tuple[str, str]]
Body = bytes | AsyncIterable[bytes]


class BodyTooLarge(RelayError):  # noqa: N818 - the name says what is wrong
    """A body of more than ``limit`` bytes. A handler that lets it through answers 413."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body is over the limit of {limit} bytes")
        self.limit = limit


class Headers:
    """Header fields in the order they came: an immutable multi-map that does not mind upper and lower case.

    ``headers["accept"]`` joins the values of a repeated field with ", " as HTTP allows for every field but
    ``Set-Cookie``; ``get_all`` keeps them apart. Iterating gives ``(name, value)`` pairs as written.
    """

    __slots__ = ("_pairs",)

    def __init__(self, pairs: HeaderPairs | Headers = ()) -> None:
        self._pairs: tuple[tuple[str, str], ...] = tuple(pairs.items() if isinstance(pairs, Mapping) else pairs)

    def __getitem__(self, name: str) -> str:
        values = self.get_all(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def get(self, name: str, default: str | None = None) -> str | None:
        values = self.get_all(name)
        return ", ".join(values) if values else default

    def get_all(self, name: str) -> tuple[str, ...]:
        """Every value of ``name``, in order; empty when there is none."""
        wanted = name.lower()
        return tuple(value for key, value in self._pairs if key.lower() == wanted)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._pairs == other._pairs

    def __hash__(self) -> int:
        return hash(self._pairs)

    def __repr__(self) -> str:
        # Names only: a value may be somebody's credentials, and reprs end up in logs.
        return f"Headers({', '.join(name for name, _ in self._pairs)})"


async def read_whole(chunks: AsyncIterable[bytes], limit: int) -> bytes:
    """All of ``chunks``; ``BodyTooLarge`` as soon as they are over ``limit`` bytes, the rest is then not read."""
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(limit)
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class HttpRequest:
    """One HTTP request at a listener. Nothing in it proves who sent it.

    ``id``: the relay's name of it, unique; log this one. ``target``: path and query as the sender wrote them, less the
    relay's own parameters. ``suffix``: what follows the hybrid connection's path in it, without outer "/", percent-
    encoded as written. ``query``: what follows the first "?". ``remote_endpoint``: the sender's address as the relay
    saw it, if it said so.
    """

    __slots__ = ("_body", "_taken", "headers", "id", "method", "query", "remote_endpoint", "suffix", "target")

    def __init__(
        self,
        method: str,
        target: str,
        headers: HeaderPairs | Headers = (),
        body: Body = b"",
        *,
        id: str = "",  # noqa: A002 - the protocol's name
        suffix: str = "",
        query: str = "",
        remote_endpoint: str | None = None,
    ) -> None:
        self.id = id
        self.method = method
        self.target = target
        self.suffix = suffix
        self.query = query
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.remote_endpoint = remote_endpoint
        self._body = body
        self._taken = False

    async def read(self, limit: int = BODY_LIMIT) -> bytes:
        """The whole body; again, the same. ``BodyTooLarge`` over ``limit`` bytes, ``StreamClosed`` when it broke off.

        Waiting has no deadline of its own: the relay gives the sender 504 after 60 s without an answer.
        """
        if not isinstance(self._body, bytes):
            self._body = await read_whole(self.body(), limit)
            self._taken = False
        if len(self._body) > limit:
            raise BodyTooLarge(limit)
        return self._body

    async def body(self) -> AsyncIterator[bytes]:
        """The body piece by piece, once. What is not taken yet waits at the sender: reading slowly slows it down.

        Raises ``StreamClosed`` when the sender or the relay went away before its end.
        """
        if isinstance(self._body, bytes):
            if self._body:
                yield self._body
            return
        if self._taken:
            raise RuntimeError("the body of this request has been read already")
        self._taken = True
        async for chunk in self._body:
            yield chunk

    def __repr__(self) -> str:
        return f"HttpRequest({self.method!r}, {self.suffix!r}, id={self.id!r})"  # a query may hold secrets


class HttpResponse:
    """What a handler answers.

    ``headers``: pairs or a mapping. Repeated fields leave joined by ", ": the relay carries one text per name. For
    ``Set-Cookie`` that is no list, so only one cookie per response can be relied on. ``body``: bytes, or an async
    iterable that is sent as it comes. ``reason``: the reason phrase; by default the usual one. What the protocol cannot
    carry is found before anything is sent: the sender then gets 500, and the log says why.
    """

    __slots__ = ("body", "headers", "reason", "status")

    def __init__(
        self, status: int = 200, headers: HeaderPairs | Headers = (), body: Body = b"", reason: str = ""
    ) -> None:
        self.status = status
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.body = body
        self.reason = reason

    def __repr__(self) -> str:
        return f"HttpResponse({self.status})"


HttpHandler = Callable[[HttpRequest], Awaitable[HttpResponse]]
