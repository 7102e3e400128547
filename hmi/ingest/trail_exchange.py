"""The web app and an agent tell each other where their audit trails stand, once a minute while a link is up.

While nobody watches a site there is no link to it: ``manage.py exchange_trails``, run every hour, does it then.

What one side keeps of the other cannot be changed by whoever changes the other: a tail that was cut off there, with
everything that was signed there, is found here (docs/threats.md, T24).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import NamedTuple

from channels.db import database_sync_to_async
from django.db import DatabaseError

from accounts import audit
from accounts.audit.checkpoints import checkpoint_now, keep, latest_of, signature_holds
from accounts.audit.keys import AuditKeyError
from accounts.audit.models import Event, RetiredSegment
from hmi.sites.conduit_info import ConduitInfo, aget_conduit_info
from hmi.sites.errors import SiteRefused, SiteUnreachable
from hmi.sites.models import Site
from hmi.sites.site_session import OPEN_DEADLINE, SiteSession
from relay_bridge.contract.audit import WEB_CHAIN, Checkpoint
from relay_bridge.contract.messages import Trail, TrailAnswer

logger = logging.getLogger(__name__)
EVERY = 60.0  # seconds between two exchanges: a cut tail is found within two minutes at the latest
CALL_DEADLINE = 5.0  # seconds; the agent may have to look through a file
AT_ONCE = 8  # sites that ``exchange_once`` has a session to at a time


class Exchanged(NamedTuple):
    """What became of one exchange: ``trouble`` says why there was none, ``contradictions`` how many were found."""

    site: Site
    trouble: str
    contradictions: int


async def exchange_trails(session: SiteSession) -> None:
    """Tell and be told, again and again, until cancelled. That a session ends is others' business."""
    said: set[Checkpoint] = set()  # each contradiction is recorded once
    while True:
        try:
            await _exchange(session, said)
        except SiteRefused as refusal:
            if refusal.code == "unsupported":  # an agent from before
                await asyncio.Event().wait()
            logger.warning("%s did not take our audit checkpoint: %s", session.info.name, refusal.message)
        except SiteUnreachable as error:
            logger.info("No audit checkpoint was exchanged with %s: %s.", session.info.name, error.reason)
        except (DatabaseError, AuditKeyError, OSError) as error:
            logger.error("No audit checkpoint could be told to %s: %s", session.info.name, error)  # noqa: TRY400
        await asyncio.sleep(EVERY)


async def exchange_once(sites: Iterable[Site]) -> list[Exchanged]:
    """Open a short session to each of ``sites``, eight at a time, and exchange once. Raises nothing for one site."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def exchange(site: Site) -> Exchanged:
        said: set[Checkpoint] = set()
        async with turns:
            return Exchanged(site, await _exchange_over(site, said), len(said))

    return list(await asyncio.gather(*(exchange(site) for site in sites)))


async def _exchange_over(site: Site, said: set[Checkpoint]) -> str:
    try:
        session = await SiteSession.open(await aget_conduit_info(site.id), OPEN_DEADLINE)
        try:
            await _exchange(session, said)
        finally:
            await session.close("the audit trails were compared")
    except (SiteUnreachable, SiteRefused, DatabaseError, AuditKeyError, OSError) as error:
        return str(error)
    return ""


async def _exchange(session: SiteSession, said: set[Checkpoint]) -> None:
    chain = f"site:{session.info.slug}"
    mine, held = await _ours(chain)
    answer = await session.call("trail", Trail(mine=mine, held=held), TrailAnswer, deadline=CALL_DEADLINE)
    await _take(session.info, chain, held, answer, said)


@database_sync_to_async
def _ours(chain: str) -> tuple[Checkpoint | None, Checkpoint | None]:
    return checkpoint_now(), latest_of(chain)


@database_sync_to_async
def _take(info: ConduitInfo, chain: str, held: Checkpoint | None, answer: TrailAnswer, said: set[Checkpoint]) -> None:
    """Judge and keep what the agent answered; what contradicts is recorded and not kept."""
    told = answer.mine
    if answer.held is not None and not _is_ours(answer.held):
        _contradicted(info, answer.held, "the web app's trail has another event at that place, or none", said)
    if held is not None and not answer.agrees:
        _contradicted(info, held, "the agent's journal has another event at that place, or none", said)
    if told is None:
        return
    if told.chain != chain or not signature_holds(told):
        _contradicted(info, told, "it is not signed with the key that it names", said)
        return
    if held is not None and (told.seq < held.seq or (told.seq == held.seq and told.hash != held.hash)):
        _contradicted(info, told, f"the agent's journal stood at event {held.seq} before", said)
        return
    if held is not None and told.key != held.key:
        facts = {"kid": told.key, "before_kid": held.key}
        audit.try_record(
            "audit:counterpart:key-changed", actor=None, result="done", site_id=info.site_id, site=info.slug,
            subject=chain, facts=facts,
        )  # fmt: skip
    if held is None or told.seq > held.seq:
        keep(told)


def _is_ours(kept: Checkpoint) -> bool:
    """Whether our trail still is what the agent keeps of it."""
    if kept.chain != WEB_CHAIN:
        return False
    found = Event.objects.filter(seq=kept.seq).values_list("hash", flat=True).first()
    if found is None and RetiredSegment.objects.filter(last_seq__gte=kept.seq).exists():
        return True  # archived since
    return found == kept.hash


def _contradicted(info: ConduitInfo, checkpoint: Checkpoint, why: str, said: set[Checkpoint]) -> None:
    if checkpoint in said:
        return
    said.add(checkpoint)
    logger.error("Audit trails of the web app and of %s contradict each other: %s.", info.name, why)
    audit.try_record(
        "audit:counterpart:contradicted",
        actor=None,
        result="failed",
        site_id=info.site_id,
        site=info.slug,
        subject=checkpoint.chain,
        reason=why,
        facts={"seq": str(checkpoint.seq), "hash": checkpoint.hash},
    )
