"""The messages of the process API: every shape that may cross the sealed session, with its bounds.

    request   {"i":7,"m":"read","a":3,"p":{...}}      web app -> agent
    answer    {"i":7,"r":{...}}  or  {"i":7,"e":{"c":"expected","msg":"..."}}     agent -> web app
    push      {"k":"s|d|h|bye","n":812,...}           agent -> web app
    credit    {"ok":812}                              web app -> agent, for pushes of kind s and d

Unknown fields are refused everywhere: a message either means exactly what both ends think, or nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from relay_bridge.contract.acting import CatalogCommand, Cmd, ModePush, SiteMode, Trace, Writable, Write, Wstat
from relay_bridge.contract.alarms import Ack, AlarmDelta, Alarms, AlarmSnapshot, Journal, Shelve
from relay_bridge.contract.audit import Checkpoint
from relay_bridge.contract.history import Hist
from relay_bridge.contract.shape import ID_PATTERN, MAX_ID, MAX_TAGS, AuthHandle, RequestId, Seq, TagId
from relay_bridge.contract.shape import Strict as _Strict

__all__ = ["ID_PATTERN", "MAX_ID", "MAX_TAGS", "AuthHandle", "RequestId", "Seq", "TagId"]

VERSION = 1
MAX_MESSAGE = 64 * 1024  # bytes of one message, before the frame header
HEARTBEAT_MS = 1000  # site -> web app; see docs/process-api.md for how the 5 s on the phone is spent
MAX_HANDLES_DROPPED = 256  # in one drop; a session has no more
MIN_RATE_MS = 250
MAX_RATE_MS = 60_000

Method = Literal[
    "hello", "auth", "drop", "keys", "catalog", "read", "sub", "unsub", "rate", "ping", "trail",
    "hist", "alarms", "journal", "ack", "shelve", "write", "cmd", "wstat", "trace",
]  # fmt: skip


class Request(_Strict, frozen=True):
    """One call. ``a``: the handle of a presented site token, where the method needs one (``SCOPE_OF_METHOD``)."""

    i: RequestId
    m: str
    a: AuthHandle | None = None
    p: msgspec.Raw = msgspec.Raw(b"{}")


class Credit(_Strict, frozen=True):
    """The receiver has digested every data push up to ``ok``."""

    ok: Seq


class ErrorBody(_Strict, frozen=True):
    c: str
    msg: str
    ua: int | None = None
    d: dict[str, Any] | None = None


class Answer(_Strict, frozen=True):
    """A result or an error. ``r`` is empty when there is none: msgspec reads no ``Raw | None``."""

    i: RequestId
    r: msgspec.Raw = msgspec.Raw(b"")
    e: ErrorBody | None = None


# --- hello ---------------------------------------------------------------------------------------------------


class Hello(_Strict, frozen=True):
    """First message of a session; anything else before it ends the session."""

    v: int
    epoch: Annotated[str, Meta(max_length=64)] | None = None
    n: Seq | None = None
    cat: Annotated[str, Meta(max_length=64)] | None = None


class SourceState(_Strict, frozen=True, array_like=True):
    """State of one source: 0 ok, 1 degraded, 2 down; ``since`` in epoch ms; ``reason`` in words."""

    code: Literal[0, 1, 2] = 0
    since: int = 0
    reason: Annotated[str, Meta(max_length=200)] = ""


class HelloAnswer(_Strict, frozen=True):
    """``t`` is the agent's clock in epoch ms, ``hb`` the heartbeat period in ms, ``caps`` what sources can do.

    ``keys`` says which issuer keys the agent trusts (``token_keys.key_set_stamp``).
    """

    v: int
    epoch: str
    site: str
    agent: str
    caps: list[str]
    cat: str
    t: int
    hb: int
    sources: dict[str, SourceState]
    keys: Annotated[str, Meta(max_length=200)] = ""
    mode: SiteMode = SiteMode()


# --- auth ----------------------------------------------------------------------------------------------------


class Auth(_Strict, frozen=True):
    """``token`` may be longer than any site token here, so that admission refuses it and the journal says so."""

    token: Annotated[str, Meta(max_length=60_000)]
    a: AuthHandle | None = None  # renew this handle in place instead of opening another


class AuthAnswer(_Strict, frozen=True):
    """``exp`` in epoch seconds, as in the token."""

    a: int
    scope: str
    exp: int


# --- drop ----------------------------------------------------------------------------------------------------


class Drop(_Strict, frozen=True):
    """The access behind these handles ended: nothing more under them. One that is not known is no error."""

    a: Annotated[list[AuthHandle], Meta(min_length=1, max_length=MAX_HANDLES_DROPPED)]


# --- keys ----------------------------------------------------------------------------------------------------


class Keys(_Strict, frozen=True):
    """A new set of issuer keys, signed with one that the agent trusts; without a statement it only asks."""

    statement: Annotated[str, Meta(max_length=8192)] = ""


class KeysAnswer(_Strict, frozen=True):
    """What the agent trusts now. ``stored`` is False when a restart would forget it."""

    sequence: int
    kids: list[str]
    stored: bool = True


# --- catalog -------------------------------------------------------------------------------------------------


class Limits(_Strict, frozen=True):
    """Alarm limits in the tag's unit (ISA-18.2: low-low, low, high, high-high)."""

    ll: float | None = None
    l: float | None = None  # noqa: E741 - the trade's own letter
    h: float | None = None
    hh: float | None = None


class CatalogTag(_Strict, frozen=True):
    """What a screen must know of a tag. ``lo``/``hi``: range in ``unit``; ``dec``: decimals; ``canon``: tank key.

    ``source`` is the agent's id of the source, so that a dead source marks exactly its own tags.
    """

    id: str
    name: str
    asset: str
    source: str
    kind: Literal["number", "text", "bool"] = "number"
    unit: str = ""
    dec: Annotated[int, Meta(ge=0, le=9)] = 1
    lo: float | None = None
    hi: float | None = None
    canon: str = ""
    lim: Limits | None = None
    enums: dict[str, str] | None = None
    w: Writable | None = None
    hist: bool = False


class CatalogAsset(_Strict, frozen=True):
    """A tank, a pump or another unit, standing in an area."""

    id: str
    name: str
    area: str
    kind: Literal["tank", "pump", "unit"] = "unit"


class CatalogQuery(_Strict, frozen=True):
    have: Annotated[str, Meta(max_length=64)] | None = None
    cur: Annotated[int, Meta(ge=0)] = 0
    max: Annotated[int, Meta(ge=1, le=200)] = 200


class CatalogAnswer(_Strict, frozen=True):
    """A page of the catalog. ``cat`` is the hash of the whole; ``same`` when the caller has it already."""

    cat: str
    same: bool = False
    areas: list[str] = []
    assets: list[CatalogAsset] = []
    tags: list[CatalogTag] = []
    commands: list[CatalogCommand] = []
    cur: int | None = None


# --- read, sub -----------------------------------------------------------------------------------------------

TagList = Annotated[list[TagId], Meta(min_length=1, max_length=MAX_TAGS)]
# [tag, value, time ms, quality] with trailing zeros left out after the value.
ReadItem = list[Any]


class Read(_Strict, frozen=True):
    """``fresh`` reads the source, not the cache."""

    tags: TagList
    fresh: bool = False


class ReadAnswer(_Strict, frozen=True):
    t: int
    d: list[ReadItem]


class Sub(_Strict, frozen=True):
    tags: TagList
    rate: Annotated[int, Meta(ge=MIN_RATE_MS, le=MAX_RATE_MS)] = 1000


class SubAnswer(_Strict, frozen=True):
    """``h``: handle of each tag; ``bad``: OPC UA StatusCode of each tag that cannot be had."""

    h: dict[str, int]
    bad: dict[str, int] = {}


class Unsub(_Strict, frozen=True):
    tags: TagList


class Rate(_Strict, frozen=True):
    ms: Annotated[int, Meta(ge=MIN_RATE_MS, le=MAX_RATE_MS)]
    bg: bool = False


class Empty(_Strict, frozen=True):
    """A method without parameters, or an answer without facts."""


class PingAnswer(_Strict, frozen=True):
    t: int


# --- trail ---------------------------------------------------------------------------------------------------


class Trail(_Strict, frozen=True):
    """Where the web app's audit trail stands (``mine``), and what it keeps of the agent's journal (``held``)."""

    mine: Checkpoint | None = None
    held: Checkpoint | None = None


class TrailAnswer(_Strict, frozen=True):
    """The same from the agent; ``held`` as it was before this message. ``agrees``: its journal is what was held."""

    mine: Checkpoint | None = None
    held: Checkpoint | None = None
    agrees: bool = True


# --- pushes --------------------------------------------------------------------------------------------------

# [handle, value, dt = 0, quality = 0]: the sample's time is the frame's t + dt, both in ms.
UpdateItem = list[Any]


class Snapshot(_Strict, frozen=True, tag="s", tag_field="k"):
    n: Seq
    t: int
    d: list[UpdateItem]
    full: Literal[0, 1] = 1


class Delta(_Strict, frozen=True, tag="d", tag_field="k"):
    n: Seq
    t: int
    d: list[UpdateItem]


class Heartbeat(_Strict, frozen=True, tag="h", tag_field="k"):
    """Sent when nothing else was for ``hb`` ms, and at once when a source changes its state."""

    n: Seq
    t: int
    src: dict[str, SourceState]


class Bye(_Strict, frozen=True, tag="bye", tag_field="k"):
    """The agent ends the stream: ``lease`` (not renewed), ``off`` (the plant's switch), ``shutdown``, ``config``."""

    n: Seq
    t: int
    why: Annotated[str, Meta(max_length=200)]


Push = Snapshot | Delta | Heartbeat | Bye | AlarmSnapshot | AlarmDelta | ModePush
PARAMETERS: dict[str, type[_Strict]] = {
    "hello": Hello,
    "auth": Auth,
    "drop": Drop,
    "keys": Keys,
    "catalog": CatalogQuery,
    "read": Read,
    "sub": Sub,
    "unsub": Unsub,
    "rate": Rate,
    "ping": Empty,
    "trail": Trail,
    "hist": Hist,
    "alarms": Alarms,
    "journal": Journal,
    "ack": Ack,
    "shelve": Shelve,
    "write": Write,
    "cmd": Cmd,
    "wstat": Wstat,
    "trace": Trace,
}
