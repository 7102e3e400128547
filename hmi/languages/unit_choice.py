"""The units that the person in front of the screen chose: known while their request is answered, like their language.

Only what is drawn for a person asks for them. The socket, the interfaces for programs and every export speak the site's
own units.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from accounts.models import UNITS

AS_SENT = "site"
SYSTEMS = frozenset(code for code, _ in UNITS)
_now: ContextVar[str] = ContextVar("units", default=AS_SENT)


def units_now() -> str:
    """``site``, ``si`` or ``us``; ``site`` where nobody is there."""
    return _now.get()


@contextmanager
def units_of(person: object) -> Iterator[None]:
    """Read in the units of this person, until the end of the ``with``."""
    chosen = getattr(person, "units", AS_SENT)
    token = _now.set(chosen if chosen in SYSTEMS else AS_SENT)
    try:
        yield
    finally:
        _now.reset(token)
