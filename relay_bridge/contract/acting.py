"""Acting on the plant: writing a setpoint, executing a command, asking what became of it, and the site's own switch."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from relay_bridge.contract.shape import Key, Ms, Seq, Strict, TagId

MAX_WHY = 200  # characters
MAX_VALUE_TEXT = 64
Text = Annotated[str, Meta(max_length=MAX_VALUE_TEXT)]
ActValue = bool | int | float | Text
Why = Annotated[str, Meta(max_length=MAX_WHY)]

Confirm = Literal["tap", "hold", "pin", "two_person"]
# done: read back as wished. sent: the source took it and reads something else. refused: nothing was changed.
# unknown: it may or may not have happened; look at the value.
Outcome = Literal["done", "sent", "refused", "unknown_outcome"]
Mode = Literal["off", "read-only", "full"]


class Write(Strict, frozen=True):
    """Set ``tag`` to ``v``. ``exp``: what the person saw there; ``unit``: that of ``v``; ``t``: when it was sent."""

    tag: TagId
    v: ActValue
    exp: ActValue
    unit: Text
    key: Key
    t: Ms
    why: Why = ""


class Cmd(Strict, frozen=True):
    """Execute the configured command ``id``, which expects its state tag to read ``exp``."""

    id: TagId
    exp: ActValue
    key: Key
    t: Ms
    why: Why = ""


class ActAnswer(Strict, frozen=True):
    """What became of it. ``c`` and ``msg``: the refusal's code and sentence; ``ua`` the source's StatusCode.

    ``before`` and ``after`` as read at the source; ``aid`` the entry of the agent's journal. ``pending``: still being
    worked on, so ``res`` says unknown_outcome; ask ``wstat`` again.
    """

    res: Outcome
    t: int
    key: str
    before: Any = None
    after: Any = None
    aid: str = ""
    c: str = ""
    msg: str = ""
    ua: int | None = None
    pending: bool = False


class Wstat(Strict, frozen=True):
    """The stored outcome of a key; ``not_found`` when the agent never had it: nothing was done under it."""

    key: Key


class Trace(Strict, frozen=True):
    """This person's last actions at this site."""

    max: Annotated[int, Meta(ge=1, le=100)] = 20


class TraceRow(Strict, frozen=True):
    t: int
    what: Literal["write", "cmd", "ack", "confirm", "shelve"]
    target: str
    res: str
    key: str
    before: Any = None
    after: Any = None
    msg: str = ""
    why: str = ""


class TraceAnswer(Strict, frozen=True):
    t: int
    rows: list[TraceRow]


class Writable(Strict, frozen=True):
    """What a dialog must know of a writable tag: part of its catalog row. ``step`` None: any value.

    ``reauth_s``: how many seconds ago the person may have last shown a second factor.
    """

    min: float | None = None
    max: float | None = None
    step: float | None = None
    max_step: float | None = None
    choices: list[ActValue] | None = None
    confirm: Confirm = "hold"
    ttl_ms: int = 10_000
    reauth_s: int = 300


class CatalogCommand(Strict, frozen=True):
    """A configured command of an asset. It expects ``expect_tag`` to read ``expect``."""

    id: str
    name: str
    asset: str
    source: str
    expect_tag: str
    expect: ActValue
    confirm: Confirm = "hold"
    ttl_ms: int = 10_000
    reauth_s: int = 300


class SiteMode(Strict, frozen=True):
    """The switch at the plant. ``full`` acts where configuration allows it; ``read-only`` shows; ``off`` shows nothing.

    ``by``: who set it there, ``since``: epoch ms, ``why``: the reason given or found (the journal cannot be written).
    """

    mode: Mode = "full"
    by: Annotated[str, Meta(max_length=100)] = ""
    since: int = 0
    why: Annotated[str, Meta(max_length=200)] = ""


class ModePush(Strict, frozen=True, tag="m", tag_field="k"):
    """The switch was turned: since ``hello``, or since the last of these."""

    n: Seq
    t: int
    mode: SiteMode
