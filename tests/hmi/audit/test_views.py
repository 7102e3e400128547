"""The auditor's screen: who sees which events, filters, pages, files."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client

from accounts import audit
from accounts.audit.models import Event
from hmi.audit.views import PAGE
from hmi.sites.models import Site
from relay_bridge.contract.audit import AuditEvent, hash_of
from tests.hmi.live.people import give, make_person, make_site, sign_in

pytestmark = pytest.mark.django_db
CSRF = {"csrfmiddlewaretoken": "x"}


def visitor(user: Any) -> Client:
    client = Client()
    client.cookies[django_settings.SESSION_COOKIE_NAME] = sign_in(user).session_key
    return client


@pytest.fixture
def north() -> Site:
    return make_site()


@pytest.fixture
def south() -> Site:
    return make_site("south", "South Terminal")


@pytest.fixture
def carol(north: Site) -> Client:
    """Carol audits North, and nothing else."""
    person = make_person("carol")
    give(person, "auditor", north)
    return visitor(person)


def at(site: Site, reason: str, **values: Any) -> Event:
    values = {"actor": None, "result": "done"} | values
    return audit.record("token:access:opened", site_id=site.pk, site=site.slug, reason=reason, **values)


def test_auditor_sees_the_events_of_a_site_and_its_people_and_no_others(
    carol: Client, north: Site, south: Site
) -> None:
    alice, charlie = make_person("alice"), make_person("charlie")
    give(alice, "viewer", north)
    give(charlie, "viewer", south)
    at(north, "marker-north")
    at(south, "marker-south")
    audit.record("person:session:signed-in", actor=alice, result="done", reason="marker-alice")
    audit.record("person:session:signed-in", actor=charlie, result="done", reason="marker-charlie")
    page = carol.get("/audit/").content.decode()
    assert "marker-north" in page and "marker-alice" in page
    assert "marker-south" not in page and "marker-charlie" not in page
    assert "marker-south" not in carol.get("/audit/?site=south").content.decode()


@pytest.mark.parametrize("role", ["viewer", "field-operator", "site-administrator", None])
def test_nobody_else_learns_that_there_is_a_trail(north: Site, role: str | None) -> None:
    person = make_person("bob")
    if role is not None:
        give(person, role, north)
    client = visitor(person)
    assert client.get("/audit/").status_code == 404
    assert client.post("/audit/export.csv").status_code == 404
    assert client.post("/audit/export.jsonl").status_code == 404
    assert Client().get("/audit/").status_code == 302  # to the sign-in


def test_administration_permission_shows_everything(north: Site) -> None:
    person = make_person("root", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_event"))
    at(north, "marker-north")
    page = visitor(person).get("/audit/").content.decode()
    assert "Every event." in page and "marker-north" in page and "person:account:added" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("person=alice", {"by-alice"}),
        ("person=nobody", set()),
        ("result=refused", {"refused"}),
        ("tag=token:access:ended", {"ended"}),
        ("since=2020-01-01T00:00&until=2021-01-01T00:00", set()),
        ("since=2020-01-01T00:00&site=north", {"by-alice", "refused", "ended"}),
        ("since=yesterday", set()),
        ("tag=no:such:tag", set()),
    ],
)
def test_filters(carol: Client, north: Site, query: str, found: set[str]) -> None:
    alice = make_person("alice")
    at(north, "by-alice", actor=alice)
    at(north, "refused", result="refused")
    audit.record("token:access:ended", actor=None, result="done", site_id=north.pk, site="north", reason="ended")
    answer = carol.get(f"/audit/?{query}")
    shown = {row["row"].reason for row in answer.context["events"]} & {"by-alice", "refused", "ended"}
    assert answer.status_code == 200 and shown == found


def test_pages_lead_to_the_oldest_and_back(carol: Client, north: Site) -> None:
    for number in range(2 * PAGE + 10):
        at(north, f"number {number}")
    query = "tag=token:access:opened"
    seen, addresses = [], [f"/audit/?{query}"]
    while addresses:
        answer = carol.get(addresses.pop())
        seen += [row["row"].seq for row in answer.context["events"]]
        if answer.context["older"]:
            addresses = [f"/audit/?{answer.context['older']}"]
    assert len(seen) == len(set(seen)) == 2 * PAGE + 10 and seen == sorted(seen, reverse=True)
    newer = carol.get(f"/audit/?{answer.context['newer']}")
    assert [row["row"].seq for row in newer.context["events"]] == seen[PAGE : 2 * PAGE]
    assert carol.get("/audit/?before=x&after=99999999999999999999").status_code == 200


def test_files_hold_what_the_filter_shows_and_are_recorded(carol: Client, north: Site, south: Site) -> None:
    at(north, '=HYPERLINK("http://x")')
    at(south, "marker-south")
    answer = carol.post("/audit/export.csv?site=north")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert {row["site"] for row in rows} == {"north"} and "attachment" in answer.headers["Content-Disposition"]
    assert not [cell for row in rows for cell in row.values() if cell.startswith("=")]
    lines = carol.post("/audit/export.jsonl").content.splitlines()
    events = [msgspec.json.decode(line, type=AuditEvent) for line in lines]
    assert all(hash_of(event) == event.hash for event in events)
    recorded = Event.objects.filter(tag="audit:trail:exported").order_by("seq")
    assert [event.username for event in recorded] == ["carol", "carol"] and '"filter":"site=north"' in recorded[0].facts
    assert carol.get("/audit/export.csv").status_code == 405


def test_export_that_cannot_be_recorded_does_not_happen_and_the_screen_goes_on(carol: Client, north: Site) -> None:
    at(north, "marker-north")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TRIGGER full BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    answer = carol.post("/audit/export.csv")
    assert answer.status_code == 503 and b"could not be recorded" in answer.content
    assert b"marker-north" in carol.get("/audit/").content


def test_text_of_others_is_drawn_as_text(carol: Client, north: Site) -> None:
    at(north, "<script>alert(1)</script>")
    page = carol.get("/audit/").content.decode()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
