"""Passkeys: WebAuthn ceremonies (W3C Web Authentication Level 3, section 7) over allauth's table of authenticators.

A passkey here is discoverable and always used with the device's own check of the person (finger, face, PIN), so it is
two factors at once and opens the account by itself. Its origin is exactly the web app's public address.
"""

from __future__ import annotations

import ipaddress
import json
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts.assurance import HARDWARE_KEY, SOFTWARE_KEY, TWO_FACTORS, USER_PRESENT
from relay_bridge.contract.audit import cut

CHALLENGE = "passkey_challenge"  # in the session: what was asked, for what purpose, when
CHALLENGE_LIFE = 300  # seconds from the question to the answer
LONGEST_ANSWER = 16 * 1024  # characters of a browser's answer
LONGEST_NAME = 60  # characters
LONGEST_REASON = 200  # characters of why an answer was refused
MOST_PASSKEYS = 10  # of one person

# What a challenge was asked for; an answer to one question is none to another.
ENROL, SIGN_IN, SECOND, STEP_UP = "enrol", "sign-in", "second", "step-up"


class PasskeyRefused(Exception):  # noqa: N818 - a decision, not a fault
    """The browser's answer was not accepted. ``reason`` is for log and trail, in English, and may be a library's.

    ``told`` is a sentence for the person where there is something to do about it, in the language spoken now.
    """

    def __init__(self, reason: str, told: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.told = told


class Proof(NamedTuple):
    """Somebody used a passkey: who, which one, and what that is worth (RFC 8176 values)."""

    person: Any
    passkey: Authenticator
    methods: tuple[str, ...]


def are_possible() -> bool:
    """Whether browsers offer passkeys at the public address: on https or ``localhost``, never on a bare IP address."""
    public = urlsplit(settings.PUBLIC_URL)
    try:
        ipaddress.ip_address(public.hostname or "")
    except ValueError:
        return public.scheme == "https" or public.hostname == "localhost"
    return False


def begin_enrolment(request: HttpRequest, person: Any) -> dict[str, Any]:
    """Options for ``navigator.credentials.create``; the challenge is kept in the session."""
    options, state = _server().register_begin(
        PublicKeyCredentialUserEntity(
            # The random subject and no name: the device shows the username, and gives the id back to us only.
            id=person.subject.bytes,
            name=person.get_username(),
            display_name=person.get_full_name() or person.get_username(),
        ),
        credentials=[credential for _, credential in _credentials(person)],
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
        extensions={"credProps": True},
    )
    _keep(request, state, ENROL)
    return dict(options)


@transaction.atomic
def finish_enrolment(request: HttpRequest, person: Any, answer: str, name: str) -> Proof:
    """Store the passkey that the browser made, or raise `PasskeyRefused`. Making it used it for the first time."""
    state, response = _take(request, ENROL), _parse(answer)
    if Authenticator.objects.filter(user=person, type=Authenticator.Type.WEBAUTHN).count() >= MOST_PASSKEYS:
        words = gettext("You have %(count)d passkeys already. Remove one that you no longer use, then add this one.")
        raise PasskeyRefused(f"The account has {MOST_PASSKEYS} passkeys already.", words % {"count": MOST_PASSKEYS})
    try:
        made = _server().register_complete(state, response)
    except Exception as error:  # whatever a made-up answer breaks in the parser, it is refused
        raise PasskeyRefused(_sentence(error)) from error
    if Authenticator.objects.filter(
        type=Authenticator.Type.WEBAUTHN, data__credential__rawId=response["rawId"]
    ).exists():
        reason = "This passkey belongs to an account already."
        raise PasskeyRefused(reason, gettext("This passkey belongs to an account already."))
    passkey: Authenticator = WebAuthn.add(person, name.strip()[:LONGEST_NAME] or gettext("Passkey"), response).instance
    passkey.data["counter"] = made.counter
    passkey.save(update_fields=["data"])
    return Proof(person, passkey, _methods(made))


def begin_use(request: HttpRequest, purpose: str, person: Any = None) -> dict[str, Any]:
    """Options for ``navigator.credentials.get``: one of ``person``'s passkeys, or whichever the device offers."""
    credentials = [credential for _, credential in _credentials(person)] if person is not None else None
    options, state = _server().authenticate_begin(credentials, user_verification=UserVerificationRequirement.REQUIRED)
    _keep(request, state, purpose)
    return dict(options)


@transaction.atomic
def finish_use(request: HttpRequest, purpose: str, answer: str, person: Any = None) -> Proof:
    """Who used which passkey, or `PasskeyRefused`. With ``person`` it must be one of theirs."""
    state, response = _take(request, purpose), _parse(answer)
    try:
        parsed = AuthenticationResponse.from_dict(response)
        owner = person if person is not None else _owner(parsed.response.user_handle)
        known = _credentials(owner, lock=True)
        used = _server().authenticate_complete(state, [credential for _, credential in known], response)
    except PasskeyRefused:
        raise
    except Exception as error:  # whatever a made-up answer breaks in the parser, it is refused
        raise PasskeyRefused(_sentence(error)) from error
    passkey = next(row for row, credential in known if credential.credential_id == used.credential_id)
    facts = parsed.response.authenticator_data
    _check_counter(passkey, facts.counter)
    passkey.record_usage()
    return Proof(owner, passkey, _methods(facts))


def _methods(facts: AuthenticatorData) -> tuple[str, ...]:
    # BE, "backup eligible" (6.1.3): whether the key may be copied to the person's other devices.
    key = SOFTWARE_KEY if facts.flags & facts.FLAG.BE else HARDWARE_KEY
    return (key, USER_PRESENT, TWO_FACTORS)


def _check_counter(passkey: Authenticator, counter: int) -> None:
    """7.2, step 22: a counter that does not grow means that there may be two copies of the key. Zero means none."""
    before = passkey.data.get("counter", 0)
    if (counter or before) and counter <= before:
        raise PasskeyRefused("The passkey's counter went back: there may be a copy of it.")
    passkey.data["counter"] = counter
    passkey.save(update_fields=["data"])


def _credentials(person: Any, *, lock: bool = False) -> list[tuple[Authenticator, AttestedCredentialData]]:
    rows = Authenticator.objects.filter(user_id=person.pk, type=Authenticator.Type.WEBAUTHN).order_by("pk")
    found = []
    for row in rows.select_for_update() if lock else rows:
        credential = row.wrap().authenticator_data.credential_data
        if credential is not None:
            found.append((row, credential))
    return found


def _owner(handle: bytes | None) -> Any:
    try:
        subject = UUID(bytes=handle or b"")
    except ValueError:
        raise PasskeyRefused("The answer names no person.") from None
    owner = get_user_model().objects.filter(subject=subject).first()
    if owner is None:
        raise PasskeyRefused("The answer names nobody known.")
    return owner


def _server() -> Fido2Server:
    public = urlsplit(settings.PUBLIC_URL)
    party = PublicKeyCredentialRpEntity(id=public.hostname, name="Sightline")
    return Fido2Server(party, verify_origin=lambda origin: origin == settings.PUBLIC_URL)


def _keep(request: HttpRequest, state: dict[str, Any], purpose: str) -> None:
    request.session[CHALLENGE] = {"state": state, "for": purpose, "at": int(time.time())}


def _take(request: HttpRequest, purpose: str) -> dict[str, Any]:
    """The state of the question that was asked; each is answered once."""
    kept = request.session.pop(CHALLENGE, None)
    if not isinstance(kept, dict) or kept.get("for") != purpose:
        raise PasskeyRefused("Nothing was asked that this could answer.")
    if not 0 <= time.time() - kept["at"] <= CHALLENGE_LIFE:
        raise PasskeyRefused("The answer came too late.", gettext("It took too long: five minutes at most."))
    return kept["state"]


def _parse(answer: str) -> dict[str, Any]:
    if len(answer) > LONGEST_ANSWER:
        raise PasskeyRefused("The answer is too long.")
    try:
        response = json.loads(answer)
    except (ValueError, RecursionError):  # the second for thousands of brackets in one another
        raise PasskeyRefused("The answer is no JSON.") from None
    if not isinstance(response, dict) or not isinstance(response.get("rawId"), str):
        raise PasskeyRefused("The answer is no credential.")
    return response


def _sentence(error: Exception) -> str:
    """For log, trail and page: one line, because a library's error may quote what a stranger wrote."""
    if not isinstance(error, ValueError):
        return f"The answer could not be read ({type(error).__name__})."
    return cut(str(error), LONGEST_REASON)
