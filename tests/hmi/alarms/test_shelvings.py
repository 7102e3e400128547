"""Why an alarm is out of the way: in its own words, or said to be unknown."""

from __future__ import annotations

import uuid
import zoneinfo
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.template.loader import render_to_string

from accounts import audit
from hmi.alarms.shelvings import ANSWERED, ASKED, Shelving, ShownShelving, shelvings_of, show_shelving
from tests.hmi.alarms.rows import NOW
from tests.hmi.live.people import amake_person

UTC = zoneinfo.ZoneInfo("UTC")


def test_reason_person_and_moment_are_shown() -> None:
    shown = show_shelving(Shelving("dora", "Float <b>sticks</b>", NOW), UTC, NOW)
    assert (shown.who, shown.when) == ("dora", "17:53:20")
    page = render_to_string("alarms/_shelving.html", {"shelving": shown})
    assert "Float &lt;b&gt;sticks&lt;/b&gt;" in page
    assert "Shelved by <bdi>dora</bdi> at 17:53:20" in page


def test_what_another_system_shelved_is_not_silent_about_it() -> None:
    assert show_shelving(None, UTC, NOW) == ShownShelving()
    assert "not shelved from here" in render_to_string("alarms/_shelving.html", {"shelving": ShownShelving()})


class Site:
    """The trail of one site, as acting on alarms writes it."""

    def __init__(self) -> None:
        self.site = SimpleNamespace(pk=uuid.uuid4(), slug="north")

    async def tell(self, tag: str, result: Any, person: Any, reason: str, what: str = "shelve") -> None:
        facts = {"what": what, "count": "1", "alarms": "a001"}
        where = {"site_id": self.site.pk, "site": self.site.slug, "subject": "TK-1 level", "reason": reason}
        await sync_to_async(audit.record)(tag, result=result, actor=person, facts=facts, **where)

    async def found(self) -> Shelving | None:
        access: Any = self
        return (await shelvings_of(access, ["a001"])).get("a001")


@pytest.mark.django_db(transaction=True)
async def test_answer_that_was_lost_hides_neither_person_nor_reason() -> None:
    dora, site = await amake_person("dora"), Site()
    assert await site.found() is None
    await site.tell(ASKED, "done", dora, "float sticks")
    told = await site.found()
    assert told is not None
    assert (told.who, told.why) == ("dora", "float sticks")
    await site.tell(ANSWERED, "failed", dora, "no answer came")
    assert await site.found() == told, "not known is not refused"


@pytest.mark.django_db(transaction=True)
async def test_what_was_refused_is_nobodys_doing() -> None:
    dora, eva, site = await amake_person("dora"), await amake_person("eva"), Site()
    await site.tell(ASKED, "done", dora, "float sticks")
    await site.tell(ANSWERED, "done", dora, "float sticks")
    await site.tell(ASKED, "done", eva, "noise")
    await site.tell(ANSWERED, "refused", eva, "noise")
    await site.tell(ASKED, "done", eva, "", what="acknowledge")
    told = await site.found()
    assert told is not None
    assert (told.who, told.why) == ("dora", "float sticks")
