"""The site tokens that a session has presented, by handle; who asks under which, and until when values may flow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from relay_bridge.agent.admission import Admission, Admitted
from relay_bridge.agent.clock import Clock
from relay_bridge.contract.errors import RequestRefused

MAX_HANDLES = 256  # tokens in use on one session: the web app shares one among all who look at the site
LEASE = 30.0  # seconds that values flow after a token with data:live was last presented
STREAM_SCOPE = "data:live"
# One sentence for every refusal: whoever tries tokens learns nothing from the answers.
NOT_ACCEPTED = "The site did not accept this token."


@dataclass(frozen=True)
class _Presented:
    admitted: Admitted
    at: float  # monotonic seconds
    until: float  # monotonic seconds: a wall clock that is set back gives no token a longer life


class Handles:
    """At most ``MAX_HANDLES`` presented tokens of one session."""

    def __init__(self, admission: Admission, clock: Clock, lease: float = LEASE) -> None:
        self._admission = admission
        self._clock = clock
        self._lease = lease
        self._open: dict[int, _Presented] = {}
        self._last = 0

    def present(self, admitted: Admitted, renew: int | None) -> int:
        """The handle of an admitted token: ``renew`` again, when that handle is still known, or a new one."""
        if renew is None:
            self._forget_expired()
            if len(self._open) >= MAX_HANDLES:
                raise RequestRefused("busy", f"This session already uses {MAX_HANDLES} tokens; renew one of them.")
            self._last += 1
            renew = self._last
        elif renew not in self._open:
            raise RequestRefused("auth", NOT_ACCEPTED)
        now = self._clock.monotonic()
        self._open[renew] = _Presented(admitted, now, now + admitted.valid_until - self._clock.wall())
        return renew

    def require(self, handle: int | None, scope: str) -> Admitted:
        """What the handle opens now; ``RequestRefused`` ``auth`` when it opens nothing, ``role`` without the scope."""
        presented = self._open.get(handle) if handle is not None else None
        if presented is None or not self._holds(presented):
            raise RequestRefused("auth", "Present a valid token first; this request came without one.")
        if scope not in presented.admitted.scopes:
            raise RequestRefused("role", f"The presented token does not carry {scope}.")
        if presented.admitted.write is not None and handle is not None:
            del self._open[handle]  # single use: this call is the one
        return presented.admitted

    def drop(self, handles: Iterable[int]) -> int:
        """Forget these handles now; answers how many were still known."""
        return sum(self._open.pop(handle, None) is not None for handle in handles)

    def lease_left(self, scope: str = STREAM_SCOPE) -> float:
        """Seconds that live values, or what else ``scope`` opens, may still flow; 0 or less when they may not."""
        wall, now = self._clock.wall(), self._clock.monotonic()
        return max(
            (
                min(presented.admitted.valid_until - wall, presented.at + self._lease - now)
                for presented in self._open.values()
                if scope in presented.admitted.scopes and self._holds(presented)
            ),
            default=0.0,
        )

    def _forget_expired(self) -> None:
        for handle in [h for h, presented in self._open.items() if not self._holds(presented)]:
            del self._open[handle]

    def _holds(self, presented: _Presented) -> bool:
        return self._clock.monotonic() < presented.until and self._admission.still_holds(
            presented.admitted, self._clock.wall()
        )

    def __len__(self) -> int:
        return len(self._open)
