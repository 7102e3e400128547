"""What systemd is told: ready, how it stands, alive, stopping (sd_notify(3)). Without systemd, nothing."""

from __future__ import annotations

import contextlib
import os
import socket

_MAX_STATUS = 200  # characters


class ServiceNotify:
    """Reads ``NOTIFY_SOCKET`` and ``WATCHDOG_USEC`` of ``environment``; a call is one datagram, never waited for."""

    def __init__(self, environment: os._Environ[str] | dict[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        mine = environment.get("WATCHDOG_PID", "") in {"", str(os.getpid())}
        usec = environment.get("WATCHDOG_USEC", "")
        self._watchdog = int(usec) / 1_000_000 if usec.isdigit() and mine else 0.0

    @property
    def watchdog(self) -> float:
        """Seconds within which systemd wants to hear something; 0 when it does not."""
        return self._watchdog

    def ready(self) -> None:
        self._send("READY=1")

    def alive(self, status: str) -> None:
        """``status``: one line that ``systemctl status`` shows."""
        line = "".join(letter if letter.isprintable() else " " for letter in status)[:_MAX_STATUS]
        self._send(f"WATCHDOG=1\nSTATUS={line}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address.startswith(("/", "@")) or not hasattr(socket, "AF_UNIX"):
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto(text.encode(), address)
