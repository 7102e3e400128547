"""Who may change what, the second factor before it, the second person beside it, and all that closes the controls."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import IntegrityError
from django.utils import timezone

from accounts.assurance import STEPPED_UP_AT
from accounts.audit.models import Event
from accounts.issuer import MintRefused
from hmi.controls import changes, second_person
from hmi.controls.models import Change, State
from hmi.live.demand import provider
from hmi.sites.access import aget_site_for
from hmi.sites.errors import SiteRefused
from hmi.sites.models import Grant
from hmi.sites.tokens import asite_token_for
from relay_bridge.contract.authorization_details import WriteDetail
from relay_bridge.contract.readings import BAD_NOT_CONNECTED
from tests.hmi.controls.pump_site import (
    SETPOINT,
    START,
    WITNESSED,
    Operator,
    PumpSite,
    confirm,
    operator,
    text_of,
    until,
)
from tests.support.full_disk import no_events

pytestmark = pytest.mark.django_db(transaction=True)
UNIT = "/sites/north/units/P-101/"


async def drafted(client: Operator, path: str = SETPOINT, value: str = "70") -> str:
    answer = await client.fill_in(path, value=value)
    assert answer.status_code == 303, text_of(answer)
    return str(answer.headers["Location"])


async def test_role_without_the_right_sees_no_control_and_has_no_route(site: PumpSite, eva: Operator) -> None:
    assert f'href="{SETPOINT}"' in text_of(await eva.get(UNIT))
    address = await drafted(eva)
    vera = await operator("vera", "viewer", site)
    page = text_of(await vera.get(UNIT))
    assert SETPOINT not in page and START not in page and "Ask for access" in page
    for path in (SETPOINT, START, f"{address}send/", f"{address}agree/"):
        for answer in (await vera.get(path), await vera.post(path, {"value": "70"})):
            assert answer.status_code == 403 and "Ask for access" in text_of(answer), path
    assert (await vera.get(address)).status_code == 403
    charlie = await operator("charlie", "viewer", site)
    await Grant.objects.filter(user=charlie.person).adelete()
    assert (await charlie.get(address)).status_code == 404
    for path in (SETPOINT, START, f"{address}send/"):
        assert (await charlie.get(path)).status_code == (await charlie.post(path)).status_code == 404
    assert site.pump.effects == []


async def test_another_operator_finds_nothing_of_a_change(site: PumpSite, eva: Operator) -> None:
    address = await drafted(eva)
    olaf = await operator("olaf", "shift-supervisor", site)
    assert (await olaf.get(address)).status_code == 404
    for step in ("send", "agree", "put-away", "ask-again"):
        assert (await olaf.post(f"{address}{step}/")).status_code == 404
    ticket = await eva.ticket(SETPOINT)
    borrowed = await olaf.post(SETPOINT, {"ticket": ticket, "value": "70", "why": "as planned"})
    assert "belongs to another person" in text_of(borrowed)


async def test_without_a_second_factor_the_page_leads_there_and_keeps_what_was_typed(
    site: PumpSite, eva: Operator
) -> None:
    address = await drafted(eva)
    eva.session[STEPPED_UP_AT] = int(time.time()) - 400
    await eva.session.asave()
    page = text_of(await eva.get(address))
    assert "You have no second factor yet" in page and "/set-up/" in page and "Hold to" not in page
    answer = await eva.post(f"{address}send/")
    assert answer.headers["Location"] == f"/confirm/?next={address.replace('/', '%2F')}"
    assert site.pump.effects == [] and "70" not in answer.headers["Location"].partition("next=")[0]
    await confirm(eva)
    assert "Hold to set 70.0 %" in text_of(await eva.get(address))
    await eva.post(f"{address}send/")
    assert (await eva.settled(address)).state == State.DONE


async def test_without_script_a_second_page_has_a_plain_button(site: PumpSite, eva: Operator) -> None:
    address = await drafted(eva)
    page = text_of(await eva.get(f"{address}send/"))
    assert "Yes, set 70.0 %" in page and f'action="{address}send/"' in page
    assert site.pump.effects == [], "looking at it sends nothing"


@pytest.mark.parametrize("closing", ["read-only", "bad", "source", "link"])
async def test_nothing_is_sent_while_something_is_not_as_it_should_be(
    site: PumpSite, eva: Operator, closing: str
) -> None:
    address = await drafted(eva)
    link = provider().link(site.site)
    if closing == "read-only":
        switch = site._site_file.parent / "state" / "switch"
        switch.mkdir(parents=True, exist_ok=True)
        (switch / "read-only").touch()
        await until(lambda: link.mode is not None and link.mode.mode == "read-only", "the switch is told")
        words = "Closed at the plant. Read-only"
    elif closing == "bad":
        site.set("P-101.sp", 60.0, BAD_NOT_CONNECTED)
        words = "is not good"
    elif closing == "source":
        site.pump.set_state(2, "its server does not answer")
        await until(lambda: link.sources["main"].code == 2, "the source is told to be down")
        words = "source of this value is not connected"
    else:
        await site.stop_relay()
        await until(lambda: link.state.phase != "live", "the link is known to be down")
        words = "Closed while the link to the site is down"
    answer = await eva.post(f"{address}send/")
    assert answer.status_code == 200 and words in text_of(answer), text_of(answer)
    page = text_of(await eva.get(SETPOINT))
    assert words in page and 'name="ticket"' not in page
    assert (await Change.objects.aget()).state == State.DRAFT
    assert site.pump.effects == []
    if closing == "read-only":
        assert "Read-only" in text_of(await eva.get(UNIT))
    if closing == "link":
        await site.start_relay()


async def test_draft_that_waited_too_long_is_not_sent(site: PumpSite, eva: Operator) -> None:
    address = await drafted(eva)
    await Change.objects.aupdate(since=timezone.now() - timedelta(minutes=11))
    assert (await eva.post(f"{address}send/")).headers["Location"] == address
    assert "Not sent." in text_of(await eva.get(address)) and site.pump.effects == []


async def test_what_cannot_be_recorded_is_not_sent(site: PumpSite, eva: Operator) -> None:
    address = await drafted(eva)
    full = no_events()
    await sync_to_async(full.__enter__)()
    answer = await eva.post(f"{address}send/")
    await sync_to_async(full.__exit__)(None, None, None)
    assert answer.status_code == 503
    assert (await Change.objects.aget()).state == State.DRAFT
    assert site.pump.effects == []


# --- two persons ------------------------------------------------------------------------------------------------------


async def test_second_person_agrees_and_the_first_one_sends(site: PumpSite, eva: Operator) -> None:
    olaf = await operator("olaf", "shift-supervisor", site)
    address = await drafted(eva, WITNESSED, "45")
    assert "ask a second person" in text_of(await eva.get(address))
    await eva.post(f"{address}send/")
    assert "Waits for a second person" in text_of(await eva.get(address))
    assert (await eva.post(f"{address}send/")).headers["Location"] == address
    assert site.pump.effects == [], "nothing before somebody agreed"

    assert "eva asks you to agree" in text_of(await olaf.get("/sites/north/units/P-102/"))
    assert address in text_of(await olaf.get("/sites/north/actions/"))
    page = text_of(await olaf.get(address))
    assert "Hold to agree" in page and "as planned" in page and "eva" in page
    assert "hx-trigger" not in page, "a page that fetches itself again would take the button from under the finger"
    assert (await olaf.post(f"{address}agree/")).headers["Location"] == address
    waiting = text_of(await olaf.get(address))
    assert "You agreed" in waiting and 'hx-trigger="every 1s"' in waiting
    assert "hx-trigger" not in text_of(await eva.get(address))
    assert (await olaf.post(f"{address}send/")).status_code == 404
    assert site.pump.effects == []

    await eva.post(f"{address}send/")
    change = await eva.settled(address)
    assert (change.state, change.approver) == (State.DONE, olaf.person)
    assert site.pump.effects == [("P-102.sp", 45)]
    tags = [event.tag async for event in Event.objects.filter(tag__startswith="control:").order_by("seq")]
    assert tags == [f"control:change:{word}" for word in ("asked", "approved", "attempted", "done")]


async def test_nobody_agrees_to_an_own_change_at_either_end(site: PumpSite, eva: Operator) -> None:
    address = await drafted(eva, WITNESSED, "45")
    await eva.post(f"{address}send/")
    assert (await eva.post(f"{address}agree/")).status_code == 404
    change = await Change.objects.aget()
    with pytest.raises(changes.StepRefused, match="Nobody agrees to their own change"):
        await second_person.aagree(change, eva.person)
    with pytest.raises(IntegrityError):
        await Change.objects.filter(pk=change.pk).aupdate(approver=eva.person)
    access = await aget_site_for(eva.person, "north", scope="setpoint:write", session=eva.session)
    for approver in (str(eva.person.subject), "00000000-0000-4000-8000-000000000000", "olaf"):
        detail = WriteDetail("setpoint", "P-102.sp", 45, "%", 40.0, int(time.time()) + 10, approver)
        with pytest.raises(SiteRefused, match="approved by a second person") as refused:
            await asite_token_for(access, {"setpoint:write"}, 30, write=detail)
        assert isinstance(refused.value.__cause__, MintRefused)
    assert site.pump.effects == []


async def test_agreement_comes_from_somebody_with_the_right_who_just_confirmed_and_in_time(
    site: PumpSite, eva: Operator
) -> None:
    address = await drafted(eva, WITNESSED, "45")
    await eva.post(f"{address}send/")
    vera = await operator("vera", "viewer", site)
    assert (await vera.post(f"{address}agree/")).status_code == 403
    olaf = await operator("olaf", "shift-supervisor", site, confirmed=False)
    assert (await olaf.post(f"{address}agree/")).headers["Location"].startswith("/confirm/?next=")
    await confirm(olaf)
    await Change.objects.aupdate(since=timezone.now() - timedelta(seconds=121))
    late: Any = await olaf.post(f"{address}agree/")
    assert "does not wait for anybody" in text_of(late)
    await eva.post(f"{address}send/")
    assert "Not sent." in text_of(await eva.get(address))
    assert site.pump.effects == []


async def test_second_person_may_decline(site: PumpSite, eva: Operator) -> None:
    olaf = await operator("olaf", "shift-supervisor", site)
    address = await drafted(eva, WITNESSED, "45")
    await eva.post(f"{address}send/")
    assert (await olaf.post(f"{address}put-away/")).status_code == 303
    assert "olaf did not agree" in text_of(await eva.get(address))
    await eva.post(f"{address}send/")
    assert site.pump.effects == []


async def test_own_last_actions_are_those_of_the_site_too(site: PumpSite, eva: Operator) -> None:
    address = await drafted(eva)
    await eva.post(f"{address}send/")
    await eva.settled(address)
    page = text_of(await eva.get("/sites/north/actions/"))
    assert address in page and "before 60.0 % · after 70.0 % · as planned" in page
