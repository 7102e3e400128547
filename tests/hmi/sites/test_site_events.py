"""One event for each change of a site, for each opening of one, and none for what only looks or is renewed."""

from __future__ import annotations

import time

import pytest

from accounts.audit.models import Event
from accounts.audit.verify import verify
from hmi.sites.access import get_site_for
from hmi.sites.models import Grant, Site
from hmi.sites.tokens import access_token_for

pytestmark = pytest.mark.django_db(transaction=True)


def tags() -> list[str]:
    return list(Event.objects.filter(site="north").order_by("seq").values_list("tag", flat=True))


def test_site_made_changed_and_switched(north: Site) -> None:
    north.save()
    north.name = "North Terminal 2"
    north.save()
    north.enabled = False
    north.save()
    north.enabled = True
    north.save()
    assert tags() == ["site:row:added", "site:row:changed", "site:access:switched-off", "site:access:switched-on"]


def test_opening_a_site_is_one_event_and_renewing_is_none(alice: object, north: Site, alices_grant: Grant) -> None:
    access, now = get_site_for(alice, "north"), time.time()
    for later in (0.0, 1.0, 250.0, 290.0):  # used again, and twice renewed in time
        access_token_for(access, now + later)
    assert tags().count("token:access:opened") == 1
    access_token_for(access, now + 2000)  # nobody had it open meanwhile
    opened = Event.objects.filter(tag="token:access:opened").order_by("seq")
    assert opened.count() == 2
    assert opened[0].actor == str(alice.subject) and str(alices_grant.pk) in opened[0].facts  # type: ignore[attr-defined]
    assert verify().holds
