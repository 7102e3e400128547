"""From "sent" to what became of it: one attempt, then only questions, in a task that no lost phone ends.

The request that started it has long been answered; pages look at the stored change. When this process ends in the
middle, the next look of its person at the change takes the questions up again (``take_up``): nothing is sent twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from hmi.controls.changes import afinish
from hmi.controls.models import METHODS, Change, Kind, State
from hmi.live.demand import provider
from hmi.sites import single_use
from hmi.sites.access import SiteAccess
from hmi.sites.background import in_background
from hmi.sites.errors import AccessEnded, AnswerLost, SiteRefused, SiteUnreachable
from hmi.sites.gateway import get_gateway
from relay_bridge.contract.acting import ActAnswer

FOLLOW_FOR = 60.0  # seconds of asking; the agent's own work takes 40 at most
ASK_EVERY = 1.0  # seconds between two questions; the agent itself waits up to 3 for an outcome
LATE = 8.0  # seconds beyond a change's time to live after which a key that the site does not know will never come
STORE_TRIES = 20  # times to store an outcome, a second apart
SENT_WITHIN = 15.0  # seconds; later than that no process can be about to send it still
logger = logging.getLogger(__name__)
_followed: set[UUID] = set()  # changes whose outcome a task of this process is after


def start(change: Change, access: SiteAccess) -> asyncio.Task[None]:
    """Send a change that was begun, in the background."""
    return _in_background(_carry_out(change, access), change)


def take_up(change: Change, access: SiteAccess) -> None:
    """Go on asking for what became of a change that another process sent, perhaps one that is gone."""
    if change.state != State.SENDING or change.pk in _followed or change.sent_at is None:
        return
    if (timezone.now() - change.sent_at).total_seconds() > SENT_WITHIN:
        _in_background(_follow(change, access, None), change)


def is_followed(change: Change) -> bool:
    """Whether this process is asking the site for its outcome now."""
    return change.pk in _followed


async def ask_again(change: Change, access: SiteAccess) -> str:
    """Ask the site once what became of it and store that; answers why it could not be told, empty when it was.

    Nothing is sent a second time: the question carries the key and no value.
    """
    sent = change.sent_at.timestamp() if change.sent_at is not None else 0.0
    try:
        answer = await get_gateway().outcome(access, change.key)
    except SiteRefused as refusal:
        if refusal.code != "not_found":
            return _("The site did not say: %(reason)s") % {"reason": refusal.message}
        if time.time() - sent <= change.ttl + LATE:
            return _("The site does not know of it yet. Ask again in a moment.")
        await _store(change.pk, None, "never-came")
        return ""
    except SiteUnreachable:
        return _("The site cannot be reached now. Ask again when the link is back.")
    await _store(change.pk, answer)
    return _("The site is still working on it.") if answer.pending else ""


def _in_background(work: Coroutine[Any, Any, None], change: Change) -> asyncio.Task[None]:
    _followed.add(change.pk)
    task = in_background(work, f"change {change.pk}")
    task.add_done_callback(lambda _: _followed.discard(change.pk))
    return task


async def _carry_out(change: Change, access: SiteAccess) -> None:
    wish = single_use.Change(
        method=METHODS[Kind(change.kind)], target=change.target, value=change.value, expected=change.expected,
        unit=change.unit, key=change.key, why=change.why, ttl=change.ttl,
        approved_by=str(change.approver.subject) if change.approver is not None else None,
    )  # fmt: skip
    link = provider().link(access.site)
    answer: ActAnswer | None = None
    try:
        answer = await get_gateway().act(access, wish, link.agent_time)
    except AccessEnded as ended:
        await _store(change.pk, None, "auth", ended.message)
        return
    except SiteRefused as refusal:
        await _store(change.pk, None, refusal.code, refusal.message)
        return
    except SiteUnreachable:
        await _store(change.pk, None, "unreachable")
        return
    except AnswerLost as lost:
        logger.warning("Change %s at %s: %s.", change.digest, access.site.slug, lost.reason)
    except Exception:
        logger.exception("A change failed on a fault of ours; nobody sends it again.")
    await _follow(change, access, answer)


async def _follow(change: Change, access: SiteAccess, answer: ActAnswer | None) -> None:
    """Ask under the same key until the site has settled it."""
    begun = time.monotonic()
    while answer is None or answer.pending:
        if time.monotonic() - begun > FOLLOW_FOR:
            await _store(change.pk, None, "not-told", settled=False)
            return
        await asyncio.sleep(ASK_EVERY)
        try:
            answer = await get_gateway().outcome(access, change.key)
        except AccessEnded as ended:
            await _store(change.pk, None, "not-told", ended.message, settled=False)
            return
        except SiteRefused as refusal:
            if refusal.code == "not_found" and time.monotonic() - begun > change.ttl + LATE:
                await _store(change.pk, None, "never-came")
                return
        except SiteUnreachable:
            continue
        except Exception:
            logger.exception("Asking for the outcome of a change failed on a fault of ours; it goes on.")
    await _store(change.pk, answer)


async def _store(
    pk: UUID, answer: ActAnswer | None, code: str = "", message: str = "", *, settled: bool = True
) -> None:
    """The outcome belongs to the person who waits: a database that is away for a moment must not lose it."""
    for tries_left in range(STORE_TRIES - 1, -1, -1):
        try:
            await afinish(pk, answer, code=code, message=message, settled=settled)
        except Change.DoesNotExist:
            return
        except Exception:
            logger.exception("The outcome of a change was not stored; %d more tries.", tries_left)
            await asyncio.sleep(1.0)
        else:
            return
