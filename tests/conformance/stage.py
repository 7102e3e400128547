"""A place, a listener and a sender that stay as long as the next test wants the same ones.

Fixtures with parameters would be made anew for every row, and a Node process takes longer to start than a row to run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from tests.conformance.emulators import emulator_at
from tests.conformance.peer import PeerFailed
from tests.conformance.place import Place, real_place

# Opens a party by its name, at a place.
Opener = Callable[[str, Place], AbstractAsyncContextManager[Any]]
Check = Callable[[Any, Any], Awaitable[None]]


class Stage:
    """``await stage.run("tls", "ours", "hyco-ws", row.check)``; the tables of rows are in that order."""

    def __init__(self, directory: Path, open_listener: Opener, open_sender: Opener) -> None:
        self._directory = directory
        self._open_listener = open_listener
        self._open_sender = open_sender
        self.place = Place("", 0, tls=False)  # where all of it is, once it is set
        self._place = _Slot()
        self._listener = _Slot()
        self._sender = _Slot()

    async def set(self, scheme: str, listener: str, sender: str) -> tuple[Any, Any]:
        if self._place.name != scheme:
            await self.clear()
        place = self.place = await self._place.fill(scheme, self._open_place)
        # One listener at a time: at a real namespace all of them stand at the same hybrid connection.
        return (
            await self._listener.fill(listener, lambda name: self._open_listener(name, place)),
            await self._sender.fill(sender, lambda name: self._open_sender(name, place)),
        )

    async def run(self, scheme: str, listener: str, sender: str, check: Check) -> None:
        """Set the stage and run a row. After one that failed nothing stands: the next row starts with fresh parties."""
        parties = await self.set(scheme, listener, sender)
        try:
            await check(*parties)
        except BaseException:
            for slot in (self._sender, self._listener, self._place):
                with contextlib.suppress(PeerFailed):  # it has failed already, and is gone now
                    await slot.empty()
            raise

    async def clear(self) -> None:
        await self._sender.empty()
        await self._listener.empty()
        await self._place.empty()

    def _open_place(self, scheme: str) -> AbstractAsyncContextManager[Place]:
        real = real_place()
        return _Standing(real) if real is not None else emulator_at(scheme, self._directory)


class _Slot:
    """What stands there, under its name."""

    def __init__(self) -> None:
        self.name = ""
        self._holder: AbstractAsyncContextManager[Any] | None = None
        self._value: Any = None

    async def fill(self, name: str, opener: Callable[[str], AbstractAsyncContextManager[Any]]) -> Any:
        if self.name != name:
            await self.empty()
            holder = opener(name)
            self._value = await holder.__aenter__()
            self.name, self._holder = name, holder
        return self._value

    async def empty(self) -> None:
        holder, self._holder, self.name, self._value = self._holder, None, "", None
        if holder is not None:
            await holder.__aexit__(None, None, None)


class _Standing(AbstractAsyncContextManager[Place]):
    """A place that was there before."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def __aenter__(self) -> Place:
        return self._place

    async def __aexit__(self, *exception: object) -> None:
        return None
