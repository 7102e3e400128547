"""Where the clients meet: one hybrid connection at our emulator (plain or TLS), or at a real namespace.

Environment, all connection strings of the same namespace and each with its EntityPath; nothing else is needed, and no
emulator is started:

    SIGHTLINE_CONFORMANCE_LISTEN      a key with the Listen right
    SIGHTLINE_CONFORMANCE_SEND        a key with the Send right, for the same hybrid connection
    SIGHTLINE_CONFORMANCE_ANONYMOUS   optional: a Listen key of a hybrid connection that demands no authorization
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from relay_bridge.protocol.connection_string import ConnectionString, parse_connection_string
from relay_bridge.protocol.sas import create_token

LISTEN, SEND, ANONYMOUS = (f"SIGHTLINE_CONFORMANCE_{name}" for name in ("LISTEN", "SEND", "ANONYMOUS"))

HOST = "127.0.0.1"
PATH, ANONYMOUS_PATH, EMPTY_PATH = "sites/north", "open/door", "sites/empty"
LISTEN_KEY, SEND_KEY = "listen-key+/=", "send-key+/="


@dataclass(frozen=True)
class Place:
    """One hybrid connection, with a key for each side. ``send_key`` is empty where no authorization is demanded."""

    host: str
    port: int
    tls: bool
    path: str = PATH
    listen_name: str = "listen"
    listen_key: str = field(default=LISTEN_KEY, repr=False)
    send_name: str = "send"
    send_key: str = field(default=SEND_KEY, repr=False)
    authority: Path | None = None  # PEM of the private authority that signed the relay's certificate
    life: int = 3_600  # seconds of every token that is made for it; below zero: expired already

    @property
    def listen_string(self) -> ConnectionString:
        return ConnectionString(self.host, self.port, self.path, self.listen_name, self.listen_key, use_tls=self.tls)

    @property
    def send_string(self) -> ConnectionString:
        key = (self.send_name, self.send_key) if self.send_key else (None, None)
        return ConnectionString(self.host, self.port, self.path, *key, use_tls=self.tls)

    @property
    def ssl_context(self) -> ssl.SSLContext | None:
        if not self.tls or self.authority is None:
            return None
        return ssl.create_default_context(cafile=str(self.authority))

    def send_token(self) -> str:
        """A token for a sender, made here and not by a client; empty where there is no key."""
        if not self.send_key:
            return ""
        return create_token(self.send_string.resource_uri, self.send_name, self.send_key, int(time.time()) + self.life)

    def listen_token(self) -> str:
        """A token for a listener, made here and not by a client."""
        expires = int(time.time()) + self.life
        return create_token(self.listen_string.resource_uri, self.listen_name, self.listen_key, expires)

    def base(self, scheme: str) -> str:
        """``ws://host:port`` or, with TLS, ``wss://host:port``; ``http`` likewise."""
        return f"{scheme}{'s' if self.tls else ''}://{self.host}:{self.port}"

    def for_listener(self) -> dict[str, Any]:
        """What a Node listener is told of this place."""
        return {
            "base": self.base("ws"), "host": self.host, "path": self.path,
            "key_name": self.listen_name, "key": self.listen_key, "life": self.life,
        }  # fmt: skip

    def for_sender(self, scheme: str) -> dict[str, Any]:
        """What a Node sender is told of this place."""
        return {
            "base": self.base(scheme), "host": self.host, "path": self.path,
            "key_name": self.send_name, "key": self.send_key, "life": self.life,
        }  # fmt: skip

    def anonymous(self) -> Place:
        """The hybrid connection that demands no authorization of senders, if there is one."""
        real = real_place()
        if real is None:
            return replace(self, path=ANONYMOUS_PATH, send_key="")
        return real_anonymous_place() or real


def real_place(environment: Mapping[str, str] = os.environ) -> Place | None:
    """The real namespace that the environment names, if it names one."""
    listen, send = environment.get(LISTEN), environment.get(SEND)
    if not listen and not send:
        return None
    if not listen or not send:
        raise ValueError(f"{LISTEN} and {SEND} are needed together: a key that may listen and one that may send")
    listener, sender = parse_connection_string(listen), parse_connection_string(send)
    if (listener.host, listener.entity_path) != (sender.host, sender.entity_path):
        raise ValueError(f"{LISTEN} and {SEND} name different hybrid connections")
    return _place(listener, LISTEN, sender)


def real_anonymous_place(environment: Mapping[str, str] = os.environ) -> Place | None:
    """The real hybrid connection without authorization, if the environment names one."""
    text = environment.get(ANONYMOUS)
    return _place(parse_connection_string(text), ANONYMOUS) if text else None


def _place(listener: ConnectionString, name: str, sender: ConnectionString | None = None) -> Place:
    if listener.entity_path is None or not listener.key_name or not listener.key:
        raise ValueError(f"{name} needs EntityPath, SharedAccessKeyName and SharedAccessKey")
    if sender is not None and not (sender.key_name and sender.key):
        raise ValueError(f"{SEND} needs SharedAccessKeyName and SharedAccessKey")
    return Place(
        listener.host,
        listener.port,
        listener.use_tls,
        listener.entity_path,
        listener.key_name,
        listener.key,
        (sender.key_name if sender else None) or "",
        (sender.key if sender else None) or "",
    )
