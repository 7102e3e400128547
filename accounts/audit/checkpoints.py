"""Signed statements of where the chain stands: what makes a cut tail visible.

``head.json``   beside the database, signed anew after every event: a tail cut off in the database shows at once
rows            one for every 1000 events or 60 s, kept: where the chain stood, and when
counterparts    agents keep the last ones we told them, and we keep theirs (hmi.ingest exchanges them)
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from accounts.audit import keys
from accounts.audit.chain import Head, head
from accounts.audit.models import Checkpoint as Row
from accounts.audit.models import Event, RetiredSegment
from accounts.audit.storage import storage
from relay_bridge.contract.audit import WEB_CHAIN, Checkpoint, checkpoint_bytes

logger = logging.getLogger(__name__)
EVERY_EVENTS = 1000
EVERY_MS = 60_000
MAX_HEAD_FILE = 4096  # bytes
LOCK_WAIT = 2.0  # seconds; whoever writes the file needs a millisecond
REMEDY = (
    "Until it is back nothing is done that must be recorded. Put it back from the backup; if it is lost for good, run "
    "manage.py audit new-key (docs/audit.md)."
)

_key: tuple[Path, tuple[int, int], Ed25519PrivateKey] | None = None


def audit_dir() -> Path:
    return settings.SIGHTLINE.state_dir / "audit"


def own_key() -> Ed25519PrivateKey:
    """The key, made before the first event ever; read again when its file is another one.

    ``keys.AuditKeyError`` when it went missing later, or is not the one that signed last: nothing replaces it by
    itself, or whoever removed the key with ``head.json`` could sign a shorter trail anew.
    """
    global _key  # noqa: PLW0603 - read once per process and file
    path = keys.key_path()
    if not path.exists():
        if not _has_begun():
            keys.create_key(path)
        elif not path.exists():  # another process began the trail just now
            raise keys.AuditKeyError(f"The audit trail's key {path} is missing. {REMEDY}")
    facts = path.stat()
    identity = facts.st_ino, facts.st_mtime_ns
    if _key is None or _key[:2] != (path, identity):
        key, known = keys.load_key(path), signing_key_on_record()
        if known and keys.public_text(key) != known:
            raise keys.AuditKeyError(f"{path} is not the key that signed the audit trail last. {REMEDY}")
        _key = (path, identity, key)
    return _key[2]


def is_signable() -> bool:
    """Whether what must be recorded can be. Looking makes no key."""
    try:
        if not keys.key_path().exists():
            return not _has_begun()
        own_key()
    except (keys.AuditKeyError, OSError):
        return False
    return True


def signing_key_on_record() -> str:
    """The public key of the newest statement about our chain, as the database has it, else ``head.json``; or empty."""
    newest = Row.objects.filter(chain=WEB_CHAIN).order_by("-seq", "-pk").values_list("seq", "key").first()
    bridge = RetiredSegment.objects.order_by("-last_seq").values_list("last_seq", "key").first()
    found = max(filter(None, (newest, bridge)), default=None)
    if found is not None:
        return found[1]
    try:
        written = read_head()
    except ValueError:
        return ""
    return written.key if written is not None and signature_holds(written) else ""


def _has_begun() -> bool:
    """Whether anything was ever recorded here."""
    return (audit_dir() / "head.json").exists() or Event.objects.exists() or bool(signing_key_on_record())


def make_checkpoint(stood: Head, at: int, key: Ed25519PrivateKey | None = None) -> Checkpoint:
    """Sign that our chain stood at ``stood`` at ``at`` (epoch ms); ``key``: by default the one in its file."""
    key = key or own_key()
    public = keys.public_text(key)
    sig = keys.sign(key, checkpoint_bytes(WEB_CHAIN, stood.seq, stood.hash, at, public))
    return Checkpoint(WEB_CHAIN, stood.seq, stood.hash, at, public, sig)


def signature_holds(checkpoint: Checkpoint, key: str | None = None) -> bool:
    """Whether it was signed by ``key``, by default by the key that it names itself."""
    if key is not None and checkpoint.key != key:
        return False
    data = checkpoint_bytes(checkpoint.chain, checkpoint.seq, checkpoint.hash, checkpoint.at, checkpoint.key)
    return keys.is_signed(checkpoint.key, data, checkpoint.sig)


def sign_head(stood: Head, at: int) -> None:
    """After each commit: ``head.json`` says where the chain stands, and now and then a row is kept.

    A failure is logged and no more: the event itself is stored, and ``manage.py audit verify`` shows what lacks a
    signature.
    """
    try:
        checkpoint = make_checkpoint(stood, at)
        _write_head(checkpoint)
        if _keep_if_due(checkpoint):
            storage()  # says in the log when it fills up
    except (keys.AuditKeyError, OSError):
        logger.exception("The audit trail's last event could not be signed; it is stored.")


def checkpoint_now() -> Checkpoint | None:
    """Sign where the chain stands and keep it as a row; None when the chain is empty."""
    stood = head()
    if stood.seq == 0:
        return None
    latest = latest_of(WEB_CHAIN)
    if latest is not None and latest.seq == stood.seq and latest.hash == stood.hash:
        return latest
    checkpoint = make_checkpoint(stood, time.time_ns() // 1_000_000)
    _write_head(checkpoint)
    keep(checkpoint)
    return checkpoint


def latest_of(chain: str) -> Checkpoint | None:
    """The newest kept checkpoint of a chain, ours or an agent's."""
    row = Row.objects.filter(chain=chain).order_by("-seq", "-pk").first()
    return as_checkpoint(row) if row is not None else None


def keep(checkpoint: Checkpoint) -> None:
    Row.objects.create(**msgspec.structs.asdict(checkpoint))


def as_checkpoint(row: Row) -> Checkpoint:
    return Checkpoint(row.chain, row.seq, row.hash, row.at, row.key, row.sig)


def read_head() -> Checkpoint | None:
    """What ``head.json`` says; None when there is none. ``ValueError`` when it is no checkpoint."""
    try:
        data = (audit_dir() / "head.json").read_bytes()[:MAX_HEAD_FILE]
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(data, type=Checkpoint)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{audit_dir() / 'head.json'} is no checkpoint: {error}.") from None


def _keep_if_due(checkpoint: Checkpoint) -> bool:
    latest = Row.objects.filter(chain=WEB_CHAIN).order_by("-seq").values_list("seq", "at").first()
    if latest is None or checkpoint.seq - latest[0] >= EVERY_EVENTS or checkpoint.at - latest[1] >= EVERY_MS:
        keep(checkpoint)
        return True
    return False


def _write_head(checkpoint: Checkpoint) -> None:
    folder = audit_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder):
        try:
            known = read_head()
        except ValueError:
            known = None
        if known is not None and known.seq > checkpoint.seq and signature_holds(known, checkpoint.key):
            return  # another writer was later in the chain and earlier here
        if known is None and checkpoint.seq > 1:
            logger.error(
                "%s was missing or spoilt: a tail cut off before event %d would not show.",
                folder / "head.json",
                checkpoint.seq,
            )
        handle, name = tempfile.mkstemp(dir=folder, prefix=".head-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(checkpoint))
            Path(name).replace(folder / "head.json")
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer of ``head.json`` at a time, in all processes. ``TimeoutError`` when one of them does not let go."""
    with (folder / "head.lock").open("a") as file:
        end = time.monotonic() + LOCK_WAIT
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # let go when the file is closed
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise TimeoutError(f"Another process holds {folder / 'head.lock'} for too long.") from None
                time.sleep(0.01)
        yield
