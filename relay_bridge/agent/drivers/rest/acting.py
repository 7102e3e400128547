"""``ActingRestDriver``: an HTTP source that can be written to. Loaded only where ``allow_writes`` is true.

The request is the one that the configuration declares; of what comes from outside only the value goes into it, as a
JSON value. It is sent once, on a connection of its own, and never again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from relay_bridge.agent.drivers.abilities import OutcomeUnknown, WriteFacts
from relay_bridge.agent.drivers.rest.documents import parse_document
from relay_bridge.agent.drivers.rest.outcomes import act_once
from relay_bridge.agent.drivers.rest.pointers import MISSING, find, parse_pointer
from relay_bridge.agent.drivers.rest.problems import SettingsError, Trouble
from relay_bridge.agent.drivers.rest.source import RestDriver
from relay_bridge.agent.drivers.rest.templates import check_body, check_template, fill_body, fill_path
from relay_bridge.agent.drivers.rest.units import OTHER_SHAPE
from relay_bridge.agent.drivers.rest.values import matches
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import Value

_NAMES = ("id", "value")
LEAST_PACE = 1.0  # requests a second: after the fresh look the write's turn must come within outcomes.SEND_WITHIN


class ActingRestDriver(RestDriver):
    """As ``RestDriver``, and ``ActingDriver`` (relay_bridge.agent.drivers.abilities)."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        write = self._settings.write
        if write is None:
            raise SettingsError("nothing says how this source is written")
        check_template(write.path, "write.path", may=("id",))
        check_body(write.body, "write.body", may=_NAMES)
        if not _has_value(write.body):
            raise SettingsError("write.body: lacks {value}")
        if self._settings.requests_per_second < LEAST_PACE:
            raise SettingsError(
                f"write needs requests_per_second of at least {LEAST_PACE:g}: a fresh look goes before it"
            )
        self._write = write
        self.capabilities |= {"write"}
        self._ok = parse_pointer(write.ok) if write.ok is not None else None

    async def write(self, tag: str, value: Value, deadline: float) -> None:
        """Write once. ``RequestRefused`` when nothing was changed for certain, else ``OutcomeUnknown``."""
        unit = self._unit_of.get(tag)
        if unit is None:
            raise RequestRefused("not_found", "The source has no such tag.")
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            raise RequestRefused("type", "A value that is no number cannot be written.")
        self._refuse_when_down()
        values = {"id": unit.tags[tag].node.partition("#")[2], "value": value}
        try:
            path = fill_path(self._write.path, {"id": str(values["id"])})
        except SettingsError as error:
            raise RequestRefused("bad_request", f"The tag cannot be named to the source: {error}.") from None
        answer = await act_once(self._talk, self._write.method, path, fill_body(self._write.body, values), deadline)
        if answer.status >= 400:
            raise RequestRefused("source_refused", f"The source refused the write ({answer.status}).")
        if self._ok is None:
            return
        try:
            said = find(parse_document(answer.body), self._ok)
        except Trouble as trouble:
            raise OutcomeUnknown(trouble.reason) from None
        if said is MISSING:
            raise OutcomeUnknown(OTHER_SHAPE)
        if not matches(said, [self._write.ok_is]):
            raise RequestRefused("source_refused", "The source answered that it did not take the write.")

    async def call(self, node: str, method: str, arguments: Sequence[Any], deadline: float) -> None:
        raise RequestRefused("unsupported", "This source has no methods.")

    async def write_facts(self, tag: str, deadline: float) -> WriteFacts:
        """JSON says nothing of types, limits or rights."""
        return WriteFacts(None, None, None, None)


def _has_value(part: Any) -> bool:
    """Whether ``{value}`` stands where it is filled in: in a text, and not in a name."""
    if isinstance(part, dict):
        return any(_has_value(value) for value in part.values())
    if isinstance(part, list):
        return any(_has_value(value) for value in part)
    return isinstance(part, str) and "{value}" in part
