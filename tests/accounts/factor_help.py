"""Factors for tests: an authenticator app whose codes can be read, and the forms as a phone posts them."""

from __future__ import annotations

import time

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

from accounts import one_time_codes
from accounts.adapters import FactorAdapter


class App:
    """An authenticator app. ``code`` shows what it would ``steps`` periods from now; each is accepted once."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def code(self, *, steps: int = 0, now: float | None = None) -> str:
        now = time.time() if now is None else now
        return format_hotp_value(hotp_value(self.secret, int(now) // one_time_codes.PERIOD + steps))

    def wrong_code(self) -> str:
        near = {self.code(steps=steps) for steps in range(-2, 3)}
        return next(text for text in ("000000", "111111", "222222", "333333", "444444", "555555") if text not in near)


def give_app(person) -> App:
    """An authenticator app that was set up long ago, so that every present code is unused."""
    secret = one_time_codes.new_secret()
    Authenticator.objects.create(
        user=person, type=Authenticator.Type.TOTP, data={"secret": FactorAdapter().encrypt(secret)}
    )
    return App(secret)
