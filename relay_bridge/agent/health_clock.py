"""``ClockWatch``: do the web app's tokens say that a clock is wrong? Their signature holds, so their times count."""

from __future__ import annotations

from collections.abc import Callable

ABOUT_TIME = frozenset({"expired", "issued-in-future", "not-yet-valid"})  # of the reasons to refuse a token
FORGET = 900.0  # seconds after the last such refusal


class ClockWatch:
    """Told of every token that was judged; a token that is let in says that the clocks agree again."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._refused = 0
        self._last = 0.0
        self._why = ""

    def refused(self, code: str) -> None:
        if code in ABOUT_TIME:
            self._refused += 1
            self._last = self._monotonic()
            self._why = code

    def admitted(self) -> None:
        self._refused = 0

    @property
    def doubt(self) -> str:
        """Empty, or what speaks against the clock."""
        if not self._refused or self._monotonic() - self._last > FORGET:
            return ""
        return f"{self._refused} of the web app's tokens in a row were refused because of their times ({self._why})"
