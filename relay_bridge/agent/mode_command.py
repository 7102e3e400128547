"""``sightline-site mode``: turn the switch at the plant, or say how it stands. A running agent takes it up."""

from __future__ import annotations

import datetime
import time
from pathlib import Path
from typing import TextIO, get_args

from relay_bridge.agent.mode import STRICTNESS, SwitchError, one_line, plain_files, read_switch, write_switch
from relay_bridge.contract.acting import Mode, SiteMode

MODES: tuple[Mode, ...] = get_args(Mode)


def mode_command(folder: Path, wanted: Mode | None, by: str | None, why: str, out: TextIO) -> list[str]:
    """Findings in sentences, none when the switch stands as it was wanted. ``wanted`` None: only say how it stands.

    Needs no running agent: what is set now holds when one starts.
    """
    if wanted is not None:
        if not one_line(by or "", 1):
            return ["Say who turns the switch: --by NAME. Phones and the journal show it."]
        try:
            write_switch(folder, SiteMode(wanted, by or "", int(time.time() * 1000), why))
        except SwitchError as error:
            return [str(error)]
    mode = read_switch(folder)
    out.write(f"{mode.mode}{_details(mode)}\n")
    if wanted is not None and STRICTNESS[mode.mode] > STRICTNESS[wanted]:
        names = ", ".join(str(path) for path in plain_files(folder))
        return [f"It stays {mode.mode} as long as this file is there: {names}."]
    return []


def _details(mode: SiteMode) -> str:
    parts = []
    if mode.by:
        parts.append(f"by {mode.by}")
    if mode.since > 1:
        parts.append(f"since {datetime.datetime.fromtimestamp(mode.since / 1000, datetime.UTC):%Y-%m-%dT%H:%M:%SZ}")
    if mode.why:
        parts.append(mode.why)
    return f" ({', '.join(parts)})" if parts else ""
