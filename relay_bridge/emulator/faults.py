"""Trouble on demand, for tests: what a network, a listener or the service itself does on a bad day."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from relay_bridge.emulator.connection import Connection
from relay_bridge.emulator.frames import CloseCode
from relay_bridge.emulator.listeners import ControlChannel, ListenerBook
from relay_bridge.protocol.limits import IDLE_DEATH, MAX_LISTENERS

# The switches by name, as they can be turned from outside. Each is a method whose arguments are numbers or a path.
SWITCHES: Final = (
    "drop_control_channels",
    "recycle",
    "expire_tokens",
    "cut_idle",
    "limit_listeners",
    "delay_accepts",
    "refuse_accepts",
    "answer_requests_with",
    "drop_next_response",
    "corrupt_next_frame",
    "move_clock",
    "throttle",
    "freeze",
    "thaw",
    "clear",
)


class Faults:
    """The switches of one relay. ``clear`` sets everything back; sockets that were cut stay cut."""

    def __init__(self, listeners: ListenerBook, connections: Callable[[], Iterable[Connection]]) -> None:
        self.accept_delay = 0.0  # seconds
        self.accepts_refused = False
        self.frozen = False
        self.clock_offset = 0.0  # seconds
        self.bytes_per_second = 0.0  # of each connection's incoming bytes; 0 is no limit
        self.idle_death = 0.0  # seconds after which a silent control channel is forgotten; 0 is never
        self.forced_status = 0  # of every HTTP request; 0 carries them
        self.tampers: list[Callable[[bytes], bytes]] = []
        self._responses_to_drop = 0
        self._listeners = listeners
        self._connections = connections

    # Control channels. ``path`` is that of the hybrid connection; each returns how many listeners it met.

    def drop_control_channels(self, path: str) -> int:
        """Cut the listeners' sockets without a word, as a broken network does."""
        channels = self._at(path)
        for channel in channels:
            channel.connection.abort()
        return len(channels)

    def recycle(self, path: str) -> int:
        """Close the listeners' sockets with 1011, as the service does about once a day."""
        channels = self._at(path)
        for channel in channels:
            channel.close(CloseCode.INTERNAL_ERROR, "InternalServerError: NameRenewalFailed")
        return len(channels)

    def expire_tokens(self, path: str) -> int:
        """The listeners' tokens have run out, grace included: they are closed with 1008 within a second."""
        channels = self._at(path)
        for channel in channels:
            channel.expires_at = float("-inf")
        return len(channels)

    def cut_idle(self, seconds: float = IDLE_DEATH) -> None:
        """From now on forget a listener that says nothing for so long, without closing its socket. 0 stops that."""
        self.idle_death = max(0.0, seconds)

    def limit_listeners(self, count: int = MAX_LISTENERS) -> None:
        """Room for so many listeners at each hybrid connection; those that are there stay."""
        self._listeners.limit = max(0, count)

    # WebSocket senders

    def delay_accepts(self, seconds: float) -> None:
        """Tell listeners of senders, and of HTTP requests, this much later. Over 30 s a sender is refused first."""
        self.accept_delay = max(0.0, seconds)

    def refuse_accepts(self) -> None:
        """Answer every listener that dials back as if it came too late; its sender gets 404."""
        self.accepts_refused = True

    # HTTP requests

    def answer_requests_with(self, status: int) -> None:
        """Answer every HTTP request at once with ``status`` (504, for instance) in the relay's name. 0 stops that."""
        self.forced_status = status

    def drop_next_response(self) -> None:
        """Lose the next response that a listener sends over its control channel; its sender gets 504 in time."""
        self._responses_to_drop += 1

    def drops_response(self) -> bool:
        """Whether the response at hand is one to be lost."""
        if not self._responses_to_drop:
            return False
        self._responses_to_drop -= 1
        return True

    # Everybody

    def corrupt_next_frame(self) -> None:
        """Flip one bit of the next payload carried (an empty one does not count), whatever the stream and direction."""
        self.tampers.append(_flip_last_bit)

    def tamper(self, payload: bytes) -> bytes:
        """``payload``, with the next fault applied to it when one is waiting."""
        return self.tampers.pop(0)(payload) if self.tampers and payload else payload

    def move_clock(self, seconds: float) -> None:
        """The relay's clock is this much ahead (or, below 0, behind) when it looks at tokens."""
        self.clock_offset = seconds

    def throttle(self, bytes_per_second: float) -> None:
        """Take no more than this from each connection. 0 stops that."""
        self.bytes_per_second = max(0.0, bytes_per_second)

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
        self.clock_offset = 0.0
        self.bytes_per_second = 0.0
        self.idle_death = 0.0
        self.forced_status = 0
        self._responses_to_drop = 0
        self._listeners.limit = MAX_LISTENERS
        self.tampers.clear()
        if self.frozen:
            self.thaw()

    def active(self) -> dict[str, float | bool]:
        """What is on now, by the name of its switch."""
        on: dict[str, float | bool] = {
            "cut_idle": self.idle_death,
            "delay_accepts": self.accept_delay,
            "refuse_accepts": self.accepts_refused,
            "answer_requests_with": self.forced_status,
            "drop_next_response": self._responses_to_drop,
            "corrupt_next_frame": len(self.tampers),
            "move_clock": self.clock_offset,
            "throttle": self.bytes_per_second,
            "freeze": self.frozen,
        }
        if self._listeners.limit != MAX_LISTENERS:
            on["limit_listeners"] = self._listeners.limit
        return {name: value for name, value in on.items() if value or name == "limit_listeners"}

    def _at(self, path: str) -> list[ControlChannel]:
        return self._listeners.at(path.strip("/").lower())


def _flip_last_bit(payload: bytes) -> bytes:
    return payload[:-1] + bytes((payload[-1] ^ 1,))
