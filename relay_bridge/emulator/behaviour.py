"""What this relay does where the service's answer is uncertain: one switch each, the documented direction as default.

    [behaviour]
    no_listener_status = 503      # any of the names below; what is left out keeps its default

Each line of ``Behaviour`` says what the description says and what else has been seen.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

_MIN_STATUS: Final = 200
_MAX_STATUS: Final = 599


class BehaviourError(ValueError):
    """A switch that does not exist or cannot be set so; one sentence."""


@dataclass(frozen=True)
class Behaviour:
    """How the relay answers. Numbers are HTTP statuses unless their name says otherwise."""

    # HTTP request, nobody listens. The description says 502 in prose and 503 in a table; service code says 404.
    no_listener_status: int = 502
    # WebSocket sender, nobody listens. 404 has been seen many times.
    no_listener_connect_status: int = 404
    # A good token without the right, or for another path. The description says 403; service code says 401.
    wrong_right_status: int = 403
    # WebSocket sender whose listener does not dial back in time. 404 has been seen; service code says 408.
    accept_timeout_status: int = 404
    # HTTP request whose listener does not answer, or does not dial back for a large one.
    response_timeout_status: int = 504
    # HTTP request answered with what is no response. Not described.
    bad_response_status: int = 502
    # The 26th listener. Not described; this tells clients to try later.
    too_many_listeners_status: int = 429
    # More sockets than the namespace has room for. Not described.
    too_many_sockets_status: int = 503
    # A rendezvous address that is unknown, used or late. The description says 403; service code says 400.
    bad_rendezvous_status: int = 403
    # AllowedListeners names nobody who listens. 404 has been seen.
    no_fitting_listener_status: int = 404
    # Whether ``Host`` is among the request's headers. The description says no, its example yes, service code yes.
    forward_host: bool = True
    # Whether a response counts on another control channel of the same hybrid connection. The description says no;
    # service code finds a request by its id alone, and two official clients rely on it after a reconnect.
    answer_on_another_channel: bool = True
    # Whether the relay's own refusals have a JSON body. Service code writes one; the description has none.
    json_error_body: bool = True
    # Seconds of life a token must have left at a handshake. Service code demands 60; the description nothing.
    token_margin: float = 0.0
    # Whether ``Authorization`` may hold the relay's token in a WebSocket handshake. Described for HTTP only, but one
    # client sends its Entra token so.
    authorization_header_opens_websocket: bool = True
    # Whether a full request's rendezvous address may be dialled again when the first socket brought no response.
    rendezvous_may_be_dialled_again: bool = True

    def __post_init__(self) -> None:
        for field in fields(self):
            value, default = getattr(self, field.name), field.default
            if isinstance(default, bool):
                if not isinstance(value, bool):
                    raise BehaviourError(f"{field.name} must be true or false")
            elif isinstance(default, float):
                if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_MARGIN:
                    raise BehaviourError(f"{field.name} must be a number of seconds from 0 to {_MAX_MARGIN}")
            elif type(value) is not int or not _MIN_STATUS <= value <= _MAX_STATUS:
                raise BehaviourError(f"{field.name} must be an HTTP status from {_MIN_STATUS} to {_MAX_STATUS}")


_MAX_MARGIN: Final = 3_600


def parse_behaviour(table: dict[str, Any]) -> Behaviour:
    """Read the ``[behaviour]`` table. Raises ``BehaviourError`` with one sentence."""
    known = {field.name for field in fields(Behaviour)}
    for name in table:
        if name not in known:
            raise BehaviourError(f"unknown key {name[:80]!r} in behaviour; known are {', '.join(sorted(known))}")
    return Behaviour(**table)
