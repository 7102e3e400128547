"""A person's own access: what is open and why not, the form, and what became of asking."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hmi.sites.access_request_rules import decline, grant_as_asked
from hmi.sites.access_requests import AccessRequest
from hmi.sites.models import Site
from tests.hmi.live.people import make_site
from tests.hmi.sites.people import give, make_administrator, make_person

pytestmark = pytest.mark.django_db
GROUP = re.compile(r"<h3>([^<]+)</h3> <p>([^<]+)</p> <ul>(.*?)</ul>")
PAGE, ASK = "/account/access/", "/account/access/ask/"


@pytest.fixture
def north(db: None) -> Site:
    return make_site()


def visitor(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def text(client: Client, path: str, **query: Any) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def form(**changes: Any) -> dict[str, Any]:
    day = timezone.now().date() + dt.timedelta(days=3)
    return {"site": "north", "role": "viewer", "last_day": str(day), "reason": "stock accounting"} | changes


def test_each_right_has_an_answer_and_a_reason(north: Site) -> None:
    person = make_person("alice")
    give(person, "field-operator", north)
    page = text(visitor(person), PAGE)
    assert "As field operator, until" in page
    groups = {told: (title, rights) for title, told, rights in GROUP.findall(page)}
    title, rights = groups["Your role field operator at North Terminal does not allow this."]
    assert title == "Not open to you" and "Read the audit trail" in rights
    # The role allows it, and the plant has the last word.
    told = "Your role field operator allows it. North Terminal decides which values can be changed, and when."
    title, rights = groups[told]
    assert title == "Open to you" and "<li>Change setpoints</li>" in rights
    assert [title for title, rights in groups.values() if "See live values" in rights] == ["Open to you"]


def test_stranger_learns_of_no_site(north: Site) -> None:
    client = visitor(make_person("charlie"))
    assert "North" not in text(client, PAGE) + text(client, ASK)
    told = {}
    for word in ("north", "nowhere"):
        answer = client.post(ASK, form(site=word), follow=True)
        page = re.sub(r'value="\w{60,}"|[0-9a-f-]{36}|data-now="\d+"|\d\d:\d\d:\d\d', "", answer.content.decode())
        told[word] = page.replace(word, "SITE")
        AccessRequest.objects.all().delete()
    assert told["north"] == told["nowhere"]
    assert "Asked for viewer at SITE." in told["north"]


def test_asked_seen_on_the_first_page_and_taken_back(north: Site) -> None:
    client = visitor(make_person("charlie"))
    answer = client.post(ASK, form())
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    row = AccessRequest.objects.get()
    assert "Viewer at north, last day " in text(client, PAGE)
    assert client.get(f"/account/access/{row.pk}/withdraw/").status_code == 405
    assert visitor(make_person("eve")).post(f"/account/access/{row.pk}/withdraw/").status_code == 404
    assert client.post(f"/account/access/{row.pk}/withdraw/").status_code == 303
    assert "Withdrawn." in text(client, PAGE)
    assert client.post(f"/account/access/{row.pk}/withdraw/").status_code == 404


def test_answers_are_shown(north: Site) -> None:
    person, dora = make_person("charlie"), make_administrator("dora")
    client = visitor(person)
    client.post(ASK, form())
    decline(AccessRequest.objects.get(), dora, "<b>Ask</b> your supervisor.")
    assert "Declined." in text(client, PAGE) and "&lt;b&gt;Ask&lt;/b&gt; your supervisor." in text(client, PAGE)
    client.post(ASK, form())
    grant_as_asked(AccessRequest.objects.get(decision=""), dora)
    assert "Granted." in text(client, PAGE)
    assert "dora" not in text(client, PAGE)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"site": "No Site!"}, "lower-case letters"),
        ({"site": "x" * 101}, "at most 100"),
        ({"role": "emperor"}, "Select a valid choice"),
        ({"last_day": "soon"}, "Enter a valid date"),
        ({"last_day": "2001-01-01"}, "That day is over"),
        ({"last_day": "9999-12-31"}, "at the latest"),
        ({"reason": " "}, "required"),
        ({"reason": "x" * 201}, "at most 200"),
    ],
    ids=str,
)
def test_form_says_what_is_wrong(north: Site, changes: dict[str, str], words: str) -> None:
    answer = visitor(make_person("charlie")).post(ASK, form(**changes))
    assert (answer.status_code, words in answer.content.decode()) == (200, True)
    assert not AccessRequest.objects.exists()


def test_form_is_filled_in_from_where_one_was_denied(north: Site) -> None:
    person = make_person("alice")
    give(person, "viewer", north).revoke()
    client = visitor(person)
    page = text(client, ASK, site="north", role="viewer")
    assert 'value="north"' in page and '<option value="viewer" selected>' in page
    assert client.post(ASK, form(site="North Terminal")).status_code == 303
    assert AccessRequest.objects.get().site == north
    text(client, ASK, site="x" * 9000, role="\0")
