"""Acknowledge, confirm, shelve: recorded before it is asked, asked once under the person's own token, recorded after.

Nothing here says that an alarm changed: the answer is what the site made of the wish, and the list shows the change
when the plant reports it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import audit
from hmi.alarms.wish import is_shelved
from hmi.live.alarm_book import AlarmBook
from hmi.sites.access import SiteAccess
from hmi.sites.background import to_its_end
from hmi.sites.errors import AccessEnded, SiteRefused, SiteUnreachable
from hmi.sites.gateway import get_gateway
from relay_bridge.contract.alarms import MAX_ACKS, Ack, AckAnswer, AckResult, AlarmPick, AlarmRow, Shelve, band_of

logger = logging.getLogger(__name__)
MAX_SHELVE_MINUTES = 12 * 60  # one shift; the source's own bound may be less
_IDS_PER_FACT = 14  # of 20 digits and a space: a fact has 300
NO_ANSWER = gettext_lazy(
    "It is not known whether it was done: the site did not answer. Tap the same button again; it is not done twice."
)


@dataclass(frozen=True)
class Outcome:
    """What became of a wish. ``trouble``: nothing was done, and why. ``unknown``: no answer came; the same key may be
    sent again. ``asked`` is False when the site was not asked this time. ``results`` by alarm, in the order asked."""

    results: tuple[AckResult, ...] = ()
    trouble: str = ""
    unknown: bool = False
    asked: bool = True

    @property
    def settled(self) -> bool:
        """The site said what became of it, so another try is another wish and needs another key."""
        return self.asked and not self.unknown


def make_key(nonce: str, *parts: str) -> str:
    """The idempotent key of one form: the same wish sent twice is done once, another wish is another key."""
    return hashlib.sha256("\0".join([nonce, *parts]).encode()).hexdigest()[:32]


async def acknowledge(
    person: Any, access: SiteAccess, picks: Sequence[AlarmPick], *, nonce: str, comment: str, what: Any, names: str
) -> Outcome:
    """``what``: ``acknowledge`` or ``confirm``. ``names`` stands in the audit trail.

    Raises ``AuditUnavailable`` when the attempt cannot be recorded: then nothing was asked.
    """
    key = make_key(nonce, what, comment, *(f"{pick.id} {pick.eid}" for pick in picks))
    ack = Ack(items=list(picks), key=key, c=comment, what=what)
    return await _act(
        person,
        access,
        picks,
        lambda: get_gateway().acknowledge(access, ack),
        what=what,
        reason=comment,
        names=names,
    )


async def shelve(
    person: Any, access: SiteAccess, pick: AlarmPick, *, nonce: str, minutes: int, reason: str, names: str
) -> Outcome:
    """Put one alarm out of the way for ``minutes``, or bring it back with 0. Raises as ``acknowledge`` does."""
    key = make_key(nonce, "shelve", str(minutes), reason, pick.id, pick.eid)
    wish = Shelve(item=pick, key=key, ms=minutes * 60_000, c=reason)
    what = "shelve" if minutes else "unshelve"
    return await _act(
        person,
        access,
        [pick],
        lambda: get_gateway().shelve(access, wish),
        what=what,
        reason=reason,
        names=names,
    )


def may_be_picked_together(row: AlarmRow) -> bool:
    """Whether a row may be acknowledged with others: the highest priority, and what is out of the way, is looked at
    one by one."""
    return not row.ack and not is_shelved(row) and band_of(row.sev) != "crit"


def why_closed(book: AlarmBook, picks: Sequence[AlarmPick], *, live: bool, down: Collection[str]) -> str:
    """Why nothing may be done now; empty when it may. What is not known to be the present is looked at, not acted on.

    ``live``: the site's link is. ``down``: its sources that cannot be reached.
    """
    if not live or book.state != "current":
        return _("The alarm list is not current, so the site was not asked. Wait until the list is current.")
    if any(row.source in down for pick in picks if (row := book.rows.get(pick.id)) is not None):
        return _("The site does not reach the source of this alarm, so it was not asked.")
    return ""


def check_together(book: AlarmBook, picks: Sequence[AlarmPick]) -> str:
    """Why these may not be acknowledged together; empty when they may."""
    if len(picks) > MAX_ACKS:
        return ngettext(
            "At most %(count)d alarm is acknowledged at once.",
            "At most %(count)d alarms are acknowledged at once.",
            MAX_ACKS,
        ) % {"count": MAX_ACKS}
    rows = [book.rows.get(pick.id) for pick in picks]
    if len(picks) > 1 and any(row is None or is_shelved(row) or band_of(row.sev) == "crit" for row in rows):
        return _(
            "One of these alarms is of the highest priority, is shelved, or left the list. "
            "Look at each of them by itself."
        )
    return ""


async def _act(
    person: Any,
    access: SiteAccess,
    picks: Sequence[AlarmPick],
    call: Callable[[], Awaitable[AckAnswer]],
    *,
    what: str,
    reason: str,
    names: str,
) -> Outcome:
    facts = {"what": what, "count": str(len(picks)), **_id_facts([pick.id for pick in picks])}
    who = {"actor": person, "site_id": access.site.pk, "site": access.site.slug, "subject": names, "reason": reason}
    return await to_its_end(_ask_and_record(call, facts, who), f"alarm action at {access.site.slug}")


async def _ask_and_record(
    call: Callable[[], Awaitable[AckAnswer]], facts: Mapping[str, str], who: Mapping[str, Any]
) -> Outcome:
    """From the first record to the last: a browser that leaves in between leaves no question without its outcome."""
    await audit.arecord("alarm:action:asked", result="done", facts=facts, **who)
    try:
        answer = await call()
    except AccessEnded as ended:
        outcome = Outcome(trouble=ended.message)
    except SiteRefused as refusal:
        outcome = Outcome(trouble=refusal.message)
    except SiteUnreachable as error:
        outcome = Outcome(trouble=f"{NO_ANSWER} ({error.told})", unknown=True)
    else:
        outcome = Outcome(results=tuple(answer.res))
    await _record_outcome(facts, who, outcome)
    return outcome


async def _record_outcome(asked: Mapping[str, str], who: Mapping[str, Any], outcome: Outcome) -> None:
    what = asked["what"]
    if outcome.trouble:
        word = "unknown" if outcome.unknown else "refused"
        values = {**who, "reason": outcome.trouble}
        facts = {**asked, "outcome": word}
        result = "failed" if outcome.unknown else "refused"
        await audit.atry_record("alarm:action:answered", result=result, facts=facts, **values)
        return
    by_word: dict[str, list[str]] = {}
    for each in outcome.results:
        by_word.setdefault(each.res, []).append(each.id)
    for word, ids in by_word.items():
        facts = {"what": what, "outcome": word, "count": str(len(ids)), **_id_facts(ids)}
        result = "done" if word in {"ok", "already"} else "failed" if word == "unknown" else "refused"
        await audit.atry_record("alarm:action:answered", result=result, facts=facts, **who)


def _id_facts(ids: Sequence[str]) -> dict[str, str]:
    parts = [ids[start : start + _IDS_PER_FACT] for start in range(0, len(ids), _IDS_PER_FACT)]
    return {f"alarms_{number}" if number > 1 else "alarms": " ".join(part) for number, part in enumerate(parts, 1)}
