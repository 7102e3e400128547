"""Changing something at the plant: the code that can. Imported only when site.toml says ``allow_writes = true``.

    rules.py       rules 1 to 3: may this person do this, is the value allowed, is the request in time
    executor.py    rules 4 and 5: the key on the disk, one at a time, an outcome that is kept
    attempt.py     rules 6 and 7: a fresh look, one attempt, an honest outcome
    key_store.py   what was asked under which key and what became of it, kept over restarts
    openings.py    which entries are open: what the source itself says of a tag must agree

The rules are written out in docs/acting.md, with their reasons.
"""

from __future__ import annotations

from relay_bridge.agent.acting.acting import Acting, open_acting

__all__ = ["Acting", "open_acting"]
