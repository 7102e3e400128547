"""``TokenKeys``: the issuer's public keys as the file of ``[trust] token_keys`` says now, and how they are renewed.

Two ways lead to new keys: somebody puts another file there, which is looked at once a second; or the web app presents
a statement, signed with a key that is trusted already, which is then written to that file. A file that cannot be read
leaves the keys as they were: a site must not go dark because somebody is just writing it.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.jose import read_header
from relay_bridge.agent.trust import KeySet, TokenKey, parse_key_set, read_key_set
from relay_bridge.contract.messages import KeysAnswer
from relay_bridge.contract.token_keys import KEYS_TYP, MAX_STATEMENT, STATEMENT_LIFE, KeyStatement
from relay_bridge.contract.tokens import ALGORITHMS, CLOCK_SKEW

LOOK_EVERY = 1.0  # seconds between looks at the file; a look is one stat
_KEY_FILE_MODE = 0o644  # public keys: anybody may read them
_statement = msgspec.json.Decoder(KeyStatement)
_Stamp = tuple[int, int, int]
logger = logging.getLogger(__name__)


class KeysRefused(Exception):  # noqa: N818 - a decision, not a fault
    """A statement about keys was not taken; ``reason`` is for the log, without anything from the statement."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TokenKeys:
    """``path``: the file, None when there is none to follow (tests of admission alone). ``monotonic``: seconds."""

    def __init__(self, first: KeySet, *, issuer: str, path: Path | None, monotonic: Callable[[], float]) -> None:
        self._set = first
        self._issuer = issuer
        self._path = path
        self._monotonic = monotonic
        self._seen = _stamp(path)
        self._looked_at = monotonic()
        self._stored = True

    @property
    def stamp(self) -> str:
        """What ``hello`` tells the web app, so that it knows whether it has news for us."""
        self._look()
        return self._set.stamp

    def get(self, kid: str) -> TokenKey | None:
        """The key of this id, over or not; None when it is not pinned."""
        self._look()
        return self._set.keys.get(kid)

    def answer(self) -> KeysAnswer:
        self._look()
        return KeysAnswer(sequence=self._set.sequence, kids=list(self._set.keys), stored=self._stored)

    def renew(self, statement: str, now: float) -> KeysAnswer:
        """Take over the keys of a statement presented at ``now`` (epoch s); ``KeysRefused``.

        A statement of the sequence that is known already changes nothing and is no error: two sessions may bring it.
        """
        self._look()
        claims = self._verify(statement, now)
        if claims.sequence < self._set.sequence:
            raise KeysRefused("an older key set than the one that is known")
        if claims.sequence > self._set.sequence:
            self._take(claims)
        return self.answer()

    def _verify(self, statement: str, now: float) -> KeyStatement:
        if len(statement) > MAX_STATEMENT or not statement.isascii():
            raise KeysRefused("larger than a statement about keys can be")
        try:
            key = self._signer(read_header(statement), now)
        except ValueError:
            raise KeysRefused("no compact statement with a header") from None
        try:
            verified = jws.deserialize_compact(statement, key.key, algorithms=[key.algorithm])
            claims = _statement.decode(verified.payload)
        except (JoseError, ValueError):
            raise KeysRefused("bad signature") from None
        except (msgspec.MsgspecError, RecursionError):
            raise KeysRefused("not in the form of a statement about keys") from None
        if claims.iss != self._issuer:
            raise KeysRefused("another issuer")
        # Sequence alone would let somebody bring a set of long ago to an agent that was away even longer.
        if not now - STATEMENT_LIFE - CLOCK_SKEW <= claims.iat <= now + CLOCK_SKEW:
            raise KeysRefused("not made just now; compare the clocks of the web app and this machine")
        return claims

    def _signer(self, header: dict[str, Any], now: float) -> TokenKey:
        if header.keys() != {"typ", "alg", "kid"} or header["typ"] != KEYS_TYP or header["alg"] not in ALGORITHMS:
            raise KeysRefused("header is not that of a statement about keys")
        kid = header["kid"]
        key = self._set.keys.get(kid) if isinstance(kid, str) else None
        if key is None or key.algorithm != header["alg"]:
            raise KeysRefused("not signed with a key that is trusted here")
        if key.is_over(now):
            raise KeysRefused("signed with a key whose time is over")
        return key

    def _take(self, claims: KeyStatement) -> None:
        text = msgspec.json.format(msgspec.json.encode({"sequence": claims.sequence, "keys": claims.keys}), indent=1)
        try:
            news = parse_key_set(text.decode(), where="the new key set")
        except ConfigError as error:
            raise KeysRefused(f"unfit keys: {error}") from None
        self._set = news
        self._stored = self._store(text + b"\n")
        logger.warning(
            "the issuer's keys were renewed: sequence %d, %d keys, signing now %s",
            news.sequence, len(news.keys), next(iter(news.keys)),
        )  # fmt: skip

    def _store(self, text: bytes) -> bool:
        """Replace the file in one step. When it cannot be, the new keys hold until the next start, and that is said."""
        if self._path is None:
            return False
        try:
            _replace(self._path, text)
        except OSError as error:
            logger.error(  # noqa: TRY400 - a sentence for the administrator, not a fault of ours
                "The issuer's new keys cannot be written to %s (%s): this agent forgets them when it is restarted. "
                "Let its account write there.", self._path, error.strerror,
            )  # fmt: skip
            return False
        self._seen = _stamp(self._path)
        return True

    def _look(self) -> None:
        now = self._monotonic()
        if self._path is None or now - self._looked_at < LOOK_EVERY:
            return
        self._looked_at = now
        stamp = _stamp(self._path)
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._set = read_key_set(self._path)
        except ConfigError as error:
            logger.error("%s The keys known so far stay in use.", error)  # noqa: TRY400 - it says what to do
            return
        self._stored = True
        logger.warning("the issuer's keys were read anew: %s", ", ".join(self._set.keys))


def _stamp(path: Path | None) -> _Stamp | None:
    """What changes when the file does: renamed over (inode), written (time), cut short (size)."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _replace(path: Path, text: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(_KEY_FILE_MODE)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
