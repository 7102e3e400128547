"""``verify_journal``: is the agent's journal whole? Every event, and everything that was signed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.journal_files import (
    HEAD,
    KEY,
    START,
    JournalDamaged,
    journal_files,
    read_checkpoint,
    read_events,
)
from relay_bridge.agent.journal_key import load_journal_key, signature_holds
from relay_bridge.contract.audit import NO_HASH, hash_of


@dataclass(frozen=True)
class JournalVerdict:
    """``first`` to ``last`` were looked at. ``bad``: the number of the first bad event, with ``why``; 0: whole."""

    first: int
    last: int
    bad: int = 0
    why: str = ""
    note: str = ""


def verify_journal(folder: Path, chain: str) -> JournalVerdict:
    """Check every event and what was signed; names the first bad event. ``JournalDamaged`` for a bad small file."""
    key, note = None, ""
    try:
        key = load_journal_key(folder / KEY).public
    except ConfigError as error:
        note = f"No signature could be checked. {error}"
    head = read_checkpoint(folder / HEAD)  # before the events: what is appended meanwhile only makes it longer
    start = read_checkpoint(folder / START)
    for name, checkpoint in ((HEAD, head), (START, start)):
        if checkpoint is not None and (checkpoint.chain != chain or (key and not signature_holds(checkpoint, key))):
            return JournalVerdict(0, 0, max(checkpoint.seq, 1), f"{name} is not signed with the journal's key", note)
    seq, previous = (start.seq, start.hash) if start is not None else (0, NO_HASH)
    first = seq + 1

    def bad(number: int, why: str) -> JournalVerdict:
        return JournalVerdict(first, seq, number, why, note)

    for path in journal_files(folder):
        try:
            for event in read_events(path):
                if event.seq < first:
                    continue  # its file was about to be removed
                if event.seq != seq + 1:
                    return bad(seq + 1, f"it is missing; event {event.seq} comes next")
                if event.previous != previous or event.chain != chain:
                    return bad(event.seq, "it does not follow the event before it")
                if hash_of(event) != event.hash:
                    return bad(event.seq, "it was changed after it was written")
                if head is not None and event.seq == head.seq and event.hash != head.hash:
                    return bad(event.seq, "it differs from what was signed")
                seq, previous = event.seq, event.hash
        except JournalDamaged as damage:
            return bad(seq + 1, str(damage))
    if head is not None and head.seq > seq:
        return bad(seq + 1, f"it is missing, and so is everything up to event {head.seq}: the tail was cut")
    if head is None and seq:
        note = note or f"{HEAD} is missing: a tail that was cut off would not show."
    return JournalVerdict(first, seq, note=note)
