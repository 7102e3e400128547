"""What everybody reads before signing in (IEC 62443-3-3, SR 1.12), and which wording of it a session began under."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.utils.translation import gettext as translated
from django.utils.translation import gettext_noop

from accounts.shipped_notice import SHIPPED

# The same words as SHIPPED, marked for translation; every other wording is the installation's own, and is shown as it
# was written there.
MARKED = gettext_noop(
    "Only people whom the operator of the plant has admitted may use this system. What you do here is recorded."
)
VERSION_LENGTH = 12  # hexadecimal digits: enough to tell an installation's wordings apart


def notice_text() -> str:
    """The text of the settings (SIGHTLINE_USE_NOTICE), in paragraphs; empty when the installation wants none.

    The shipped one is in the language spoken now.
    """
    text = _as_set()
    return translated(text) if text == SHIPPED else text


def notice_version() -> str:
    """Names the wording, whichever language it was read in: the same text has the same version everywhere.

    Empty without a notice.
    """
    text = _as_set()
    return hashlib.sha256(text.encode()).hexdigest()[:VERSION_LENGTH] if text else ""


def _as_set() -> str:
    return str(settings.USE_NOTICE).strip()
