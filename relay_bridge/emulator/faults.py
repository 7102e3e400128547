"""Trouble on demand, for tests: what a network, a listener or the service itself does on a bad day."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from relay_bridge.emulator.connection import Connection
from relay_bridge.emulator.frames import CloseCode
from relay_bridge.emulator.listeners import ControlChannel


class Faults:
    """The switches of one relay. ``clear`` sets everything back; sockets that were cut stay cut."""

    def __init__(
        self,
        listeners_at: Callable[[str], list[ControlChannel]],
        connections: Callable[[], Iterable[Connection]],
    ) -> None:
        self.accept_delay = 0.0  # seconds
        self.accepts_refused = False
        self.frozen = False
        self.tampers: list[Callable[[bytes], bytes]] = []
        self._listeners_at = listeners_at
        self._connections = connections

    def drop_control_channels(self, path: str) -> int:
        """Cut the listeners' sockets without a word, as a broken network does. Returns how many."""
        channels = self._listeners_at(path)
        for channel in channels:
            channel.connection.abort()
        return len(channels)

    def recycle(self, path: str) -> int:
        """Close the listeners' sockets with 1011, as the service does about once a day. Returns how many."""
        channels = self._listeners_at(path)
        for channel in channels:
            channel.close(CloseCode.INTERNAL_ERROR, "InternalServerError: NameRenewalFailed")
        return len(channels)

    def delay_accepts(self, seconds: float) -> None:
        """Tell listeners of senders this much later. Over 30 s the sender is refused first."""
        self.accept_delay = seconds

    def refuse_accepts(self) -> None:
        """Answer every listener that dials back as if it came too late; its sender gets 404."""
        self.accepts_refused = True

    def corrupt_next_frame(self) -> None:
        """Flip one bit of the next payload carried (an empty one does not count), whatever the stream and direction."""
        self.tampers.append(_flip_last_bit)

    def freeze(self) -> None:
        """Read nothing more from anybody, new connections included, without closing anything."""
        self.frozen = True
        for connection in self._connections():
            connection.freeze()

    def thaw(self) -> None:
        self.frozen = False
        for connection in self._connections():
            connection.thaw()

    def clear(self) -> None:
        """No faults from here on."""
        self.accept_delay = 0.0
        self.accepts_refused = False
        self.tampers.clear()
        if self.frozen:
            self.thaw()


def _flip_last_bit(payload: bytes) -> bytes:
    return payload[:-1] + bytes((payload[-1] ^ 1,))
