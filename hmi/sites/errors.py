"""What can go wrong on the way to a site.

SiteError
├── SiteUnreachable    no answer in time: the relay, the agent or the session between is not there
└── SiteRefused        the agent said no, with a code of the process API
    └── AccessEnded    the grant behind the access no longer holds: nobody asked the agent
"""

from __future__ import annotations


class SiteError(Exception):
    """Root of what the gateway raises. ``retryable``: the very same attempt may work later."""

    retryable = False


class SiteUnreachable(SiteError):  # noqa: N818 - says what is the matter
    """``site`` is the site's name, ``reason`` a sentence a technician can act on, ``waited`` seconds."""

    retryable = True

    def __init__(self, site: str, reason: str, waited: float) -> None:
        super().__init__(f"{site} cannot be reached: {reason} (waited {waited:.1f} s)")
        self.site = site
        self.reason = reason
        self.waited = waited


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
