"""Addresses of Hybrid Connections: building them, and taking them apart as a relay does.

    listen       wss://HOST/$hc/PATH?sb-hc-action=listen[&sb-hc-id=ID]
    connect      wss://HOST/$hc/PATH[/SUFFIX]?[QUERY&]sb-hc-action=connect[&sb-hc-id=ID]
    rendezvous   wss://GATEWAY/$hc/PATH[/SUFFIX]?[QUERY&]sb-hc-action=accept&sb-hc-id=ID

A token never stands in an address that we make: addresses end up in logs. It travels in ``ServiceBusAuthorization``.
"""

from __future__ import annotations

import re
from typing import Final, Literal, get_args
from urllib.parse import quote, unquote, unquote_plus, urlsplit

from relay_bridge.protocol.errors import AddressError
from relay_bridge.protocol.limits import MAX_ADDRESS, MAX_ENTITY_PATH

SB_HC_PREFIX: Final = "sb-hc-"
SB_HC_ACTION: Final = "sb-hc-action"
SB_HC_ID: Final = "sb-hc-id"
SB_HC_TOKEN: Final = "sb-hc-token"  # noqa: S105 - a parameter's name
SB_HC_STATUS_CODE: Final = "sb-hc-statusCode"
SB_HC_STATUS_DESCRIPTION: Final = "sb-hc-statusDescription"
AUTH_HEADER: Final = "ServiceBusAuthorization"
TRACKING_HEADER: Final = "TrackingId"
HC_SEGMENT: Final = "$hc"

Action = Literal["listen", "connect", "accept", "request"]

# Protocol, Names: letters, digits, period, hyphen, underscore; segments are joined with "/".
_ENTITY_PATH = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*)(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*\Z")


def authority(host: str, port: int, use_tls: bool) -> str:
    """``host``, with ``:port`` where it is not the scheme's own, and an IPv6 address in brackets."""
    name = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return name if port == default_port(use_tls) else f"{name}:{port}"


def default_port(use_tls: bool) -> int:
    return 443 if use_tls else 80


def check_entity_path(path: str) -> str:
    """The path of a hybrid connection without outer slashes; ``AddressError`` when it cannot be one."""
    trimmed = path.strip("/")
    if len(trimmed) > MAX_ENTITY_PATH or not _ENTITY_PATH.match(trimmed):
        raise AddressError(
            f"{path[:80]!r} is no path of a hybrid connection: letters, digits, '.', '-', '_', segments joined by '/'"
        )
    return trimmed


def listen_address(host: str, port: int, use_tls: bool, path: str, id: str | None = None) -> str:  # noqa: A002 - sb-hc-id
    """Where a listener opens its control channel. ``id`` is free text for tracing."""
    return _address(
        authority(host, port, use_tls), use_tls, check_entity_path(path), "", action="listen", identifier=id
    )


def connect_address(
    host: str,
    port: int,
    use_tls: bool,
    path: str,
    id: str | None = None,  # noqa: A002 - sb-hc-id
    *,
    suffix: str = "",
    query: str = "",
) -> str:
    """Where a sender opens a stream. ``suffix`` and ``query`` (both already percent-encoded) go on to the listener."""
    full = check_entity_path(path)
    if suffix.strip("/"):
        full = f"{full}/{suffix.lstrip('/')}"
    return _address(
        authority(host, port, use_tls), use_tls, full, strip_relay_parameters(query), action="connect", identifier=id
    )


def rendezvous_address(authority: str, use_tls: bool, path: str, query: str, *, action: Action, id: str) -> str:  # noqa: A002
    """The address a relay hands to a listener: the sender's path and query, less the relay's own parameters.

    ``authority`` is ``host[:port]`` as the *listener* used it; ``path`` what ``split_hc_path`` returned.
    """
    return _address(authority, use_tls, path, strip_relay_parameters(query), action=action, identifier=id)


def resource_uri(host: str, path: str = "") -> str:
    """What a token is signed for: scheme ``http`` whatever the transport, no port, no query."""
    name = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{name}/{path.strip('/')}"


def split_hc_path(path: str) -> str:
    """``/$hc/PATH[/SUFFIX]`` as on the request line → ``PATH[/SUFFIX]``, still percent-encoded, no outer slashes.

    Raises ``AddressError`` when the path does not start with ``/$hc/``, names nothing, or climbs with ``..``.
    """
    head, separator, rest = path.lstrip("/").partition("/")
    rest = rest.strip("/")
    if unquote(head).lower() != HC_SEGMENT or not separator or not rest:
        raise AddressError("the path of a WebSocket must be /$hc/ and the path of a hybrid connection")
    if any(segment in {".", ".."} for segment in unquote(rest).split("/")):
        raise AddressError("a path with '.' or '..' in it names no hybrid connection")
    return rest


def match_entity(path: str, entity_path: str) -> str | None:
    """The suffix left of ``path`` when it belongs to the hybrid connection ``entity_path``, else None.

    Matched by whole segments and without regard to case: ``/hyco/anything`` belongs to ``hyco``. ``path`` may be
    percent-encoded; the suffix is returned as it was written.
    """
    written = path.strip("/").split("/")
    wanted = entity_path.strip("/").lower().split("/")
    if [unquote(segment).lower() for segment in written[: len(wanted)]] != wanted:
        return None
    return "/".join(written[len(wanted) :])


def parse_action(query: str) -> Action:
    """The ``sb-hc-action`` of a query. None given means ``connect``; an unknown one is an ``AddressError`` (400)."""
    action = relay_parameters(query).get(SB_HC_ACTION, "connect").lower()
    for known in get_args(Action):
        if action == known:
            return known
    raise AddressError(f"unknown {SB_HC_ACTION}; it must be one of {', '.join(get_args(Action))}")


def relay_parameters(query: str) -> dict[str, str]:
    """The relay's own parameters in ``query``: names in lower case, values decoded once. The first of a name wins."""
    found: dict[str, str] = {}
    for piece in query.split("&"):
        if _is_relay_parameter(piece):
            name, _, value = piece.partition("=")
            found.setdefault(unquote(name).lower(), unquote_plus(value))
    return found


def strip_relay_parameters(query: str) -> str:
    """``query`` without the relay's parameters, nothing else touched: order, empty pieces and escapes stay as written.

    As the live service does: a piece goes only if its name starts ``sb-hc-`` *and* it has an equals sign.
    """
    return "&".join(piece for piece in query.split("&") if not _is_relay_parameter(piece))


def _is_relay_parameter(piece: str) -> bool:
    name, equals, _ = piece.partition("=")
    # Decoded before it is compared: a reader of queries would, so a token must not slip through as "sb%2Dhc-token".
    return bool(equals) and unquote(name).lower().startswith(SB_HC_PREFIX)


def _address(place: str, use_tls: bool, path: str, query: str, *, action: Action, identifier: str | None) -> str:
    pieces = [query] if query else []
    pieces.append(f"{SB_HC_ACTION}={action}")
    if identifier:
        pieces.append(f"{SB_HC_ID}={quote(identifier, safe='')}")
    address = f"{'wss' if use_tls else 'ws'}://{place}/{HC_SEGMENT}/{path}?{'&'.join(pieces)}"
    if len(address) > MAX_ADDRESS:
        raise AddressError(f"an address of {len(address)} characters is over the limit of {MAX_ADDRESS}")
    return address


def host_of(authority_or_uri: str) -> str:
    """The host name in lower case of ``host[:port]`` or a whole URI; ``AddressError`` when there is none."""
    text = authority_or_uri if "://" in authority_or_uri else f"//{authority_or_uri}"
    try:
        name = urlsplit(text).hostname
    except ValueError as error:
        raise AddressError("an address without a usable host name") from error
    if not name:
        raise AddressError("an address without a host name")
    return name
