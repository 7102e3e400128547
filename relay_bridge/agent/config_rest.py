"""The sections of site.toml for sources that speak JSON over HTTP: ``kind = "rest"`` and ``kind = "deltav-edge"``.

These types only say what may be written; what pointers and templates mean is checked where the driver is built.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from relay_bridge.contract.messages import ID_PATTERN

HTTP_SOURCE_PATTERN = r"^https?://[^\s/?#]+(/[^\s?#]*)?\Z"
POINTER_PATTERN = r"^(/[^\x00-\x1f]*)?\Z"  # RFC 6901, in its string form
PATH_PATTERN = r"^/[!-~]*\Z"  # visible ASCII: what is none of it must be percent-encoded
SourceId = Annotated[str, Meta(min_length=1, max_length=40, pattern=ID_PATTERN)]
Address = Annotated[str, Meta(max_length=500, pattern=HTTP_SOURCE_PATTERN)]
File = Annotated[str, Meta(min_length=1, max_length=1000)]
Reference = Annotated[str, Meta(min_length=1, max_length=1000)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Pointer = Annotated[str, Meta(max_length=500, pattern=POINTER_PATTERN)]
PathTemplate = Annotated[str, Meta(max_length=1000, pattern=PATH_PATTERN)]
TimeFormat = Literal["iso", "s", "ms"]
QualityClass = Literal["good", "uncertain", "bad"]
QualityMap = dict[str, QualityClass | Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]]
Scalar = str | int | float | bool


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the file in which an unknown key is an error."""


class BearerLogin(_Section, frozen=True, tag="bearer", tag_field="kind"):
    """A token that was made elsewhere and does not change."""

    secret: Reference


class BasicLogin(_Section, frozen=True, tag="basic", tag_field="kind"):
    """User and password with every request (RFC 7617)."""

    user: Name
    password: Reference


class TokenLogin(_Section, frozen=True, tag="token", tag_field="kind"):
    """A token that the source gives for user and password. ``expires`` points at its life in seconds."""

    path: PathTemplate
    user: Name
    password: Reference
    send: Literal["json", "form"] = "json"
    user_field: Name = "username"
    password_field: Name = "password"  # noqa: S105 - how the field is called
    fields: dict[Name, Annotated[str, Meta(max_length=200)]] = {}  # further fixed fields; not for secrets
    token: Pointer = "/access_token"  # a pointer, no token  # noqa: S105
    expires: Pointer | None = None


class RestGroup(_Section, frozen=True):
    """What is asked together, every ``interval_s`` seconds while somebody watches one of its tags.

    A tag's ``node`` is ``GROUP#PLACE``. Without ``rows`` and ``{id}`` PLACE is a pointer into the answer; with
    ``rows`` (a list in the answer) it is what ``row_id`` has in the tag's row; with ``{id}`` in ``path`` each tag
    is a request of its own and PLACE stands, percent-encoded, for ``{id}``.
    """

    id: Annotated[str, Meta(min_length=1, max_length=40, pattern=ID_PATTERN)]
    path: PathTemplate
    interval_s: Annotated[float, Meta(ge=0.2, le=3600)] = 1.0
    method: Literal["GET", "POST"] = "GET"
    body: Annotated[str, Meta(max_length=64 * 1024)] | None = None  # sent as it stands here
    content_type: Annotated[str, Meta(max_length=100, pattern=r"^[!-~ ]+\Z")] = "application/json"
    rows: Pointer | None = None
    row_id: Pointer | None = None
    ids: Annotated[str, Meta(min_length=1, max_length=40, pattern=ID_PATTERN)] | None = None  # a query parameter
    batch: Annotated[int, Meta(ge=1, le=500)] = 50  # so many ``ids`` in one request
    value: Pointer = ""
    time: Pointer | None = None
    time_format: TimeFormat = "iso"
    quality: Pointer | None = None
    quality_as: Literal["map", "opcua", "opcda", "fieldbus"] = "map"
    quality_map: QualityMap = {}
    max_age_s: Annotated[float, Meta(gt=0, le=31_536_000)] | None = None  # an older value is told as stale


class RestAggregate(_Section, frozen=True):
    """Aggregates made by the source: one request for each of minimum, maximum and average."""

    path: PathTemplate  # with {id}, {from}, {to}, {aggregate} and {seconds} or {ms}
    minimum: Name = "Minimum"
    maximum: Name = "Maximum"
    average: Name = "Average"


class RestHistory(_Section, frozen=True):
    """Where samples of the past come from. ``span_s``: the longest time that is asked in one request."""

    path: PathTemplate  # with {id}, {from}, {to}, and {limit} where the source has it
    rows: Pointer
    value: Pointer = "/value"
    time: Pointer = "/time"
    time_format: TimeFormat = "iso"
    quality: Pointer | None = None
    quality_as: Literal["map", "opcua", "opcda", "fieldbus"] = "map"
    quality_map: QualityMap = {}
    span_s: Annotated[float, Meta(ge=1, le=2_678_400)] = 86_400.0
    aggregate: RestAggregate | None = None


class RestAck(_Section, frozen=True):
    """The request that acknowledges one alarm; ``{id}``, ``{event}`` and ``{comment}`` stand in path and body."""

    path: PathTemplate
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    body: dict[str, Any] | None = None


class RestAlarms(_Section, frozen=True):
    """The source's list of current alarms, asked for every ``interval_s`` seconds.

    ``active`` and ``acknowledged`` point at something that is one of ``active_is`` and ``acknowledged_is``; without
    ``active`` whatever stands in the list is active. ``severity`` is mapped, or a number 1 to 1000 as it is.
    """

    path: PathTemplate
    rows: Pointer
    interval_s: Annotated[float, Meta(ge=0.5, le=3600)] = 2.0
    row_id: Pointer = "/id"
    event: Pointer | None = None
    name: Pointer | None = None
    node: Pointer | None = None
    message: Pointer | None = None
    time: Pointer | None = None
    time_format: TimeFormat = "iso"
    severity: Pointer | None = None
    severity_map: dict[str, Annotated[int, Meta(ge=1, le=1000)]] = {}
    active: Pointer | None = None
    active_is: tuple[Scalar, ...] = (True,)
    acknowledged: Pointer | None = None
    acknowledged_is: tuple[Scalar, ...] = (True,)
    ack: RestAck | None = None


class RestWrite(_Section, frozen=True):
    """The request that writes one tag: ``{id}`` in ``path``, ``{id}`` and ``{value}`` in ``body``.

    With ``ok``, a pointer into the answer, the write was only taken when it finds ``ok_is``.
    """

    path: PathTemplate
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    body: dict[str, Any] | list[Any] | Scalar = "{value}"
    ok: Pointer | None = None
    ok_is: Scalar = True


class _HttpSource(_Section, frozen=True):
    """How an HTTP source is reached, and how much it may be asked.

    ``requests_per_second`` holds for everything together; ``first_byte_s`` and ``deadline_s`` for one request, in
    seconds; ``max_answer`` in bytes, as sent and as unpacked.
    """

    id: SourceId
    url: Address
    allow_insecure: bool = False
    server_cert: File | None = None  # the one certificate that is accepted, DER or PEM
    ca_cert: File | None = None  # a private authority, PEM; with neither, the system's authorities
    requests_per_second: Annotated[float, Meta(gt=0, le=100)] = 5.0
    connections: Annotated[int, Meta(ge=1, le=8)] = 2
    first_byte_s: Annotated[float, Meta(ge=0.1, le=60)] = 3.0
    deadline_s: Annotated[float, Meta(ge=0.1, le=120)] = 4.0
    max_answer: Annotated[int, Meta(ge=1024, le=16 * 1024 * 1024)] = 4 * 1024 * 1024
    heartbeat: Annotated[str, Meta(max_length=500)] | None = None  # written as a node: it must keep changing
    stale_s: Annotated[float, Meta(ge=1, le=3600)] = 4.0  # its longest silence, seconds


class RestSource(_HttpSource, frozen=True, kw_only=True, tag="rest", tag_field="kind"):
    """JSON over HTTP, mapped by configuration."""

    login: BearerLogin | BasicLogin | TokenLogin | None = None
    group: Annotated[list[RestGroup], Meta(max_length=200)] = []
    history: RestHistory | None = None
    # list: the source's own, by [source.alarm_list]; limits: this agent makes them from the configured limits
    alarms: Literal["list", "limits", "none"] = "none"
    alarm_list: RestAlarms | None = None
    write: RestWrite | None = None


class DeltaVEdgeSource(_HttpSource, frozen=True, kw_only=True, tag="deltav-edge", tag_field="kind"):
    """A DeltaV Edge node. It can only be read. ``node`` of a tag: ``SYSTEM/MODULE/BLOCK/PARAMETER.FIELD``."""

    user: Name
    password: Reference
    directory: bool = False  # sign in through Active Directory instead of an Edge profile
    interval_s: Annotated[float, Meta(ge=0.2, le=3600)] = 2.0
    history: bool = True
    alarms: Literal["journal", "limits", "none"] = "journal"
    alarm_hours: Annotated[int, Meta(ge=1, le=168)] = 24  # how far back the journal is replayed at the start
    alarm_interval_s: Annotated[float, Meta(ge=0.5, le=3600)] = 2.0


def secret_reference(source: RestSource | DeltaVEdgeSource) -> tuple[str, str | None]:
    """The key that refers to the source's secret, and the reference; ``None`` for a source without a login."""
    if isinstance(source, DeltaVEdgeSource):
        return "password", source.password
    if source.login is None:
        return "login", None
    if isinstance(source.login, BearerLogin):
        return "login.secret", source.login.secret
    return "login.password", source.login.password


def user_name(source: RestSource | DeltaVEdgeSource) -> str | None:
    """The user that the agent signs in as, where there is one: no answer may name him."""
    if isinstance(source, DeltaVEdgeSource):
        return source.user
    return source.login.user if isinstance(source.login, BasicLogin | TokenLogin) else None
