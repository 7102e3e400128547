"""The alarms behind a trend: those of its tags, and those of its assets that belong to no tag, over the same time.

Asked of the site's own journal under the asker's token for ``alarm:read``, one question an asset. What is not known is
said: a picture without a mark must not read as "there was no alarm".
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import gettext as _

from hmi.sites.access import SiteAccess
from hmi.sites.errors import SiteRefused, SiteUnreachable
from hmi.sites.gateway import get_gateway
from hmi.trends.windows import Window
from relay_bridge.contract.alarms import MAX_JOURNAL_PAGE, Journal, JournalAnswer, JournalRow

ALARMS = "alarm:read"


@dataclass(frozen=True)
class PastAlarms:
    """``rows``: the events of the stretch, oldest first. ``since``: epoch ms from which they are complete.

    ``trouble``: why they are not known, in words.
    """

    rows: tuple[JournalRow, ...] = ()
    since: int = 0
    trouble: str = ""


async def past_alarms(
    access: SiteAccess, tags: Collection[str], assets: Collection[str], window: Window, wait: float
) -> PastAlarms | None:
    """Within ``wait`` seconds; ``None`` when there is nothing to ask, or the role shows no alarms.

    Raises ``AccessEnded``; whatever else is the matter stands in the answer.
    """
    wanted = sorted(asset for asset in set(assets) if asset)
    if not wanted or not access.allows(ALARMS):
        return None
    questions = [Journal(window.start, window.end, asset=asset, max=MAX_JOURNAL_PAGE) for asset in wanted]
    try:
        async with asyncio.timeout(wait):
            answers = await asyncio.gather(*(get_gateway().journal(access, question) for question in questions))
    except (SiteUnreachable, TimeoutError):
        return PastAlarms(trouble=_("The alarms of this stretch are not known: the site did not answer."))
    except SiteRefused as refusal:
        words = _("The alarms of this stretch are not known: %(reason)s") % {"reason": refusal.message}
        return PastAlarms(trouble=words)
    rows = {(row.t, row.id, row.kind): row for answer in answers for row in answer.rows if _belongs(row, tags)}
    found = tuple(sorted(rows.values(), key=lambda row: row.t))
    return PastAlarms(found, max(_complete_from(answer) for answer in answers))


def _belongs(row: JournalRow, tags: Collection[str]) -> bool:
    return row.tag in tags if row.tag else True


def _complete_from(answer: JournalAnswer) -> int:
    """Epoch ms; behind the newest page there may be more."""
    if answer.cur is not None and answer.rows:
        return max(answer.since, answer.rows[-1].t)
    return answer.since
