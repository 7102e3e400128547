"""What can go wrong on the way to a site.

SiteError
├── SiteUnreachable    no answer in time: the relay, the agent or the session between is not there
├── AnswerLost         a change was sent and no answer came: it may have happened or not
└── SiteRefused        the agent said no, with a code of the process API
    └── AccessEnded    the grant behind the access no longer holds: nobody asked the agent
"""

from __future__ import annotations

from hmi.sites.reasons import reason_words


class SiteError(Exception):
    """Root of what the gateway raises. ``retryable``: the very same attempt may work later."""

    retryable = False


class SiteUnreachable(SiteError):  # noqa: N818 - says what is the matter
    """``site`` is the site's name, ``reason`` a clause a technician can act on, ``waited`` seconds.

    ``reason`` is English, for log, trail and programs; ``told`` is the same in the language spoken now.
    """

    retryable = True

    def __init__(self, site: str, reason: str, waited: float) -> None:
        super().__init__(f"{site} cannot be reached: {reason} (waited {waited:.1f} s)")
        self.site = site
        self.reason = reason
        self.waited = waited

    @property
    def told(self) -> str:
        return reason_words(self.reason)


class AnswerLost(SiteError):  # noqa: N818 - says what is the matter
    """The one attempt was made; ``reason`` is why nothing is known of it. Only asking for its key tells more."""

    def __init__(self, site: str, reason: str) -> None:
        super().__init__(f"{site} did not answer a change that was sent: {reason}")
        self.reason = reason

    @property
    def told(self) -> str:
        """``reason`` in the language spoken now."""
        return reason_words(self.reason)


class SiteRefused(SiteError):  # noqa: N818
    """``code`` is one of ``relay_bridge.contract.errors.ERROR_CODES``, ``message`` the refusal in words."""

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retryable = retryable


class AccessEnded(SiteRefused):
    """``message`` says in words why the access ended, as the person will read it."""

    def __init__(self, message: str) -> None:
        super().__init__("auth", message)
