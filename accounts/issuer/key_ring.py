"""The issuer's signing keys in one file: the one that signs now, and older ones in their overlap.

    {"sequence": 3, "keys": [{<private JWK>}, {<private JWK>, "until": 1795456400}]}

The first key signs. A key with ``until`` (epoch seconds) signs nothing more, but sites take what it signed until then,
and it introduces the new keys to sites that know only it. After that it is dropped from the file for good. ``sequence``
counts the rotations, so that no site goes back to an older set. A file with one bare JWK, as the first version
wrote it, is a ring of that key.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from joserfc import jws

from accounts.issuer.keys import (
    DEFAULT_ALGORITHM,
    Key,
    SigningKeyError,
    algorithm_of,
    generate_key,
    parse_key,
    private_jwk,
    public_jwk,
)
from relay_bridge.contract.token_keys import KEYS_TYP, key_set_stamp
from relay_bridge.contract.tokens import CLOCK_SKEW, MAX_LIFE

MAX_KEY_FILE = 16 * 1024  # bytes; a ring of four keys has about 1 500
MAX_KEYS = 4  # the present one and three in their overlap
# Hours. Below the shortest, tokens that are in flight at the rotation would be lost; beyond the longest, a key that
# was replaced for a reason would stay good for too long.
SHORTEST_OVERLAP = (MAX_LIFE + 2 * CLOCK_SKEW) / 3600
DEFAULT_OVERLAP, LONGEST_OVERLAP = 24.0, 31 * 24.0
LOCK_WAIT = 10.0  # seconds for another rotation to finish
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class RingKey:
    """``until``: epoch seconds from which the key is over; None for the one that signs."""

    key: Key
    until: int | None = None

    def __repr__(self) -> str:
        return f"RingKey({self.key.kid!r}, until={self.until})"


@dataclass(frozen=True)
class KeyRing:
    """At least one key; the first signs."""

    keys: tuple[RingKey, ...]
    sequence: int = 0

    @property
    def signing(self) -> Key:
        return self.keys[0].key

    @property
    def stamp(self) -> str:
        """What an agent's hello says when it has this very ring."""
        return key_set_stamp(self.sequence, str(self.signing.kid))

    def at(self, now: float) -> KeyRing:
        """The ring without the keys whose overlap is over at ``now`` (epoch s)."""
        return KeyRing(tuple(one for one in self.keys if one.until is None or now < one.until), self.sequence)

    def public_jwks(self, now: float) -> dict[str, Any]:
        """What a site pins at ``now``: the public halves, the signing one first, older ones with their ``until``."""
        rows = [
            {**public_jwk(one.key), **({} if one.until is None else {"until": one.until})} for one in self.at(now).keys
        ]
        return {"sequence": self.sequence, "keys": rows}

    def statement(self, kids: list[str], now: float) -> str | None:
        """The key set as a statement signed with a key that an agent knows; None when it knows none of ours.

        ``kids``: what the agent trusts. The newest that both know signs.
        """
        signer = next((one.key for one in self.at(now).keys if str(one.key.kid) in kids), None)
        if signer is None:
            return None
        header = {"typ": KEYS_TYP, "alg": algorithm_of(signer), "kid": str(signer.kid)}
        claims = {"iss": settings.SIGHTLINE.issuer, "iat": int(now), **self.public_jwks(now)}
        return jws.serialize_compact(header, json.dumps(claims).encode(), signer, algorithms=[header["alg"]])


def create_signing_key(path: Path, algorithm: str = DEFAULT_ALGORITHM) -> Key:
    """Make the first key and store it, mode 0600; answers it.

    ``SigningKeyError`` when a file is there or others can enter its folder: sites pinned the old key and would refuse
    every token of the new one. What replaces a key is ``rotate``.
    """
    path = Path(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_folder(path)
    ring = KeyRing((RingKey(generate_key(algorithm)),))
    # Written in full beside its place (mkstemp: mode 0600) and then linked: link() fails when the name is taken, and
    # a crash leaves either no key or a whole one.
    draft = _draft(path, ring)
    try:
        os.link(draft, path)
    except FileExistsError as error:
        raise SigningKeyError(f"{path} exists already; a signing key is never overwritten.") from error
    finally:
        draft.unlink()
    return load_signing_key(path)


def load_signing_key(path: Path) -> Key:
    """The key that signs now; ``SigningKeyError`` as for ``load_ring``."""
    return load_ring(path).signing


def load_ring(path: Path) -> KeyRing:
    """Read the ring; ``SigningKeyError`` when it is missing, open to others, or not what this file describes."""
    try:
        # Judged and read through one handle, so that the file cannot be exchanged in between.
        with Path(path).open("rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise SigningKeyError(f"{path} is not a plain file.")
            if facts.st_mode & OTHERS:
                raise SigningKeyError(f"Other accounts can read {path}: that key is spent, make a new one.")
            # Whoever can write there puts another file in its place; a folder is made 0700.
            folder = Path(path).parent
            if folder.stat().st_mode & OTHERS:
                raise SigningKeyError(f"Other accounts can enter {folder}; chmod 700 it.")
            text = file.read(MAX_KEY_FILE + 1)
    except FileNotFoundError as error:
        raise SigningKeyError(f"There is no signing key at {path}: run manage.py create_issuer_key.") from error
    except OSError as error:
        raise SigningKeyError(f"Cannot read the signing key {path}: {error.strerror}.") from error
    if len(text) > MAX_KEY_FILE:
        raise SigningKeyError(f"{path} is longer than {MAX_KEY_FILE} bytes; that is no signing key.")
    try:
        return _parse_ring(text)
    except SigningKeyError as error:
        raise SigningKeyError(f"{path}: {error}.") from None


def current_ring() -> KeyRing:
    """The ring of the settings' file, read again when the file or a mode changes. ``SigningKeyError`` travels."""
    path = Path(settings.SIGHTLINE.signing_key)
    try:
        facts, folder = path.stat(), path.parent.stat()
    except OSError:
        return load_ring(path)  # says in its own words what is wrong
    return _load_once(path, facts.st_mtime_ns, facts.st_ino, facts.st_mode, folder.st_mode)


@lru_cache(maxsize=2)
def _load_once(path: Path, modified: int, inode: int, mode: int, folder_mode: int) -> KeyRing:
    return load_ring(path)


@dataclass(frozen=True)
class Rotation:
    """What a rotation did: the old key's id, and until when (epoch s) sites take what it signed."""

    ring: KeyRing
    old_kid: str
    until: int


def rotate(
    path: Path,
    now: float,
    *,
    overlap: float = DEFAULT_OVERLAP,
    algorithm: str | None = None,
    record: Callable[[Rotation], object] = lambda _: None,
) -> Rotation:
    """Make a new signing key and keep the old one for ``overlap`` hours; keys that are over are dropped.

    ``algorithm``: by default the old key's. ``record`` is told before anything is written, and what it raises leaves
    everything as it was: a rotation that cannot be recorded does not happen. ``SigningKeyError`` when the overlap is
    out of bounds, too many rotations are in their overlap, or the file cannot be written; then nothing has changed.
    """
    if not SHORTEST_OVERLAP <= overlap <= LONGEST_OVERLAP:
        raise SigningKeyError(f"The overlap is {SHORTEST_OVERLAP:g} to {LONGEST_OVERLAP:g} hours, not {overlap:g}.")
    path = Path(path)
    with _changing(path):
        ring = load_ring(path).at(now)
        if len(ring.keys) >= MAX_KEYS:
            until = min(one.until for one in ring.keys if one.until is not None)
            raise SigningKeyError(
                f"{len(ring.keys) - 1} older keys are still in their overlap; rotate again after "
                f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime(until))} UTC."
            )
        old = ring.signing
        until = int(now + overlap * 3600)
        new = RingKey(generate_key(algorithm or algorithm_of(old)))
        # An older key never outlives a newer one's overlap: it would be the longer-lived of two retired ones.
        older = tuple(RingKey(one.key, min(one.until or until, until)) for one in ring.keys)
        done = Rotation(KeyRing((new, *older), ring.sequence + 1), str(old.kid), until)
        record(done)
        _write(path, done.ring)
    return done


def drop_retired(path: Path, now: float) -> list[str]:
    """Remove the keys whose overlap is over from the file; answers their ids. ``SigningKeyError``."""
    path = Path(path)
    ring = load_ring(path)
    if len(ring.at(now).keys) == len(ring.keys):
        return []
    with _changing(path):
        ring = load_ring(path)
        kept = ring.at(now)
        _write(path, kept)
    return [str(one.key.kid) for one in ring.keys if one not in kept.keys]


def _parse_ring(text: bytes) -> KeyRing:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise SigningKeyError("there is no key in JWK form (not JSON)") from None
    if isinstance(document, dict) and "keys" not in document:  # one bare JWK
        return KeyRing((RingKey(parse_key(document)),))
    rows, sequence = (document.get("keys"), document.get("sequence")) if isinstance(document, dict) else (None, None)
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_KEYS or type(sequence) is not int or sequence < 0:
        raise SigningKeyError(f'a ring is {{"sequence": 0, "keys": [...]}} with 1 to {MAX_KEYS} keys')
    keys = tuple(RingKey(parse_key(row), row.get("until")) for row in rows)
    if keys[0].until is not None or any(type(one.until) is not int for one in keys[1:]):
        raise SigningKeyError("the first key signs and has no until; every other one has, in whole seconds")
    if len({one.key.kid for one in keys}) != len(keys):
        raise SigningKeyError("two keys have the same kid")
    return KeyRing(keys, sequence)


def _write(path: Path, ring: KeyRing) -> None:
    """In one step: a reader sees the old ring or the new one whole."""
    try:
        _check_folder(path)
        draft = _draft(path, ring)
        try:
            draft.replace(path)
        except BaseException:
            draft.unlink()
            raise
    except OSError as error:
        raise SigningKeyError(f"Cannot write {path}: {error.strerror}.") from error


def _draft(path: Path, ring: KeyRing) -> Path:
    rows = [{**private_jwk(one.key), **({} if one.until is None else {"until": one.until})} for one in ring.keys]
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-key-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"sequence": ring.sequence, "keys": rows}, file)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _check_folder(path: Path) -> None:
    if path.parent.stat().st_mode & OTHERS:
        raise SigningKeyError(f"Other accounts can enter {path.parent}; chmod 700 it before a key goes there.")


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[None]:
    """One change of the ring at a time, whichever process makes it."""
    lock = path.with_name(path.name + ".lock")
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SigningKeyError(f"Cannot write beside {path}: {error.strerror}.") from error
    try:
        deadline = time.monotonic() + LOCK_WAIT
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise SigningKeyError("Another change of the issuer's keys is under way; try again.") from None
                time.sleep(0.05)
        yield
    finally:
        os.close(handle)
