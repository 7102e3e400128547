"""Codes that a person types: six digits from an authenticator app (RFC 6238), and recovery codes on paper.

Each is worth something once. The app's secret and the recovery codes' seed are stored encrypted (accounts.adapters).
"""

from __future__ import annotations

import hmac
import io
from typing import Any
from urllib.parse import quote, urlencode

import qrcode
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.utils import decrypt, encrypt
from django.db import transaction

from accounts.adapters import UnreadableSecret

PERIOD = 30  # seconds a code stands in the app
DRIFT = 1  # periods by which the phone's clock may be off, before and after (RFC 6238, 5.2)
ISSUER = "Sightline"
LAST_STEP = "last_step"  # the newest period whose code was used: no code works twice, nor an older one after it
LONGEST_CODE = 32  # characters that are looked at


def new_secret() -> str:
    """160 bits of chance in base32, as authenticator apps take them (RFC 4226, 4)."""
    return generate_totp_secret()


def enrolment_address(person: Any, secret: str) -> str:
    """The ``otpauth:`` address that an authenticator app reads from the picture."""
    label = quote(f"{ISSUER}:{person.get_username()}")
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': ISSUER}, quote_via=quote)}"


def draw_qr(text: str) -> bytes:
    """A QR code as SVG, black on white in every theme, with the four empty modules around it that cameras need."""
    code = qrcode.QRCode(border=4, error_correction=qrcode.constants.ERROR_CORRECT_M)
    code.add_data(text)
    matrix = code.get_matrix()
    picture = io.StringIO()
    size = len(matrix)
    picture.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">')
    picture.write(f'<rect width="{size}" height="{size}" fill="#fff"/><path d="')
    for y, row in enumerate(matrix):
        picture.writelines(f"M{x} {y}h1v1h-1z" for x, dark in enumerate(row) if dark)
    picture.write('" fill="#000"/></svg>')
    return picture.getvalue().encode("ascii")


def matching_step(secret: str, code: str, now: float) -> int | None:
    """The period in which ``code`` stood in the app, or None. Takes the same time for every code."""
    digits = tidy(code)
    found = None
    current = int(now) // PERIOD
    for step in range(current - DRIFT, current + DRIFT + 1):
        if hmac.compare_digest(format_hotp_value(hotp_value(secret, step)).encode(), digits.encode()):
            found = step
    return found


@transaction.atomic
def enrol_app(person: Any, secret: str, code: str, now: float) -> Authenticator | None:
    """Store the app's secret if ``code`` proves that the app has it; None otherwise. Replaces an earlier app."""
    step = matching_step(secret, code, now)
    if step is None:
        return None
    Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).delete()
    return Authenticator.objects.create(
        user=person, type=Authenticator.Type.TOTP, data={"secret": encrypt(secret), LAST_STEP: step}
    )


@transaction.atomic
def accept_app_code(person: Any, code: str, now: float) -> bool:
    """Whether ``code`` is the app's present one and was not used before; it is used up then (RFC 6238, 5.2)."""
    # The row is locked (SQLite: the whole database is, by IMMEDIATE), so two requests cannot use one code.
    row = Authenticator.objects.select_for_update().filter(user=person, type=Authenticator.Type.TOTP).first()
    if row is None:
        return False
    try:
        step = matching_step(decrypt(row.data["secret"]), code, now)
    except UnreadableSecret:
        return False
    if step is None or step <= row.data.get(LAST_STEP, 0):
        return False
    row.data[LAST_STEP] = step
    row.save(update_fields=["data"])
    row.record_usage()
    return True


@transaction.atomic
def make_recovery_codes(person: Any) -> list[str]:
    """Ten new recovery codes, the old ones worth nothing any more. This is the only time they can be read."""
    Authenticator.objects.filter(user=person, type=Authenticator.Type.RECOVERY_CODES).delete()
    return RecoveryCodes.activate(person).generate_codes()


def accept_recovery_code(person: Any, code: str) -> bool:
    """Whether ``code`` is one of the person's unused recovery codes; it is used up then."""
    row = Authenticator.objects.filter(user=person, type=Authenticator.Type.RECOVERY_CODES).first()
    if row is None:
        return False
    try:
        accepted = bool(RecoveryCodes(row).validate_code(tidy(code)))
    except UnreadableSecret:
        return False
    if accepted:
        row.refresh_from_db()
        row.record_usage()
    return accepted


def recovery_codes_left(person: Any) -> int:
    """How many recovery codes are unused; 0 when there are none."""
    row = Authenticator.objects.filter(user_id=person.pk, type=Authenticator.Type.RECOVERY_CODES).first()
    try:
        return len(RecoveryCodes(row).get_unused_codes()) if row is not None else 0
    except UnreadableSecret:
        return 0


def tidy(code: str) -> str:
    """A code as people type it, without the spaces and hyphens that make it readable."""
    return "".join(sign for sign in code[:LONGEST_CODE] if sign.isascii() and sign.isdigit())


def spaced(code: str) -> str:
    """A recovery code in two groups, easier to copy from paper."""
    half = len(code) // 2
    return f"{code[:half]} {code[half:]}"
