"""What somebody could try between the dialog and the plant: rights that end, a web app that goes away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from accounts.audit.models import Event
from hmi.controls import changes, sending
from hmi.controls.models import FOLLOW, Change, State
from hmi.sites.models import Grant
from relay_bridge.contract.acting import ActAnswer
from relay_bridge.contract.readings import BAD_NOT_CONNECTED
from tests.hmi.controls.pump_site import SETPOINT, WITNESSED, Operator, PumpSite, operator, text_of

pytestmark = pytest.mark.django_db(transaction=True)


async def drafted(client: Operator, path: str = SETPOINT, value: str = "70") -> str:
    answer = await client.fill_in(path, value=value)
    assert answer.status_code == 303, text_of(answer)
    return str(answer.headers["Location"])


async def agreed(site: PumpSite, eva: Operator) -> tuple[str, Operator]:
    """A change to which olaf has agreed and that eva has not sent."""
    olaf = await operator("olaf", "shift-supervisor", site)
    address = await drafted(eva, WITNESSED, "45")
    await eva.post(f"{address}send/")
    await olaf.post(f"{address}agree/")
    assert (await Change.objects.aget()).state == State.APPROVED
    return address, olaf


async def grant_ends(olaf: Any) -> None:
    grant = await Grant.objects.aget(user=olaf)
    await sync_to_async(grant.revoke)()


async def account_closes(olaf: Any) -> None:
    olaf.is_active = False
    await olaf.asave()


@pytest.mark.parametrize("ending", [grant_ends, account_closes])
async def test_agreement_is_worth_nothing_when_the_right_behind_it_is_gone(
    site: PumpSite, eva: Operator, ending: Callable[[Any], Awaitable[None]]
) -> None:
    address, olaf = await agreed(site, eva)
    await ending(olaf.person)
    assert (await eva.post(f"{address}send/")).headers["Location"] == address
    page = text_of(await eva.get(address))
    assert "Not sent." in page and "may not do this any more" in page
    assert (await Change.objects.aget()).state == State.ENDED
    assert site.pump.effects == []
    last = await Event.objects.filter(tag__startswith="control:").order_by("-seq").afirst()
    assert last is not None and last.tag == "control:change:refused"


async def test_own_right_that_ended_after_the_agreement_sends_nothing(site: PumpSite, eva: Operator) -> None:
    address, _ = await agreed(site, eva)
    await grant_ends(eva.person)
    assert (await eva.post(f"{address}send/")).status_code == 403
    assert site.pump.effects == [] and (await Change.objects.aget()).state == State.APPROVED


async def test_nobody_agrees_while_the_value_beside_it_is_not_good(site: PumpSite, eva: Operator) -> None:
    olaf = await operator("olaf", "shift-supervisor", site)
    address = await drafted(eva, WITNESSED, "45")
    await eva.post(f"{address}send/")
    site.set("P-102.sp", 40.0, BAD_NOT_CONNECTED)
    answer = await olaf.post(f"{address}agree/")
    assert answer.status_code == 200 and "is not good" in text_of(answer)
    assert (await Change.objects.aget()).state == State.ASKED


async def test_outcome_is_found_after_the_web_app_went_away_in_the_middle(site: PumpSite, eva: Operator) -> None:
    """Sent, done by the plant, and the process that waited for the answer is gone: looking at it asks the site."""
    address = await drafted(eva)
    await eva.post(f"{address}send/")
    done = await eva.settled(address)
    for age in (timedelta(seconds=20), FOLLOW + timedelta(hours=1)):
        await Change.objects.filter(pk=done.pk).aupdate(
            state=State.SENDING, settled=False, after=None, sent_at=timezone.now() - age
        )
        page = text_of(await eva.get(address))
        assert "Done." not in page and 'hx-trigger="every 1s"' in page, "it goes on looking by itself"
        change = await eva.settled(address)
        assert (change.state, change.settled, change.after) == (State.DONE, True, 70)
    assert site.pump.effects == [("P-101.sp", 70)], "asking sends nothing"


async def test_change_that_another_process_may_still_be_sending_is_left_to_it(site: PumpSite, eva: Operator) -> None:
    await drafted(eva)
    change = await Change.objects.select_related("site", "person").aget()
    assert await changes.abegin(change, eva.person)
    change = await Change.objects.aget()
    sending.take_up(change, None)  # type: ignore[arg-type]  # it must not even look at the access
    assert not sending.is_followed(change)


async def test_answer_that_is_still_worked_on_is_never_called_done(site: PumpSite, eva: Operator) -> None:
    await drafted(eva)
    change = await Change.objects.select_related("site", "person").aget()
    assert await changes.abegin(change, eva.person)
    for word in ("done", "sent", "refused", "unknown_outcome"):
        answer = ActAnswer(res=word, t=1, key=change.key, after=70, pending=True)  # type: ignore[arg-type]
        await changes.afinish(change.pk, answer)
        stored = await Change.objects.aget()
        assert (stored.state, stored.settled) == (State.UNKNOWN, False), word


async def test_settled_outcome_is_never_replaced(site: PumpSite, eva: Operator) -> None:
    address = await drafted(eva)
    await eva.post(f"{address}send/")
    done = await eva.settled(address)
    await changes.afinish(done.pk, None, code="never-came")
    await changes.afinish(done.pk, ActAnswer(res="refused", t=1, key=done.key))
    assert (await Change.objects.aget()).state == State.DONE


async def test_reason_with_signs_that_nobody_sees_is_refused(eva: Operator) -> None:
    for mark in ("\u202e", "\u0007", "\u200b"):
        answer = await eva.fill_in(SETPOINT, value="70", why=f"as {mark}planned")
        assert answer.status_code == 200 and "cannot be seen" in text_of(answer)
    assert not await Change.objects.aexists()


async def test_value_that_moved_since_it_was_asked_for_is_told_before_sending(site: PumpSite, eva: Operator) -> None:
    address = await drafted(eva)
    assert 'id="moved"' not in text_of(await eva.get(address))
    site.pump.set("P-101.sp", 61.0)
    page = text_of(await eva.get(address))
    assert "It reads 61.0 % now, and read 60.0 % when this was asked for." in page
    assert "Yes, set 70.0 %" in text_of(await eva.get(f"{address}send/"))


async def test_refused_form_stores_nothing_and_the_next_one_is_a_new_wish_for_what_is_seen_now(
    site: PumpSite, eva: Operator
) -> None:
    ticket = await eva.ticket(SETPOINT)
    assert (await eva.post(SETPOINT, {"ticket": ticket, "value": "999", "why": "as planned"})).status_code == 200
    assert not await Change.objects.aexists()
    site.pump.set("P-101.sp", 62.0)
    address = await drafted(eva)
    assert (await Change.objects.aget()).expected == 62.0
    assert site.pump.effects == [] and address


async def test_nothing_but_value_and_reason_is_taken_from_the_form(eva: Operator) -> None:
    more = {"expected", "expected_shown", "key", "confirm", "approver", "unit", "reauth", "person", "state"}
    address = (await eva.fill_in(SETPOINT, value="70", **dict.fromkeys(more, "99"))).headers["Location"]
    change = await Change.objects.aget(pk=address.rstrip("/").rpartition("/")[2])
    assert (change.expected, change.expected_shown, change.unit, change.confirm) == (60.0, "60.0 %", "%", "hold")
    assert change.reauth == 300 and change.approver_id is None and change.key != "99"


async def test_every_step_by_get_changes_nothing(site: PumpSite, eva: Operator) -> None:
    address = await drafted(eva)
    for step in ("send", "put-away", "ask-again"):
        assert (await eva.get(f"{address}{step}/")).status_code in {200, 405}
    assert (await Change.objects.aget()).state == State.DRAFT and site.pump.effects == []
