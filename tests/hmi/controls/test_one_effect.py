"""From the dialog to the plant and back, over a real relay, agent and source: one effect or none, and the truth."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from accounts.audit.models import Event
from hmi.controls import changes, sending
from hmi.controls.models import Change, State
from hmi.sites.access import aget_site_for
from hmi.sites.gateway import get_gateway
from tests.hmi.controls.pump_site import SETPOINT, START, Operator, PumpSite, text_of, until

pytestmark = pytest.mark.django_db(transaction=True)


async def change_to(client: Operator, value: str, path: str = SETPOINT) -> str:
    """Fill in the dialog; the address of the stored change."""
    answer = await client.fill_in(path, value=value)
    assert answer.status_code == 303, text_of(answer)
    return str(answer.headers["Location"])


async def send(client: Operator, address: str) -> Any:
    return await client.post(f"{address}send/")


async def test_setpoint_is_written_once_and_read_back(site: PumpSite, eva: Operator) -> None:
    address = await change_to(eva, "72,5")
    page = text_of(await eva.get(address))
    assert "60.0 %" in page and "72.5 %" in page and "Hold to set 72.5 %" in page
    assert site.pump.effects == []

    assert (await send(eva, address)).headers["Location"] == address
    assert "waiting for the plant" in text_of(await eva.get(address)) or site.pump.effects
    change = await eva.settled(address)

    assert (change.state, change.settled, change.before, change.after) == (State.DONE, True, 60.0, 72.5)
    assert site.pump.effects == [("P-101.sp", 72.5)]
    assert "Done." in text_of(await eva.get(address))
    written = {event.tag: event async for event in Event.objects.filter(tag__startswith="control:")}
    assert written.keys() == {"control:change:attempted", "control:change:done"}
    assert f'"action":"{change.digest}"' in site.journal(), "both records call it by the same name"


async def test_command_runs_once_and_only_from_its_state(site: PumpSite, eva: Operator) -> None:
    address = (await eva.fill_in(START)).headers["Location"]
    await send(eva, address)
    assert (await eva.settled(address)).state == State.DONE
    assert [name for name, _ in site.pump.effects] == ["P-101.run=true"]
    page = text_of(await eva.get(START))
    assert "Not possible in the present state" in page and 'name="ticket"' not in page


async def test_whatever_comes_twice_is_done_once_with_the_same_outcome(site: PumpSite, eva: Operator) -> None:
    answer = await eva.fill_in(SETPOINT, value="70")
    address = answer.headers["Location"]
    site.pump.behaviour.before = 0.2
    answers = await asyncio.gather(*(send(eva, address) for _ in range(5)))
    assert {each.headers["Location"] for each in answers} == {address}
    assert (await eva.settled(address)).state == State.DONE
    assert (await send(eva, address)).headers["Location"] == address
    assert site.pump.effects == [("P-101.sp", 70)]
    assert await Event.objects.filter(tag="control:change:attempted").acount() == 1


async def test_same_form_is_the_same_change_and_another_value_in_it_is_refused(site: PumpSite, eva: Operator) -> None:
    ticket = await eva.ticket(SETPOINT)
    form = {"ticket": ticket, "value": "65", "why": "as planned"}
    first, second = await eva.post(SETPOINT, form), await eva.post(SETPOINT, form)
    assert first.headers["Location"] == second.headers["Location"]
    await send(eva, first.headers["Location"])
    await eva.settled(first.headers["Location"])
    assert (await eva.post(SETPOINT, form)).headers["Location"] == first.headers["Location"]
    changed = await eva.post(SETPOINT, form | {"value": "66"})
    assert changed.status_code == 200 and "used already, for 65.0 %" in text_of(changed)
    assert "did not come from this dialog" in text_of(await eva.post(SETPOINT, form | {"ticket": ticket[:-2] + "xx"}))
    assert site.pump.effects == [("P-101.sp", 65)]


TYPED = {
    "": "Type the new value", "abc": "Type a number", "1e2": "Type a number", "nan": "Type a number",
    "19": "between 20 and 110", "110.5": "between 20 and 110", "60.25": "At most 1 decimal", "60.3": "multiple of 0.5",
    "75.5": "at most 15", "60": "already", "9" * 30: "Type a number", "\u0667\u0660": "Type a number",
}  # fmt: skip


async def test_value_that_the_site_would_refuse_is_not_even_stored(eva: Operator) -> None:
    for typed, words in TYPED.items():
        answer = await eva.fill_in(SETPOINT, value=typed)
        assert answer.status_code == 200 and words in text_of(answer), typed
    assert "Say why" in text_of(await eva.fill_in(SETPOINT, value="70", why=" x "))
    assert not await Change.objects.aexists()


async def test_value_that_moved_since_is_refused_by_the_site_and_nothing_happens(site: PumpSite, eva: Operator) -> None:
    address = await change_to(eva, "70")
    site.pump.set("P-101.sp", 61.0)
    await send(eva, address)
    change = await eva.settled(address)
    assert (change.state, change.code) == (State.REFUSED, "expected")
    page = text_of(await eva.get(address))
    assert "Refused: nothing was changed" in page and "not what was seen" in page
    assert site.pump.effects == []


async def test_plant_that_takes_it_and_reads_otherwise_is_told_so(site: PumpSite, eva: Operator) -> None:
    site.pump.behaviour.effect = False
    address = await change_to(eva, "70")
    await send(eva, address)
    assert (await eva.settled(address)).state == State.SENT
    page = text_of(await eva.get(address))
    assert "reads otherwise" in page and "60.0 %" in page and "Done." not in page


async def test_lost_answer_of_the_source_is_loudly_unknown(site: PumpSite, eva: Operator) -> None:
    site.pump.behaviour.lose_answer = True
    address = await change_to(eva, "70")
    await send(eva, address)
    change = await eva.settled(address)
    assert (change.state, change.settled, change.after) == (State.UNKNOWN, True, 70)
    page = text_of(await eva.get(address))
    assert "Not known whether it happened" in page and "Done." not in page and "Read right afterwards" in page
    assert len(site.pump.effects) == 1


async def test_slow_source_is_followed_to_its_end(site: PumpSite, eva: Operator) -> None:
    site.pump.behaviour.before = 3.3  # longer than the agent lets a request wait
    address = await change_to(eva, "70")
    await send(eva, address)
    assert "waiting for the plant" in text_of(await eva.get(address))
    assert (await eva.settled(address)).state == State.DONE
    assert len(site.pump.effects) == 1


async def test_answer_lost_on_the_way_is_asked_for_and_nothing_is_sent_again(site: PumpSite, eva: Operator) -> None:
    site.pump.behaviour.before = 0.3
    address = await change_to(eva, "70")
    await send(eva, address)
    acting = site.agent.site.acting
    assert acting is not None
    await until(lambda: acting._executor._running, "the agent works on it")
    (line,) = get_gateway()._lines.values()
    assert line.current is not None
    await line.current.session.close("the test cut the session")
    change = await eva.settled(address)
    assert (change.state, change.settled) == (State.DONE, True)
    assert site.pump.effects == [("P-101.sp", 70)]


async def test_site_that_goes_before_it_is_sent_means_that_nothing_was_sent(site: PumpSite, eva: Operator) -> None:
    address = await change_to(eva, "70")
    await get_gateway().close()
    await site.stop_relay()
    change = await Change.objects.select_related("site", "person", "approver").aget()
    access = await aget_site_for(eva.person, "north", scope="setpoint:write", session=eva.session)
    assert await changes.abegin(change, eva.person)
    await sending.start(change, access)
    change = await eva.settled(address)
    assert (change.state, change.code) == (State.REFUSED, "unreachable")
    page = text_of(await eva.get(address))
    assert "Refused: nothing was changed." in page and "The site cannot be reached." in page
    await site.start_relay()


async def test_unknown_can_be_asked_for_later_and_only_by_its_person(site: PumpSite, eva: Operator) -> None:
    """The web app went away in the middle: nobody follows the change, and the site still has the truth."""
    address = await change_to(eva, "70")
    await send(eva, address)
    change = await eva.settled(address)
    await Change.objects.filter(pk=change.pk).aupdate(state=State.UNKNOWN, settled=False, message="")
    page = text_of(await eva.get(address))
    assert "Ask the site what became of it" in page
    assert (await eva.post(f"{address}ask-again/")).headers["Location"] == address
    assert (await eva.settled(address)).state == State.DONE
    assert site.pump.effects == [("P-101.sp", 70)]
