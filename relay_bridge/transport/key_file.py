"""A credential whose key stands in a file and may be changed there while the program runs.

The file holds either the bare key, or a whole connection string of which the rule's name and key are taken. Replace it
by renaming a complete one over it. What cannot be read leaves the key as it was: a site must not go dark because
somebody is just writing the file.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from relay_bridge.protocol.connection_string import ConnectionString, parse_connection_string
from relay_bridge.protocol.errors import ConnectionStringError
from relay_bridge.protocol.fingerprint import fingerprint
from relay_bridge.protocol.limits import DEFAULT_TOKEN_LIFE, MAX_CONNECTION_STRING, MAX_KEY
from relay_bridge.transport.credentials import SasCredential

logger = logging.getLogger(__name__)

LOOK_EVERY: Final = 1.0  # seconds; a look is one stat of a local file
_CONNECTION_STRING = "endpoint="  # no key holds this: base64 has "=" at its end only

_Stamp = tuple[int, int, int]


class KeyFileCredential:
    """Tokens for ``resource_uri``, signed with the key that is in ``path`` now.

    ``key_name``: the rule's name; needed for a bare key, and otherwise what the connection string in the file must say
    too. ``life``: seconds a token is good for. ``clock``: Unix seconds. ``monotonic``: seconds, for looks at the file.
    Raises ``ConnectionStringError`` when there is no usable key in the file to begin with.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        resource_uri: str,
        key_name: str | None = None,
        *,
        life: float = DEFAULT_TOKEN_LIFE,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = Path(path)
        self.resource_uri = resource_uri
        self._wanted_name = key_name
        self._life = life
        self._clock = clock
        self._monotonic = monotonic
        self._stamp = _stamp(self.path)
        self._looked_at = monotonic()
        self._rule = self._read()
        self._signer = self._sign_with(*self._rule)

    @classmethod
    def of(cls, path: str | os.PathLike[str], connection: ConnectionString, **options: object) -> KeyFileCredential:
        """For the hybrid connection and the rule of ``connection``; its own key, if it has one, is not used."""
        return cls(path, connection.resource_uri, connection.key_name, **options)  # type: ignore[arg-type]

    @property
    def key_name(self) -> str:
        return self._rule[0]

    def token(self) -> str:
        """A token that is good now: another one as soon as the file has another key (seen within ``LOOK_EVERY``)."""
        if self._monotonic() - self._looked_at >= LOOK_EVERY:
            self._look()
        return self._signer.token()

    def renew_in(self) -> float | None:
        return self._signer.renew_in()

    def reload(self) -> bool:
        """Look at the file at once; whether it has another key than the tokens so far."""
        return self._look()

    def _look(self) -> bool:
        self._looked_at = self._monotonic()
        try:
            stamp = _stamp(self.path)
            if stamp == self._stamp:
                return False
            self._stamp = stamp  # also of a broken file: it is complained of once, and read again when it changes
            rule = self._read()
        except ConnectionStringError as error:
            logger.warning("%s The key that was in it before stays in use.", error)
            return False
        if rule == self._rule:
            return False
        self._rule = rule
        self._signer = self._sign_with(*rule)
        logger.info("A new key of the rule %s was taken from %s: %s.", rule[0], self.path, fingerprint(rule[1]))
        return True

    def _read(self) -> tuple[str, str]:
        """Name and key of the rule. Raises ``ConnectionStringError``, which does not repeat what is in the file."""
        try:
            with self.path.open("rb") as file:
                text = file.read(MAX_CONNECTION_STRING + 1).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            words = error.strerror if isinstance(error, OSError) else "it is no ASCII text"
            raise ConnectionStringError(f"The key file {self.path} cannot be read: {words}.") from None
        name, key = self._wanted_name, text
        if _CONNECTION_STRING in text.lower():
            try:
                connection = parse_connection_string(text)
            except ConnectionStringError as error:
                raise ConnectionStringError(f"The key file {self.path} cannot be used: {error}.") from None
            if connection.key_name is None or connection.key is None:
                raise ConnectionStringError(f"The key file {self.path} holds a connection string without a key.")
            if name is not None and connection.key_name != name:
                raise ConnectionStringError(f"The key file {self.path} holds a key of another rule than {name}.")
            name, key = connection.key_name, connection.key
        if not key or len(key) > MAX_KEY or not key.isprintable() or " " in key or ";" in key:
            raise ConnectionStringError(
                f"The key file {self.path} holds neither a key nor a connection string (one line, nothing else)."
            )
        if name is None:
            raise ConnectionStringError(
                f"The key file {self.path} holds a bare key, and no name of its rule was given."
            )
        return name, key

    def _sign_with(self, name: str, key: str) -> SasCredential:
        return SasCredential(self.resource_uri, name, key, life=self._life, clock=self._clock)

    def __repr__(self) -> str:
        return f"KeyFileCredential({str(self.path)!r}, {self.resource_uri!r}, {self.key_name!r})"


_MISSING: _Stamp = (-1, -1, -1)


def _stamp(path: Path) -> _Stamp:
    """What changes when the file does: renamed over (inode), written (time), cut short (size)."""
    try:
        found = path.stat()
    except OSError:
        return _MISSING
    return found.st_ino, found.st_mtime_ns, found.st_size
