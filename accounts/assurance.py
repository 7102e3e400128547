"""What a signed-in session is worth: which factors its person showed, when, and whether they confirmed since.

Everything stands in the session itself, so that it ends with it. The keys, besides the two times of
``accounts.sessions``:

``amr``              how the person signed in: a list of RFC 8176 values (below), the strongest set since sign-in
``stepped_up_at``    seconds since the epoch of the last "confirm it is you" with a passkey or an authenticator app
``stepped_up_with``  the RFC 8176 values of that one
``use_notice``       version of the use notice that stood above the form
``device``           the browser and system in a few words, as *Your sign-ins* lists them
``source``           the address the sign-in came from
``company``          id of the company sign-on that vouched for the person, empty for a local sign-in
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from accounts.sessions import SIGNED_IN_AT
from relay_bridge.contract.tokens import ACR_PASSKEY, ACR_PASSWORD, ACR_SECOND_FACTOR

AMR = "amr"
STEPPED_UP_AT = "stepped_up_at"
STEPPED_UP_WITH = "stepped_up_with"
USE_NOTICE = "use_notice"
DEVICE = "device"
SOURCE = "source"
COMPANY = "company"

# RFC 8176 authentication method references. A passkey is a key in hardware that cannot leave it ("hwk") or one that
# its maker's cloud copies between a person's devices ("swk"); it is used with the device's own check of the person.
PASSWORD = "pwd"  # noqa: S105 - the registered name of the method
ONE_TIME_CODE = "otp"
HARDWARE_KEY = "hwk"
SOFTWARE_KEY = "swk"
USER_PRESENT = "user"
TWO_FACTORS = "mfa"
# Not registered: a printed recovery code, and somebody else's word (company sign-on).
RECOVERY_CODE = "recovery"
FEDERATED = "fed"

STEP_UP_LIFE = 300  # seconds that "confirm it is you" holds


class Assurance(NamedTuple):
    """``auth_time`` and ``stepped_up_at`` in seconds since the epoch, 0 when there was none."""

    amr: tuple[str, ...]
    auth_time: int
    stepped_up_at: int
    stepped_up_with: tuple[str, ...]

    @property
    def acr(self) -> str:
        """The level of the sign-in as a whole, as site tokens say it."""
        if TWO_FACTORS not in self.amr:
            return ACR_PASSWORD
        return ACR_PASSKEY if {HARDWARE_KEY, SOFTWARE_KEY} & set(self.amr) else ACR_SECOND_FACTOR

    @property
    def has_two_factors(self) -> bool:
        return TWO_FACTORS in self.amr

    def is_stepped_up(self, now: float) -> bool:
        """Whether the person confirmed within the last five minutes. Never true for a password alone."""
        return bool(self.stepped_up_with) and 0 <= now - self.stepped_up_at < STEP_UP_LIFE


def read_assurance(session: Mapping[str, Any] | Any) -> Assurance:
    """What ``session`` (a session store or its decoded content) carries; a session that says nothing had a password."""
    return Assurance(
        amr=_words(session.get(AMR)) or (PASSWORD,),
        auth_time=_seconds(session.get(SIGNED_IN_AT)),
        stepped_up_at=_seconds(session.get(STEPPED_UP_AT)),
        stepped_up_with=_words(session.get(STEPPED_UP_WITH)),
    )


def join_methods(*groups: Iterable[str]) -> list[str]:
    """All methods of ``groups``, each once, in order; ``mfa`` is added when something else joins a password."""
    methods: dict[str, None] = {}
    for group in groups:
        methods.update(dict.fromkeys(group))
    if {PASSWORD, FEDERATED} & methods.keys() and {ONE_TIME_CODE, RECOVERY_CODE} & methods.keys():
        methods[TWO_FACTORS] = None
    return list(methods)


def _words(value: Any) -> tuple[str, ...]:
    return tuple(word for word in value if isinstance(word, str)) if isinstance(value, (list, tuple)) else ()


def _seconds(value: Any) -> int:
    return value if isinstance(value, int) else 0
