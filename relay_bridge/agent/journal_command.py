"""``sightline-site journal verify | export | web | checkpoint``: the journal for people, on the machine that has it."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import msgspec

from relay_bridge.agent.config import SiteConfig
from relay_bridge.agent.journal_check import verify_journal
from relay_bridge.agent.journal_files import (
    COUNTERPART,
    HEAD,
    JournalDamaged,
    journal_files,
    read_checkpoint,
    read_events,
)

EXIT_FINDINGS = 1
WHAT = {
    "verify": "find any edit, deletion or cut tail",
    "export": "print every event, one a line",
    "web": "print where the web app's trail stood when it last told us (for manage.py audit verify --checkpoints)",
    "checkpoint": "print where the journal stands, signed",
}


def journal_command(what: str, config: SiteConfig, out: TextIO) -> int:
    """Do ``what`` (a key of ``WHAT``); the exit code. Reads only, so the agent may be running."""
    folder = Path(config.audit.path)
    try:
        if what == "verify":
            return _verify(folder, f"site:{config.site.id}", out)
        if what == "export":
            for path in journal_files(folder):
                for event in read_events(path):
                    print(msgspec.json.encode(event).decode(), file=out)
            return 0
        checkpoint = read_checkpoint(folder / (COUNTERPART if what == "web" else HEAD))
    except JournalDamaged as damage:
        print(f"The journal was tampered with: {damage}.", file=out)
        return EXIT_FINDINGS
    except OSError as error:
        print(f"The journal in {folder} cannot be read: {error.strerror}.", file=out)
        return EXIT_FINDINGS
    if checkpoint is None:
        print("There is none yet.", file=out)
        return EXIT_FINDINGS
    print(msgspec.json.encode(checkpoint).decode(), file=out)
    return 0


def _verify(folder: Path, chain: str, out: TextIO) -> int:
    verdict = verify_journal(folder, chain)
    if verdict.note:
        print(verdict.note, file=out)
    if verdict.bad:
        print(f"The journal was tampered with. Event {verdict.bad}: {verdict.why}.", file=out)
        return EXIT_FINDINGS
    print(f"The journal holds: events {verdict.first} to {verdict.last}.", file=out)
    return 0
