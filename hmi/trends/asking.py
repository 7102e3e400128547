"""The buckets of up to eight tags over a window: what is kept, and the rest from the site under the asker's own token.

    answer = await get_historian().ask(access, ["TK-101.level"], latest("8h", now), wait=2.5)

A question goes on when its asker stops waiting, and its answer is kept: the page that asks again a moment later has it.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from accounts.roles import role_words
from hmi.sites.access import SiteAccess
from hmi.sites.background import in_background
from hmi.sites.errors import AccessEnded, SiteRefused, SiteUnreachable
from hmi.sites.gateway import HISTORY_DEADLINE, get_gateway
from hmi.trends.kept import KeptBuckets, Key
from hmi.trends.strips import Strip, strip_of
from hmi.trends.windows import Window
from relay_bridge.contract.history import MAX_HISTORY_TAGS, Hist, HistAnswer
from relay_bridge.contract.readings import BAD_NO_COMMUNICATION

HISTORY = "data:history"
LONG_ENOUGH = HISTORY_DEADLINE + 0.5  # seconds to wait for what the gateway gives up after 17
PATIENCE = 20.0  # seconds for all parts of one question together
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrendAnswer:
    """``strips`` cover the whole window; ``bad`` says by StatusCode why a tag has none.

    ``trouble``: why some of it is missing, in words. ``pending``: it is being fetched still. ``asked``: the agent's
    time of the newest answer in it, in epoch ms; 0 when the site did not answer.
    """

    strips: dict[str, Strip] = field(default_factory=dict)
    bad: dict[str, int] = field(default_factory=dict)
    trouble: str = ""
    pending: bool = False
    asked: int = 0


@dataclass
class _Found:
    strips: dict[str, Strip] = field(default_factory=dict)
    bad: dict[str, int] = field(default_factory=dict)
    trouble: str = ""
    asked: int = 0


class Historian:
    """One for each event loop."""

    def __init__(self) -> None:
        self.kept = KeptBuckets()
        self._running: dict[tuple[object, ...], asyncio.Task[_Found]] = {}

    async def ask(self, access: SiteAccess, tags: Sequence[str], window: Window, wait: float) -> TrendAnswer:
        """At most ``wait`` seconds. Raises ``AccessEnded``; whatever else is the matter stands in the answer.

        ``access`` was just found to be live: what is kept is given to whoever may see it now, and to nobody else.
        """
        if not access.allows(HISTORY):
            words = _("The role %(role)s does not show history.") % {"role": role_words(access.role_name)}
            raise SiteRefused("role", words)
        tags = list(dict.fromkeys(tags))[:MAX_HISTORY_TAGS]
        if not tags:
            return TrendAnswer()
        task = self._question(access, tags, window)
        done, _waiting = await asyncio.wait({task}, timeout=wait)
        if not done:
            return self._with_kept(access, tags, window, _Found(), pending=True)
        return self._with_kept(access, tags, window, task.result(), pending=False)

    def _question(self, access: SiteAccess, tags: list[str], window: Window) -> asyncio.Task[_Found]:
        key = (access.key, access.session_key, tuple(tags), window.start, window.end, window.width)
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = in_background(self._find(access, tags, window), "history for a trend")
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return task

    async def _find(self, access: SiteAccess, tags: list[str], window: Window) -> _Found:
        """Each tag is asked for from where its kept run ends; tags with the same missing part go together."""
        found = _Found()
        groups: dict[int, list[str]] = {}
        for tag in tags:
            kept = self.kept.find(Key(access.site.id, tag, window.width), window.start, window.end)
            start = window.start if kept is None else kept.end
            if start < window.end:
                groups.setdefault(start, []).append(tag)
            elif kept is not None:
                found.strips[tag] = kept
        try:
            async with asyncio.timeout(PATIENCE):
                parts = (
                    self._fetch(access, group, Window(start, window.end, window.width), window, found)
                    for start, group in groups.items()
                )
                for outcome in await asyncio.gather(*parts, return_exceptions=True):
                    if isinstance(outcome, BaseException):
                        raise outcome
        except AccessEnded:
            raise
        except SiteUnreachable as error:
            words = _("%(site)s did not answer: %(reason)s.")
            found.trouble = words % {"site": access.site.name, "reason": error.told}
        except SiteRefused as refusal:
            words = _("%(site)s refused: %(reason)s")
            found.trouble = words % {"site": access.site.name, "reason": refusal.message}
        except TimeoutError:
            found.trouble = _("The history did not come within %(seconds)d s.") % {"seconds": PATIENCE}
        return found

    async def _fetch(self, access: SiteAccess, tags: list[str], missing: Window, window: Window, found: _Found) -> None:
        cursor: str | None = None
        for _tag in tags:  # at least one tag fits into an answer
            query = Hist(tags=tags, start=missing.start, end=missing.end, n=missing.n, cur=cursor)
            answer = await get_gateway().history(access, query)
            self._take(access, answer, missing, window, found)
            cursor = answer.cur
            if cursor is None:
                return
        raise SiteUnreachable(access.site.name, "the site sends more history than can be read", 0.0)

    def _take(self, access: SiteAccess, answer: HistAnswer, missing: Window, window: Window, found: _Found) -> None:
        found.asked = max(found.asked, answer.t)
        found.bad.update(answer.bad)
        for tag, buckets in answer.b.items():
            try:
                strip = strip_of(buckets, missing, answer.t)
            except ValueError as error:
                raise SiteUnreachable(access.site.name, str(error), 0.0) from error
            key = Key(access.site.id, tag, window.width)
            kept = None
            if missing.start > window.start:
                kept = self.kept.find(key, window.start, missing.start)
            self.kept.keep(key, strip)
            whole = strip if kept is None or kept.end != missing.start else kept.followed_by(strip)
            if whole.start == window.start:
                found.strips[tag] = whole
            else:  # what was kept went away meanwhile: the page has this part, and asks again
                found.trouble = _("A part of the history is being fetched again.")

    def _with_kept(
        self, access: SiteAccess, tags: Iterable[str], window: Window, found: _Found, *, pending: bool
    ) -> TrendAnswer:
        """Where the site gave nothing, what is kept of the beginning, if anything is."""
        strips, bad = dict(found.strips), dict(found.bad)
        for tag in tags:
            if tag in strips or bad.get(tag, BAD_NO_COMMUNICATION) != BAD_NO_COMMUNICATION:
                continue
            kept = self.kept.find(Key(access.site.id, tag, window.width), window.start, window.end, old=True)
            if kept is not None:
                strips[tag] = kept.filled_to(window.end)
        return TrendAnswer(strips, bad, found.trouble, pending, found.asked)


_historians: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Historian] = weakref.WeakKeyDictionary()


def get_historian() -> Historian:
    """The one of the running event loop, made when first asked for."""
    loop = asyncio.get_running_loop()
    historian = _historians.get(loop)
    if historian is None:
        historian = _historians[loop] = Historian()
    return historian
