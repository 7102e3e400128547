"""Each change of a grant is one event of the audit trail, with who, what, where and until when."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from accounts.audit.models import Event
from hmi.sites.models import Grant, Site
from tests.hmi.sites.people import give

pytestmark = pytest.mark.django_db


def events(grant: Grant) -> list[str]:
    return list(Event.objects.filter(subject=str(grant.pk)).order_by("seq").values_list("tag", flat=True))


def test_each_change_is_one_event(approval: None, alice: Any, bob: Any, dora: Any, erin: Any, north: Site) -> None:
    grant = give(alice, "field-operator", north, granted_by=dora)
    grant.save()  # nothing changed: nothing to tell
    grant.approve(erin)
    grant.valid_until -= dt.timedelta(days=1)
    grant.save()
    grant.revoke(by=erin, reason="left the company")
    grant.revoke()
    assert events(grant) == ["grant:role:given", "grant:role:approved", "grant:role:changed", "grant:role:revoked"]

    other = give(bob, "field-operator", north, granted_by=dora)
    other.refuse(erin, "not trained")
    assert events(other) == ["grant:role:given", "grant:role:refused"]


def test_event_says_who_where_and_until_when(approval: None, alice: Any, dora: Any, north: Site) -> None:
    grant = give(alice, "field-operator", north, granted_by=dora, reason="night shift")
    event = Event.objects.get(subject=str(grant.pk))
    facts = json.loads(event.facts)
    assert (event.site, event.site_id, event.reason, event.result) == ("north", str(north.pk), "night shift", "done")
    assert facts["person"] == f"{alice.subject} alice"
    assert (facts["role"], facts["approval"], facts["epoch"]) == ("field-operator", "pending", "1")
    assert facts["by"] == f"{dora.subject} dora"
    assert facts["until"] == grant.valid_until.strftime("%Y-%m-%dT%H:%M:%SZ")
