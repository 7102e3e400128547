"""What the site's journal is told of an action: that it began, what became of it, or why it was refused."""

from __future__ import annotations

import datetime
from typing import Literal

from relay_bridge.agent.acting.wish import Wish, shown
from relay_bridge.agent.journal import Journal
from relay_bridge.contract.acting import ActAnswer
from relay_bridge.contract.audit import AuditEvent
from relay_bridge.contract.errors import RequestRefused

Result = Literal["done", "refused", "failed"]
# As the journal says it: what was sent and reads otherwise, or is not known, has failed until somebody has looked.
_RESULTS: dict[str, Result] = {"done": "done", "refused": "refused"}


class Records:
    """Each call is one event; None says that the journal did not take it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def begun(self, wish: Wish) -> AuditEvent | None:
        """About to be tried. Without this event nothing is tried."""
        return self._put(wish, "begun", "done", _wished(wish), reason=wish.why)

    def repeated(self, wish: Wish) -> None:
        """Asked for again under its key, and not done again."""
        self._put(wish, "repeated", "done", {})

    def refused(self, wish: Wish, refusal: RequestRefused) -> None:
        """Refused before anything was stored."""
        self._put(wish, "refused", "refused", _wished(wish) | {"code": refusal.code}, reason=refusal.message)

    def finished(self, wish: Wish, answer: ActAnswer) -> None:
        """What became of it."""
        facts = {"begun": answer.aid, "before": shown(answer.before), "code": answer.c}
        if answer.after is not None:
            facts["after"] = shown(answer.after)
        if answer.ua is not None:
            facts["status"] = f"0x{answer.ua:08X}"
        word = "unknown" if answer.res == "unknown_outcome" else answer.res
        self._put(wish, word, _RESULTS.get(answer.res, "failed"), facts, reason=answer.msg, owed=True)

    def _put(
        self, wish: Wish, word: str, result: Result, facts: dict[str, str], *, reason: str = "", owed: bool = False
    ) -> AuditEvent | None:
        return self._journal.record(
            f"agent:{wish.family}:{word}", result=result, actor=wish.sub, subject=wish.target, reason=reason,
            session=wish.session, facts={"action": wish.digest} | facts, owed=owed,
        )  # fmt: skip


def aid_of(event: AuditEvent) -> str:
    """The journal's event as it is named in answers: its day and its number."""
    return f"{datetime.datetime.fromtimestamp(event.at / 1000, datetime.UTC):%Y-%m-%d}/{event.seq:06d}"


def _wished(wish: Wish) -> dict[str, str]:
    return {"value": shown(wish.value), "expected": shown(wish.expected), "unit": wish.unit}
