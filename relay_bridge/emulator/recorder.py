"""A copy of every byte the relay carries, in files, so that a test can prove that the relay sees ciphertext only.

    stream-000001-to-listener.bin, stream-000001-to-sender.bin          payloads, one after the other
    control-000001-to-listener.txt, control-000001-from-listener.txt    texts, one a line
    control-000001-to-listener.bin, control-000001-from-listener.bin    bodies of HTTP, one after the other

A control channel carries the listener's token when it is renewed, and the senders' headers: these files are secrets.
They grow without bound while the relay runs; recording is for tests and is off unless asked for.
"""

from __future__ import annotations

import itertools
import logging
import os
from pathlib import Path

logger = logging.getLogger(__name__)

_PRIVATE_FILE = 0o600
_PRIVATE_DIRECTORY = 0o700


class Recorder:
    """Makes the records below ``directory``, which it creates. Raises ``OSError`` when it cannot."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        self._directory = directory
        self._streams = itertools.count(1)
        self._controls = itertools.count(1)

    def stream(self) -> StreamRecord:
        name = f"stream-{next(self._streams):06d}"
        return StreamRecord(self._directory / f"{name}-to-listener.bin", self._directory / f"{name}-to-sender.bin")

    def control_channel(self) -> ControlRecord:
        name = f"control-{next(self._controls):06d}"
        return ControlRecord(self._directory / f"{name}-to-listener.txt", self._directory / f"{name}-from-listener.txt")


class StreamRecord:
    """Payloads of one stream, both ways."""

    def __init__(self, to_listener: Path, to_sender: Path) -> None:
        self._to_listener = _Appender(to_listener)
        self._to_sender = _Appender(to_sender)
        self.to_listener = self._to_listener.write
        self.to_sender = self._to_sender.write

    def close(self) -> None:
        self._to_listener.close()
        self._to_sender.close()


class ControlRecord:
    """Texts and bodies of one control channel, both ways."""

    def __init__(self, to_listener: Path, from_listener: Path) -> None:
        self._to_listener = _Appender(to_listener)
        self._from_listener = _Appender(from_listener)
        self._bodies_to_listener = _Appender(to_listener.with_suffix(".bin"))
        self._bodies_from_listener = _Appender(from_listener.with_suffix(".bin"))
        self.body_to_listener = self._bodies_to_listener.write
        self.body_from_listener = self._bodies_from_listener.write

    def to_listener(self, text: str) -> None:
        self._to_listener.write(text.encode("utf-8") + b"\n")

    def from_listener(self, text: str) -> None:
        self._from_listener.write(text.encode("utf-8") + b"\n")

    def close(self) -> None:
        for appender in (
            self._to_listener, self._from_listener, self._bodies_to_listener, self._bodies_from_listener,
        ):  # fmt: skip
            appender.close()


class _Appender:
    """A file opened at its first byte and written without a buffer, so that a reader sees what has been carried."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._done = False

    def write(self, data: bytes) -> None:
        if self._done:
            return
        try:
            if self._descriptor < 0:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _PRIVATE_FILE)
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            # The traffic goes on: a full disk is no reason to cut an operator off. But nobody may trust the record.
            logger.error("Recording to %s stopped, the record is incomplete: %s.", self._path, error.strerror)  # noqa: TRY400
            self.close()

    def close(self) -> None:
        self._done = True
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
