"""Addresses of Hybrid Connections: building them, and taking them apart as a relay does.

    listen       wss://HOST/$hc/PATH?sb-hc-action=listen[&sb-hc-id=ID]
    connect      wss://HOST/$hc/PATH[/SUFFIX]?[QUERY&]sb-hc-action=connect[&sb-hc-id=ID]
    rendezvous   wss://GATEWAY/$hc/PATH[/SUFFIX]?[QUERY&]sb-hc-action=accept&sb-hc-id=ID       (request: the same)
    HTTP         https://HOST/PATH[/SUFFIX][?QUERY]

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
# Tested live by the vendor, documented nowhere: a sender's choice among listeners, by the sb-hc-id they listen with.
ALLOWED_LISTENERS_HEADER: Final = "Microsoft-Relay-AllowedListeners"
DISALLOWED_LISTENERS_HEADER: Final = "Microsoft-Relay-DisallowedListeners"
HC_SEGMENT: Final = "$hc"

Action = Literal["listen", "connect", "accept", "request"]

# Protocol, Names: letters, digits, period, hyphen, underscore; segments are joined with "/".
# What may stand on a request line (RFC 9112, 3.2); a "?" ends the path, a "#" would end both.
_SUFFIX = re.compile(r'[^\x00-\x20"#<>?\x7f-\U0010ffff]*\Z')
_QUERY = re.compile(r'[^\x00-\x20"#<>\x7f-\U0010ffff]*\Z')
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


def http_address(host: str, port: int, use_tls: bool, path: str, *, suffix: str = "", query: str = "") -> str:
    """Where a sender sends an HTTP request: ``https://HOST/PATH[/SUFFIX][?QUERY]``, without ``$hc``.

    ``suffix`` and ``query`` are percent-encoded already and stay byte for byte as they are, except that the relay's own
    parameters go. Raises ``AddressError`` for what cannot stand there, and for a suffix that climbs with ``..``.
    """
    if not _SUFFIX.match(suffix) or not _QUERY.match(query):
        raise AddressError("the path suffix and the query of an HTTP request must be percent-encoded already")
    _refuse_climbing(suffix)
    joint = "/" if suffix and not suffix.startswith("/") else ""
    target = request_target(f"/{check_entity_path(path)}{joint}{suffix}", query)
    address = f"{'https' if use_tls else 'http'}://{authority(host, port, use_tls)}{target}"
    if len(address) > MAX_ADDRESS:
        raise AddressError(f"an address of {len(address)} characters is over the limit of {MAX_ADDRESS}")
    return address


def request_target(path: str, query: str) -> str:
    """The ``requestTarget`` a listener is told: the sender's path, and its query less the relay's own parameters.

    Nothing else is touched: order, empty pieces, repeated names, ``+``, ``%20`` and ``%2f`` stay as written. When
    nothing is left of the query, its question mark goes too.
    """
    left = strip_relay_parameters(query)
    return f"{path}?{left}" if left else path


def split_request_target(target: str, entity_path: str) -> tuple[str, str]:
    """Suffix and query of a ``requestTarget``, both as written; the suffix is what follows ``/PATH/``.

    Raises ``AddressError`` when it does not belong to the hybrid connection ``entity_path``, or climbs with ``..``.
    """
    path, _, query = target.partition("?")
    written = path.lstrip("/").split("/")
    wanted = entity_path.strip("/").lower().split("/")
    if [unquote(segment).lower() for segment in written[: len(wanted)]] != wanted:
        raise AddressError("a request target of another hybrid connection")
    suffix = "/".join(written[len(wanted) :])
    _refuse_climbing(suffix)
    return suffix, query


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
    _refuse_climbing(rest)
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


def _refuse_climbing(path: str) -> None:
    # Decoded before it is looked at, because some server behind us will decode it: "%2e%2e%2f" climbs as well.
    if "." in (decoded := unquote(path)) and any(segment in {".", ".."} for segment in decoded.split("/")):
        raise AddressError("a path with '.' or '..' in it names no hybrid connection")


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
