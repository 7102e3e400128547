"""Which entries are open: one whose source contradicts it is closed and named, and the others go on.

Asked when a source has come up, and again each time it comes back: what a server says of a tag may have changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from relay_bridge.agent.acting_config import CommandEntry, Entry, WriteEntry
from relay_bridge.agent.ceiling import Ceiling
from relay_bridge.agent.drivers.abilities import ActingDriver, WriteFacts
from relay_bridge.agent.drivers.base import DOWN, Driver
from relay_bridge.agent.subscriptions import Subscriptions
from relay_bridge.contract.acting import CatalogCommand, Writable
from relay_bridge.contract.errors import RequestRefused

LOOK_EVERY = 0.5  # seconds between looks whether a source has come (back)
FACTS_DEADLINE = 5.0  # seconds for what a source says of one tag
ASK_AGAIN = 30.0  # seconds before a source that could not say is asked again
NOT_YET = "The source has not been asked about this yet."
logger = logging.getLogger(__name__)


class Openings:
    """``reason`` of every entry: empty when it is open. ``changed`` is called when one opened or closed."""

    def __init__(
        self,
        writes: Sequence[WriteEntry],
        commands: Sequence[CommandEntry],
        drivers: Mapping[str, Driver],
        subscriptions: Subscriptions,
        ceiling: Ceiling,
        *,
        monotonic: Callable[[], float],
        changed: Callable[[Entry, str], None],
    ) -> None:
        self.writes = {entry.id: entry for entry in writes}
        self.commands = {entry.id: entry for entry in commands}
        self._drivers = drivers
        self._subscriptions = subscriptions
        self._ceiling = ceiling
        self._monotonic = monotonic
        self._changed = changed
        self._reasons: dict[str, str] = {}
        self._asked: dict[str, tuple[int, float]] = {}  # by entry: the source's state since, and when to ask again

    def reason(self, entry: Entry) -> str:
        """Why the entry is closed, as it was last found; empty when it is open. For looking at."""
        return self._reasons.get(entry.id, NOT_YET)

    def closed(self, entry: Entry) -> str:
        """Why nobody may act on the entry this moment; empty when somebody may. After its source was away it is
        closed until the source was asked again; a source that is away is found out by the fresh look."""
        reason = self.reason(entry)
        state = self._subscriptions.states()[entry.tag.source]
        if reason or state.code == DOWN or self._asked.get(entry.id, (-1, 0.0))[0] == state.since:
            return reason
        return NOT_YET

    def writable(self, tag: str) -> Writable | None:
        """The catalog's word on a tag."""
        entry = self.writes.get(tag)
        return entry.writable() if entry is not None and not self.reason(entry) else None

    def rows(self) -> list[CatalogCommand]:
        """The catalog's rows of the open commands."""
        return [entry.row() for entry in self.commands.values() if not self.reason(entry)]

    async def run(self) -> None:
        """Ask until cancelled; never raises otherwise."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Ask about every entry whose source came up since it was last asked; the sources beside each other."""
        states = self._subscriptions.states()
        due: dict[str, list[Entry]] = {}
        for entry in (*self.writes.values(), *self.commands.values()):
            state = states[entry.tag.source]
            since, again = self._asked.get(entry.id, (-1, 0.0))
            if state.code != DOWN and since != state.since and self._monotonic() >= again:
                due.setdefault(entry.tag.source, []).append(entry)
        if due:
            await asyncio.gather(*(self._ask_all(entries, states[source].since) for source, entries in due.items()))

    async def _ask_all(self, entries: Sequence[Entry], since: int) -> None:
        for entry in entries:
            reason, sure = await self.ask(entry)
            self._asked[entry.id] = (since if sure else -1, 0.0 if sure else self._monotonic() + ASK_AGAIN)
            self._set(entry, reason)

    async def ask(self, entry: Entry) -> tuple[str, bool]:
        """Why the entry must be closed, empty when it need not be; and whether the source said so for certain."""
        driver = self._drivers[entry.tag.source]
        needed = "write" if isinstance(entry, WriteEntry) else "methods"
        if needed not in driver.capabilities:
            return f"The source {entry.tag.source} cannot do this.", True
        if not isinstance(entry, WriteEntry):
            return "", True
        acting = cast(ActingDriver, driver)
        try:
            async with asyncio.timeout(FACTS_DEADLINE + 0.1):
                facts = await acting.write_facts(entry.tag.id, FACTS_DEADLINE)
        except TimeoutError:
            return "The source did not say in time what may be written.", False
        except RequestRefused as refusal:
            return self._ceiling.scrub(refusal.message), False
        except Exception:
            logger.exception("the driver of source %s broke while it was asked about %s", driver.source, entry.id)
            return "The source's driver broke while it was asked.", False
        return contradiction(entry, facts), True

    def _set(self, entry: Entry, reason: str) -> None:
        if self._reasons.get(entry.id) == reason:
            return
        self._reasons[entry.id] = reason
        if reason:
            logger.error("%s is closed: %s", named(entry), reason)
        else:
            logger.info("%s is open", named(entry))
        self._changed(entry, reason)


def named(entry: Entry) -> str:
    """The entry as it is called in site.toml."""
    return f'[[{"write" if isinstance(entry, WriteEntry) else "command"}]] "{entry.id}"'


def contradiction(entry: WriteEntry, facts: WriteFacts) -> str:
    """What of ``facts`` the entry contradicts, in words; empty for nothing. Silence is no objection."""
    if facts.may_write is False:
        return "the agent's user may not write this tag at the source."
    if facts.data_type is not None and facts.data_type.lower() != entry.type:
        return f'type = "{entry.type}", and the source has {facts.data_type.lower()[:20]}.'
    numbers: list[Any] = [entry.min, entry.max, *(entry.choices or ())]
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int | float):
            continue
        if (facts.low is not None and number < facts.low) or (facts.high is not None and number > facts.high):
            return f"{number:g} is outside the range of the source, {_end(facts.low)} to {_end(facts.high)}."
    return ""


def _end(number: float | None) -> str:
    return "no end" if number is None else f"{number:g}"
