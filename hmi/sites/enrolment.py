"""The web app's end of enrolling an agent: codes, claims, the administrator's word, and the credential.

    make_code        an administrator      a code for one hour, shown once
    claim            the agent             its certificate; answered with whom to trust, and nothing secret
    confirm, refuse  an administrator      types the comparison that the plant reads out; only now the agent is pinned
    collect, finish  the agent             the Listen connection string, sealed for it alone when it was confirmed

What an intercepted code is worth: its thief can claim it. Nothing is handed out then, because the plant's own machine
is refused and has no comparison to read out; and what a thief would read out is not asked for. Who confirms must type
what the plant reads, so the comparison cannot be skipped by pressing a button.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import secrets
from typing import Literal

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.audit.context import command_line_user
from hmi.sites.conduit_changes import record_change
from hmi.sites.enrolment_proofs import NotAccepted, proven, public_key, seal, verifies
from hmi.sites.enrolment_rows import Enrolment, end_enrolments
from hmi.sites.enrolment_trail import record
from hmi.sites.key_rotation import finish_listen_rotation
from hmi.sites.models import Conduit, Site
from hmi.sites.provisioning import own_keys
from hmi.sites.relay_management import changing_relay, check_same_relay
from relay_bridge.contract.enrolment import (
    Claim,
    Collect,
    Collected,
    Terms,
    code_digest,
    collect_bytes,
    comparison,
    make_code,
    read_code,
    same_comparison,
)
from relay_bridge.management import LISTEN_RULE, ManagementError, prepare_key
from relay_bridge.management.keys import Which

CODE_LIFE = dt.timedelta(hours=1)
CONFIRM_WITHIN = dt.timedelta(minutes=30)  # of the claim: both people are at their screens now
COLLECT_WITHIN = dt.timedelta(minutes=15)  # of the confirmation
MOST_ATTEMPTS = 5  # claims with the right code and a proof that is none
MOST_WRONG_COMPARISONS = 3
MOST_HAND_OUTS = 5  # answers that got lost on their way
POLL = 3.0  # seconds between two questions of a waiting agent
State = Enrolment.State
logger = logging.getLogger(__name__)


class NotDone(Exception):  # noqa: N818
    """An administrator's wish was not done. The text is one sentence that says what to do."""


# --- administrators ------------------------------------------------------------------------------------------------


def make_enrolment(site: Site, by: str, now: dt.datetime) -> tuple[Enrolment, str]:
    """A new code for ``site``, to be shown once; whatever was live before ends. ``NotDone``."""
    conduit = Conduit.objects.filter(site=site).first()
    if conduit is None or not conduit.send_key_path.exists():
        raise NotDone(f"{site.name} has no conduit: provision it first (manage.py provision_site), or anew if cut off.")
    if not site.enabled:
        raise NotDone(f"{site.name} is switched off; switch it on first.")
    code = make_code()
    try:
        with transaction.atomic():
            end_enrolments(site, "A new code was made.")
            enrolment = Enrolment.objects.create(
                site=site,
                code_digest=code_digest(read_code(code)),
                made_at=now,
                made_by=(by or command_line_user())[:150],
                expires=now + CODE_LIFE,
            )
            record(enrolment, "conduit:enrolment:made", by=by)
    except IntegrityError:
        raise NotDone(f"Somebody else made a code for {site.name} at this moment; look at the enrolments.") from None
    return enrolment, code


def confirm(enrolment: Enrolment, typed: str, by: str, now: dt.datetime) -> str:
    """Pin the agent whose comparison was ``typed``; what was done, in words. ``NotDone``, ``ManagementError``.

    An agent that the site had before is not believed any more, and its Listen key opens nothing.
    """
    if enrolment.state != State.CLAIMED or not enrolment.is_live(now):
        raise NotDone(f"This enrolment cannot be confirmed: it {enrolment.how_it_stands(now)}.")
    _check_comparison(enrolment, typed, by, now)
    conduit = Conduit.objects.select_related("site").get(site_id=enrolment.site_id)
    had_agent = bool(conduit.agent_pin)
    with changing_relay() as management:
        keys = management.get_rule_keys(conduit.entity_path, LISTEN_RULE)
        check_same_relay(conduit, keys.primary)
        connection = keys.get(_slot(conduit))
        if had_agent:
            connection = prepare_key(management, conduit.entity_path, LISTEN_RULE, _slot(conduit))
        with transaction.atomic():
            claimed = Enrolment.objects.filter(pk=enrolment.pk, state=State.CLAIMED, expires__gt=now)
            who = (by or command_line_user())[:150]
            if not claimed.update(
                state=State.CONFIRMED, decided_at=now, decided_by=who, expires=now + COLLECT_WITHIN,
                sealed=seal(connection.format(), enrolment.seal_key, enrolment.pk.hex, enrolment.thumbprint),
            ):  # fmt: skip
                raise NotDone("This enrolment was ended or decided meanwhile; look again.")
            enrolment.refresh_from_db()
            conduit.agent_pin, conduit.keys_changed = enrolment.certificate, now
            if had_agent:
                conduit.listen_rotation = now
            conduit.save()
            record(enrolment, "conduit:enrolment:confirmed", by=by)
            facts = {"thumbprint": enrolment.thumbprint}
            what = f"pinned {enrolment.thumbprint} (enrolled)"
            record_change(conduit, what, by, now, tag="conduit:agent:pinned", facts=facts)
    if not had_agent:
        return "Confirmed: the agent is pinned and now collects its key."
    try:
        finish_listen_rotation(conduit, now, by, force=True)
    except ManagementError as error:
        logger.warning("The Listen key of %s before this enrolment is still good: %s", conduit.site.slug, error)
        return (
            "Confirmed: the agent is pinned and now collects its key. The key of the agent before is still good: "
            f"run manage.py rotate_conduit_keys {conduit.site.slug} --rule listen --finish --force. ({error})"
        )
    return "Confirmed: the agent is pinned and now collects its key; the one before it is not believed any more."


def refuse(enrolment: Enrolment, by: str, now: dt.datetime, reason: str = "Refused by an administrator.") -> None:
    """End it: the code is worth nothing, and nothing is handed out. ``NotDone`` when it is over already."""
    with transaction.atomic():
        live = Enrolment.objects.filter(pk=enrolment.pk, state__in=Enrolment.LIVE)
        if not live.update(
            state=State.ENDED,
            end_reason=reason[:200],
            decided_at=now,
            decided_by=(by or command_line_user())[:150],
            ticket_digest="",
            sealed="",
        ):
            raise NotDone("This enrolment is over already.")
        record(enrolment, "conduit:enrolment:refused", by=by, result="refused", reason=reason)


def _check_comparison(enrolment: Enrolment, typed: str, by: str, now: dt.datetime) -> None:
    """Counted before it is looked at: who may try for ever, or a thousand at once, could press until it fits."""
    rows = Enrolment.objects.filter(pk=enrolment.pk)
    tries = rows.filter(state=State.CLAIMED, wrong_comparisons__lt=MOST_WRONG_COMPARISONS)
    if not tries.update(wrong_comparisons=F("wrong_comparisons") + 1):
        raise NotDone("This enrolment was ended or decided meanwhile; look again.")
    if same_comparison(typed, enrolment.comparison):
        rows.update(wrong_comparisons=F("wrong_comparisons") - 1)
        return
    enrolment.refresh_from_db()
    words = "What you typed is not what the machine that used the code shows."
    if enrolment.wrong_comparisons < MOST_WRONG_COMPARISONS:
        raise NotDone(
            f"{words} Have it read once more; if it stays so, somebody else may have used the code: refuse it."
        )
    refuse(enrolment, by, now, f"{MOST_WRONG_COMPARISONS} comparisons did not agree.")
    raise NotDone(
        f"{words} That was the last try: this enrolment is over. Find out who has seen the code, then make a new one."
    )


# --- the agent -----------------------------------------------------------------------------------------------------


def claim(message: Claim, origins: frozenset[str], source: str, now: dt.datetime) -> Terms:
    """Take a claim: the code is used up, and an administrator has a comparison to ask for. ``NotAccepted``.

    The same claim once more (its answer was lost) is answered once more, with a new ticket.
    """
    try:
        digest = code_digest(read_code(message.code))
    except ValueError:
        raise NotAccepted("no code") from None
    enrolment = Enrolment.objects.select_related("site").filter(code_digest=digest).first()
    if enrolment is None:
        raise NotAccepted("unknown code")
    again = enrolment.state == State.CLAIMED and enrolment.agent_nonce == message.nonce
    if not enrolment.is_live(now) or not (enrolment.state == State.OPEN or again) or not enrolment.site.enabled:
        raise NotAccepted(f"the code is {enrolment.how_it_stands(now)}")
    try:
        thumbprint, pem = proven(message, digest, origins, now)
        if again and (thumbprint, message.seal_key) != (enrolment.thumbprint, enrolment.seal_key):
            raise NotAccepted("another key under the same claim")  # noqa: TRY301
    except NotAccepted as refusal:
        _count_attempt(enrolment, refusal.reason)
        raise
    ticket = secrets.token_urlsafe(32)
    certificate, jwks = own_keys(now)
    terms = Terms(
        id=enrolment.pk.hex,
        ticket=ticket,
        site=enrolment.site.slug,
        name=enrolment.site.name,
        time_zone=enrolment.site.time_zone,
        issuer=settings.SIGHTLINE.issuer,
        audience=enrolment.site.audience,
        token_keys=jwks,
        web_app_cert=certificate,
        nonce=enrolment.nonce or secrets.token_hex(32),
        expires_in=int(CONFIRM_WITHIN.total_seconds()),
        poll=POLL,
    )
    with transaction.atomic():
        waiting = Enrolment.objects.filter(pk=enrolment.pk, state=enrolment.state, agent_nonce=enrolment.agent_nonce)
        if not waiting.update(
            state=State.CLAIMED, certificate=pem, thumbprint=thumbprint, agent_nonce=message.nonce,
            nonce=terms.nonce, seal_key=message.seal_key, source=source[:64],
            comparison=comparison(thumbprint, message.nonce, message.seal_key, terms),
            ticket_digest=_digest(ticket), claimed_at=now, expires=now + CONFIRM_WITHIN,
        ):  # fmt: skip
            raise NotAccepted("the code was claimed at the same moment")
        enrolment.refresh_from_db()
        record(enrolment, "conduit:enrolment:claimed")
    return terms


def collect(message: Collect, origins: frozenset[str], now: dt.datetime) -> Collected:
    """``waiting``, or the sealed credential once an administrator has confirmed. ``NotAccepted``."""
    enrolment = _of_ticket(message, "collect", origins, now)
    if enrolment.state == State.CLAIMED:
        return Collected(state="waiting")
    if Conduit.objects.get(site_id=enrolment.site_id).agent_pin != enrolment.certificate:
        raise NotAccepted("another agent was pinned meanwhile")
    with transaction.atomic():
        confirmed = Enrolment.objects.filter(pk=enrolment.pk, state=State.CONFIRMED, handed_out__lt=MOST_HAND_OUTS)
        if not confirmed.update(handed_out=F("handed_out") + 1):
            raise NotAccepted("the credential was handed out often enough")
        record(enrolment, "conduit:enrolment:collected")
    return Collected(state="confirmed", sealed=enrolment.sealed)


def finish(message: Collect, origins: frozenset[str], now: dt.datetime) -> None:
    """The agent has written everything: nothing is handed out any more. ``NotAccepted``."""
    enrolment = _of_ticket(message, "done", origins, now)
    with transaction.atomic():
        confirmed = Enrolment.objects.filter(pk=enrolment.pk, state=State.CONFIRMED, handed_out__gt=0)
        if not confirmed.update(state=State.DONE, done_at=now, ticket_digest="", sealed=""):
            raise NotAccepted("nothing was collected yet")
        record(enrolment, "conduit:enrolment:finished")


# --- proofs ---------------------------------------------------------------------------------------------------------


def _of_ticket(
    message: Collect, purpose: Literal["collect", "done"], origins: frozenset[str], now: dt.datetime
) -> Enrolment:
    enrolment = Enrolment.objects.select_related("site").filter(pk=message.id).first()
    if enrolment is None or not secrets.compare_digest(enrolment.ticket_digest, _digest(message.ticket)):
        raise NotAccepted("unknown ticket")
    if not enrolment.is_live(now) or enrolment.state == State.OPEN or not enrolment.site.enabled:
        raise NotAccepted(f"the enrolment {enrolment.how_it_stands(now)}")
    key, _ = public_key(enrolment.certificate)
    signed = (collect_bytes(purpose, origin, message.id, message.ticket) for origin in origins)
    if not any(verifies(key, message.signature, data) for data in signed):
        raise NotAccepted("the signature is not the claimant's")
    return enrolment


def _count_attempt(enrolment: Enrolment, reason: str) -> None:
    """A right code with a wrong proof: somebody tries something. After a few the code is worth nothing."""
    with transaction.atomic():
        Enrolment.objects.filter(pk=enrolment.pk).update(attempts=F("attempts") + 1)
        enrolment.refresh_from_db()
        record(enrolment, "conduit:enrolment:rejected", result="refused", reason=reason)
        if enrolment.attempts >= MOST_ATTEMPTS:
            ended = f"{MOST_ATTEMPTS} claims proved nothing."
            live = Enrolment.objects.filter(pk=enrolment.pk, state__in=Enrolment.LIVE)
            live.update(state=State.ENDED, end_reason=ended, ticket_digest="", sealed="")


def _slot(conduit: Conduit) -> Which:
    return "secondary" if conduit.listen_slot == Conduit.Slot.SECONDARY else "primary"


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
