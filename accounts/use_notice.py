"""What everybody reads before signing in (IEC 62443-3-3, SR 1.12), and which wording of it a session began under."""

from __future__ import annotations

import hashlib

from django.conf import settings

VERSION_LENGTH = 12  # hexadecimal digits: enough to tell an installation's wordings apart


def notice_text() -> str:
    """The text of the settings (SIGHTLINE_USE_NOTICE), in paragraphs; empty when the installation wants none."""
    return str(settings.USE_NOTICE).strip()


def notice_version() -> str:
    """Names the wording: the same text has the same version everywhere. Empty without a notice."""
    text = notice_text()
    return hashlib.sha256(text.encode()).hexdigest()[:VERSION_LENGTH] if text else ""
