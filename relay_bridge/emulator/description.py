"""The one management call on the relay's own port: a hybrid connection describes itself (relay protocol 10).

    GET /PATH?api-version=2016-07    with X-PROCESS-AT: ServiceBus and a token with the right Manage

The answer is an Atom entry; for a path that is none, an Atom feed; for a refusal, XML with code and detail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape

from relay_bridge.emulator.authorization import Authorizer
from relay_bridge.emulator.call import Call
from relay_bridge.emulator.handshake import RelayRequest, parse_relay_request
from relay_bridge.emulator.http_head import RequestHead
from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection
from relay_bridge.emulator.refusals import MAX_PHRASE, Refusal, printable, reason_phrase
from relay_bridge.protocol.addresses import TRACKING_HEADER

PROCESS_AT: Final = "x-process-at"
API_VERSION: Final = "2016-07"

_ATOM: Final = "http://www.w3.org/2005/Atom"
_CONNECT: Final = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"
_ENTRY: Final = "application/atom+xml;type=entry;charset=utf-8"
_FEED: Final = "application/atom+xml;type=feed;charset=utf-8"
_ERROR: Final = "application/xml; charset=utf-8"


@dataclass(frozen=True)
class Description:
    """What there is to say. Times are Unix seconds."""

    connection: HybridConnection
    listener_count: int
    user_metadata: str | None
    created_at: float
    updated_at: float


def is_asked(head: RequestHead) -> bool:
    """Whether this request is for the service itself; everything else is a listener's business."""
    return head.fields.get(PROCESS_AT, "").lower() == "servicebus"


def answer_description(
    call: Call,
    config: EmulatorConfig,
    find: Callable[[HybridConnection], Description],
    *,
    use_tls: bool,
    now: float,
) -> None:
    """Answer ``call``. ``find`` is asked about a hybrid connection once its caller is known. ``now``: Unix seconds."""
    try:
        request = parse_relay_request(call.head, use_tls=use_tls, remote=call.connection.peername)
    except Refusal as refusal:
        _refuse(call, refusal.status, refusal.text, "none")
        return
    tracking_id = request.tracking_id
    try:
        content = entry(request, find(_authorized(request, call.head, config, now)))
    except Refusal as refusal:
        if refusal.status == 404:
            _respond(call, "200 OK", _FEED, feed(request, now), tracking_id)
            return
        phrase = reason_phrase(refusal.text, tracking_id, request.host, printable(request.path), now)
        _refuse(call, refusal.status, phrase, tracking_id)
    else:
        _respond(call, "200 OK", _ENTRY, content, tracking_id)


def _authorized(request: RelayRequest, head: RequestHead, config: EmulatorConfig, now: float) -> HybridConnection:
    """The hybrid connection at exactly this path. Raises ``Refusal``; 404 only to a caller with a good token."""
    if head.method not in {"GET", "HEAD"}:
        raise Refusal(405, "Only GET is answered here; changes are made at the management port")
    if f"api-version={API_VERSION}" not in head.target:
        raise Refusal(400, f"The query must have api-version={API_VERSION}")
    try:
        Authorizer(config).authorize(
            request.token(required=True), "Manage", host=request.host, path=request.path, now=now
        )
    except Refusal as refusal:
        # Unlike a handshake's, a missing right is 401 here: the official client takes 403 for an exceeded quota.
        raise Refusal(401 if refusal.status != 404 else 404, refusal.text) from refusal
    found = config.find(request.path)
    if found is None or found.key != request.path.lower():
        raise Refusal(404, "Endpoint does not exist")
    return found


def entry(request: RelayRequest, found: Description) -> str:
    """The Atom entry. Members stand in the order in which the official client's serializer wants them."""
    metadata = "" if found.user_metadata is None else f"<UserMetadata>{escape(found.user_metadata)}</UserMetadata>"
    path = escape(found.connection.path)
    return (
        f'<entry xmlns="{_ATOM}"><id>{escape(_address(request))}</id><title type="text">{path}</title>'
        f"<published>{_time(found.created_at)}</published><updated>{_time(found.updated_at)}</updated>"
        f'<content type="application/xml"><HybridConnectionDescription xmlns="{_CONNECT}">'
        f"<CreatedAt>{_time(found.created_at)}</CreatedAt><UpdatedAt>{_time(found.updated_at)}</UpdatedAt>"
        "<RequiresClientAuthorization>"
        f"{'true' if found.connection.requires_client_authorization else 'false'}"
        f"</RequiresClientAuthorization>{metadata}<ListenerCount>{found.listener_count}</ListenerCount>"
        "</HybridConnectionDescription></content></entry>"
    )


def feed(request: RelayRequest, now: float) -> str:
    """What the service answers for a path that is no entity's."""
    return (
        f'<feed xmlns="{_ATOM}"><title type="text">Publicly Listed Services</title>'
        f"<id>{escape(_address(request))}</id><updated>{_time(now)}</updated></feed>"
    )


def error(status: int, detail: str) -> str:
    return f"<Error><Code>{status}</Code><Detail>{escape(detail)}</Detail></Error>"


def _address(request: RelayRequest) -> str:
    return f"{'https' if request.use_tls else 'http'}://{request.authority}/{request.path}?api-version={API_VERSION}"


def _time(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _refuse(call: Call, status: int, text: str, tracking_id: str) -> None:
    _respond(call, f"{status} {printable(text, MAX_PHRASE)}", _ERROR, error(status, text), tracking_id)


def _respond(call: Call, status: str, kind: str, text: str, tracking_id: str) -> None:
    body = text.encode("utf-8")
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        f"{TRACKING_HEADER}: {printable(tracking_id)}",
    ]
    if call.will_close:
        lines.append("Connection: close")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
    call.respond(head if call.head.method == "HEAD" else head + body)
