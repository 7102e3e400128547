"""A hand-over's steps: two different people, each signing what they saw; after that nothing changes it any more."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.audit.models import Event
from hmi.shifts import steps
from hmi.shifts.content import digest_holds, draft_digest
from hmi.shifts.models import MAX_WORDS, HandOver, Stage
from hmi.sites.access import get_site_for
from tests.hmi.live.people import give, make_person, make_site
from tests.support.full_disk import no_events

pytestmark = pytest.mark.django_db
EVENTS = {"v": 1, "gaps": [], "shelved": {"total": 1, "rows": [{"id": "a1", "name": "TK-1 high"}]}}


class Crew:
    def __init__(self) -> None:
        site = make_site()
        self.eva, self.otto = make_person("eva"), make_person("otto")
        for person in (self.eva, self.otto):
            give(person, "shift-supervisor", site)
        self.of = {person: get_site_for(person, "north", scope="alarm:ack") for person in (self.eva, self.otto)}
        self.end = timezone.now()
        self.start = self.end - dt.timedelta(hours=8)

    def draft(self) -> HandOver:
        return steps.begin(self.of[self.eva], self.eva, self.start, self.end, EVENTS)[0]

    def given(self) -> HandOver:
        row = self.draft()
        return steps.give(self.of[self.eva], self.eva, row.pk, draft_digest(row))

    def take(self, person: Any, row: HandOver, ticked: tuple[str, ...] = ("a1",), seen: str | None = None) -> HandOver:
        reviewed = [{"id": name, "name": name} for name in ticked]
        digest = row.digest if seen is None else seen
        return steps.take(self.of[person], person, row.pk, digest, reviewed=reviewed, required={"a1"})


@pytest.fixture
def crew() -> Crew:
    return Crew()


def test_two_people_sign_and_the_hash_is_in_the_trail(crew: Crew) -> None:
    row = crew.draft()
    assert steps.begin(crew.of[crew.eva], crew.eva, crew.start, crew.end, {})[1] is False  # the same draft again
    assert steps.find(crew.of[crew.otto], row.pk, crew.otto) is None  # a draft is its writer's
    row = steps.write_words(crew.of[crew.eva], crew.eva, row.pk, {"general": "Quiet.", "nothing": "x", "notes": ""})
    assert row.words == {"general": "Quiet."}
    row = steps.give(crew.of[crew.eva], crew.eva, row.pk, draft_digest(row))
    row = crew.take(crew.otto, row)
    stored = steps.find(crew.of[crew.otto], row.pk, crew.otto)
    assert stored is not None and stored.stage == Stage.TAKEN and digest_holds(stored)
    events = Event.objects.filter(tag__startswith="shift:").order_by("seq")
    assert [event.tag.rpartition(":")[2] for event in events] == ["drafted", "given", "taken"]
    assert json.loads(events[2].facts)["hash"] == stored.digest and events[2].username == "otto"


def test_nobody_takes_over_from_themselves_and_nobody_signs_what_they_did_not_see(crew: Crew) -> None:
    row = crew.draft()
    seen = draft_digest(row)
    row = steps.write_words(crew.of[crew.eva], crew.eva, row.pk, {"general": "Changed."})
    for person, digest in ((crew.eva, seen), (crew.otto, draft_digest(row))):
        with pytest.raises(steps.StepRefused):
            steps.give(crew.of[person], person, row.pk, digest)
    row = steps.give(crew.of[crew.eva], crew.eva, row.pk, draft_digest(row))
    with pytest.raises(steps.StepRefused, match="another person"):
        crew.take(crew.eva, row)
    with pytest.raises(steps.StepRefused, match="changed since"):
        crew.take(crew.otto, row, seen="0" * 64)
    with pytest.raises(steps.StepRefused, match="every shelved alarm"):
        crew.take(crew.otto, row, ticked=())
    with transaction.atomic(), pytest.raises(IntegrityError), transaction.atomic():
        HandOver.objects.filter(pk=row.pk).update(incoming=crew.eva)  # the database holds it too
    steps.take_back(crew.of[crew.eva], crew.eva, row.pk)
    with pytest.raises(steps.StepRefused, match="does not wait"):
        crew.take(crew.otto, row)


def test_nothing_changes_it_after_both_signatures(crew: Crew) -> None:
    row = crew.take(crew.otto, crew.given())
    for step in (
        lambda: steps.write_words(crew.of[crew.eva], crew.eva, row.pk, {"general": "later"}),
        lambda: steps.redraw(crew.of[crew.eva], crew.eva, row.pk, {}),
        lambda: steps.take_back(crew.of[crew.eva], crew.eva, row.pk),
        lambda: steps.throw_away(crew.of[crew.eva], crew.eva, row.pk),
        lambda: crew.take(crew.otto, row),
    ):
        with pytest.raises(steps.StepRefused):
            step()
    row.words = {"general": "later"}
    for way in (row.save, row.delete):
        with pytest.raises(TypeError, match="both have signed"):
            way()
    with transaction.atomic(), pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        HandOver.objects.filter(pk=row.pk).update(words={"general": "later"})
    stored = HandOver.objects.get(pk=row.pk)
    assert stored.words == {} and digest_holds(stored)
    stored.events = {"v": 1}
    assert not digest_holds(stored)


def test_what_cannot_be_recorded_is_not_signed(crew: Crew) -> None:
    row = HandOver.objects.create(
        site=crew.of[crew.eva].site, start=crew.start, end=crew.end, made_at=crew.end, drawn_at=crew.end,
        events=EVENTS, outgoing=crew.eva, outgoing_name="eva",
    )  # fmt: skip
    with no_events(), pytest.raises(audit.AuditUnavailable):
        steps.give(crew.of[crew.eva], crew.eva, row.pk, draft_digest(row))
    assert HandOver.objects.get(pk=row.pk).stage == Stage.DRAFT


def test_search_finds_what_touches_the_days(crew: Crew) -> None:
    row = crew.given()
    hour = dt.timedelta(hours=1)

    def found(start: dt.datetime | None, end: dt.datetime | None) -> list[HandOver]:
        return steps.search(crew.of[crew.otto], crew.otto, start, end)[0]

    assert found(None, None) == [row] == found(crew.end - hour, None) == found(None, crew.start + hour)
    assert found(crew.end, None) == [] == found(None, crew.start)
    with pytest.raises(steps.StepRefused):
        steps.check_span(crew.start, crew.start + dt.timedelta(hours=37), crew.end)
    with pytest.raises(steps.StepRefused):
        steps.check_span(crew.end + hour, crew.end + 2 * hour, crew.end)
    with pytest.raises(steps.StepRefused, match="characters"):
        steps.write_words(crew.of[crew.eva], crew.eva, _draft(crew).pk, {"general": "x" * (MAX_WORDS + 1)})


def _draft(crew: Crew) -> HandOver:
    return steps.begin(crew.of[crew.eva], crew.eva, crew.start - dt.timedelta(hours=8), crew.start, EVENTS)[0]
