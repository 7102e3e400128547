"""Which key signed the trail, from which event on: a lost key is replaced deliberately, and the trail says who and why.

While the key is missing, or is another one than signed last, nothing that must be recorded happens. The only way on is
``begin_epoch`` (``manage.py audit new-key``): an event in the chain tells of it, and a row that no archiving removes,
signed with the new key, says at which event the new key took over and from which.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import transaction

from accounts.audit import keys
from accounts.audit.chain import Head
from accounts.audit.checkpoints import keep, make_checkpoint, signing_key_on_record
from accounts.audit.models import Checkpoint, Event
from accounts.audit.recording import record
from relay_bridge.contract.audit import checkpoint_bytes

EPOCH_CHAIN = "web key after "  # and the public key before, which is missing when nothing was ever signed
SHORTEST_REASON = 10  # characters


class Epoch(NamedTuple):
    """From event ``seq`` on ``key`` signs, before it ``before``; both are public keys as checkpoints carry them."""

    seq: int
    hash: str
    before: str
    key: str
    is_signed: bool


@dataclass(frozen=True)
class KeyHistory:
    """All changes of key there were, oldest first, and the key that signs ``now``."""

    epochs: Sequence[Epoch]
    now: str

    @property
    def problem(self) -> Epoch | None:
        """The first change that does not follow the one before it, or is not signed."""
        before = self.epochs[0].before if self.epochs else ""
        for epoch in self.epochs:
            if not epoch.is_signed or epoch.before != before:
                return epoch
            before = epoch.key
        return self.epochs[-1] if self.epochs and before != self.now else None

    def key_at(self, seq: int) -> str:
        """The key that signed when the chain stood at ``seq``."""
        place = bisect_right([epoch.seq for epoch in self.epochs], seq)
        if place:
            return self.epochs[place - 1].key
        return self.epochs[0].before if self.epochs else self.now

    def keys_from(self, seq: int) -> set[str]:
        """The key that signed at ``seq``, and all that came after it: an archive's bridge is signed later."""
        return {self.key_at(seq), *(epoch.key for epoch in self.epochs if epoch.seq > seq)}


def read_epochs() -> list[Epoch]:
    rows = Checkpoint.objects.filter(chain__startswith=EPOCH_CHAIN).order_by("seq", "pk")
    return [
        Epoch(
            row.seq,
            row.hash,
            row.chain.removeprefix(EPOCH_CHAIN),
            row.key,
            keys.is_signed(row.key, checkpoint_bytes(row.chain, row.seq, row.hash, row.at, row.key), row.sig),
        )
        for row in rows
    ]


def begin_epoch(*, who: str, why: str, facts: dict[str, str]) -> Any:
    """Make a new key and say so in the trail; answers the event. ``AuditKeyError`` when that is not called for.

    ``who``: as ``audit.person_subject`` names a person; ``facts``: what a check of the trail just found.
    """
    path = keys.key_path()
    before = signing_key_on_record()
    if not Event.objects.exists() and not before:
        raise keys.AuditKeyError("The trail has not begun: its first event makes the key.")
    if path.exists():
        _refuse_present(before)
    # The file is the last step before the commit, and goes again when the commit fails: no key without its event.
    created = False
    try:
        with transaction.atomic():
            key = keys.create_new_key(path)
            created = True
            public = keys.public_text(key)
            known = {"kid": public, "before_kid": before} if before else {"kid": public}
            event = record(
                "audit:key:replaced", actor=None, result="done", subject=who, reason=why, facts=known | facts,
                must_be_signed=False,
            )  # fmt: skip
            at, chain = time.time_ns() // 1_000_000, f"{EPOCH_CHAIN}{before}"
            sig = keys.sign(key, checkpoint_bytes(chain, event.seq, event.hash, at, public))
            Checkpoint.objects.create(chain=chain, seq=event.seq, hash=event.hash, at=at, key=public, sig=sig)
            keep(make_checkpoint(Head(event.seq, event.hash), at, key))
    except BaseException:
        if created:
            path.unlink(missing_ok=True)
        raise
    return event


def _refuse_present(before: str) -> None:
    path = keys.key_path()
    try:
        signs = keys.public_text(keys.load_key(path)) == before
    except keys.AuditKeyError:
        signs = False
    if signs:
        raise keys.AuditKeyError(f"{path} is the key that signed last: nothing has to be replaced.")
    raise keys.AuditKeyError(
        f"{path} is there, but it is not the key that signed last, or cannot be used. Put the right one back; if that "
        "one is lost, move this file away first."
    )
