"""A listener's response as its sender gets it: its head, and whether a body comes with it, later, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from relay_bridge.emulator.http_answers import VIA, body_allowed, response_head, via
from relay_bridge.emulator.http_head import RequestHead
from relay_bridge.emulator.service_channel import ListenerResponse


class RelayedHead(NamedTuple):
    """``data`` are its bytes. ``follows``: the body comes in pieces, which the sender sees only if ``body_allowed``.

    ``chunked`` is how the pieces are marked; ``close`` says that the connection ends behind the response.
    """

    data: bytes
    body_allowed: bool
    follows: bool
    chunked: bool
    close: bool


def relayed_head(
    response: ListenerResponse, asked: RequestHead, host: str, *, streamed: bool, will_close: bool
) -> RelayedHead:
    """The head for a sender that ``asked``. ``streamed``: a body that is announced follows; else ``response`` has it.

    A sender of HTTP/1.0 knows no chunks: the end of the connection is the end of what follows.
    """
    allowed = body_allowed(asked.method, response.status)
    follows = streamed and response.has_body
    chunked = allowed and follows and asked.minor > 0
    close = will_close or (allowed and follows and not chunked)
    data = response_head(
        response.status,
        response.reason,
        _with_via(response.headers, host),
        length=len(response.body) if allowed and not follows else None,
        chunked=chunked,
        close=close,
        minor=asked.minor,
    )
    return RelayedHead(data, allowed, follows, chunked, close)


def _with_via(headers: Iterable[tuple[str, str]], host: str) -> list[tuple[str, str]]:
    """The headers with the relay in ``Via``, behind whoever stands there."""
    found = list(headers)
    for place, (name, value) in enumerate(found):
        if name.lower() == "via":
            found[place] = (name, via(value, host))
            return found
    found.append((VIA, via(None, host)))
    return found
