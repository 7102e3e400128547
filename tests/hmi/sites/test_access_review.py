"""Who had which access over a period, as a list that a spreadsheet shows and does not run."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.audit.models import Event
from accounts.spreadsheets import harmless
from hmi.sites.access_review import COLUMNS, review_lines
from hmi.sites.models import Site
from tests.hmi.sites.people import give, make_person

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def rows(start: dt.datetime, end: dt.datetime, site: Site | None = None) -> list[dict[str, str]]:
    text = "".join(review_lines(start, end, timezone.now(), site))
    assert text.startswith(",".join(COLUMNS[:3]))
    return list(csv.DictReader(io.StringIO(text)))


def test_each_grant_says_who_when_by_whom_and_how_it_ended(
    approval: None, alice: Any, bob: Any, dora: Any, erin: Any, north: Site, south: Site, now_is: Any
) -> None:
    start = timezone.now().replace(microsecond=0)
    facts: dict[str, Any] = {"granted_by": dora, "valid_from": start, "valid_until": start + 10 * DAY}
    approved = give(alice, "field-operator", north, **facts)
    refused = give(bob, "field-operator", north, **facts)
    give(alice, "viewer", south, **facts)
    give(bob, "viewer", south, **facts)
    now_is(start + DAY)
    approved.approve(erin)
    refused.refuse(erin, "not trained")
    now_is(start + 2 * DAY)
    approved.revoke(by=erin, reason="changed site")
    now_is(start + 20 * DAY)

    found = {(row["person"], row["site"]): row for row in rows(start, start + 30 * DAY)}
    operator = found["alice", "north"]
    assert (operator["given by"], operator["approved by"]) == ("dora", "erin")
    assert operator["access from"] == f"{start + DAY:%Y-%m-%dT%H:%M:%SZ}"  # not before the second person's yes
    assert operator["access until"] == f"{start + 2 * DAY:%Y-%m-%dT%H:%M:%SZ}"
    assert (operator["ended how"], operator["ended by"], operator["end reason"]) == ("revoked", "erin", "changed site")
    assert (found["bob", "north"]["access from"], found["bob", "north"]["ended how"]) == ("never", "refused")
    assert found["bob", "south"]["ended how"] == "at its time"
    assert found["bob", "south"]["given by"] == "dora"


def test_period_and_site_narrow_the_list(alice: Any, bob: Any, north: Site, south: Site) -> None:
    now = timezone.now()
    give(alice, "viewer", north, valid_from=now, valid_until=now + 5 * DAY)
    give(bob, "viewer", south, valid_from=now + 5 * DAY, valid_until=now + 9 * DAY)
    assert [row["person"] for row in rows(now, now + 5 * DAY)] == ["alice"]
    assert [row["person"] for row in rows(now + 5 * DAY, now + 6 * DAY)] == ["bob"]
    assert [row["person"] for row in rows(now, now + 9 * DAY, south)] == ["bob"]
    assert rows(now - 2 * DAY, now) == []


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1+1", "\u00a0=1", "\uff1d1+1", '=HYPERLINK("http://x","y")'],
)
def test_nothing_that_people_typed_runs_in_a_spreadsheet(north: Site, text: str) -> None:
    assert harmless(text) == f"'{text}"
    person = make_person("mallory", first_name=text.strip() or "x")
    now = timezone.now()
    give(person, "viewer", north, reason=text.strip())
    row = rows(now - DAY, now + DAY)[0]
    for cell in row.values():
        assert not cell.lstrip(" \u00a0").startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))
    assert row["reason"].startswith("'")


def test_plain_text_stays_as_it_is() -> None:
    assert [harmless(text) for text in ("", "night shift, July", "a=b", "2027-01-31")] == [
        "", "night shift, July", "a=b", "2027-01-31",
    ]  # fmt: skip


def test_command_writes_a_file_and_is_recorded(alice: Any, north: Site, tmp_path: Path, capsys: Any) -> None:
    give(alice, "viewer", north)
    file = tmp_path / "review.csv"
    call_command("access_review", start="2020-01-01", output=file)
    assert "alice" in file.read_text(encoding="utf-8")
    with pytest.raises(CommandError, match="File exists"):
        call_command("access_review", start="2020-01-01", output=file)
    call_command("access_review", start="2020-01-01", end="2020-02-01", site="north")
    assert capsys.readouterr().out.splitlines() == [",".join(COLUMNS)]
    event = Event.objects.filter(tag="grant:review:exported").earliest("seq")
    assert json.loads(event.facts)["from"] == "2020-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": "soon"}, "'soon' is no time"),
        ({"start": "2027-01-02", "end": "2027-01-01"}, "must end after it starts"),
        ({"start": "2020-01-01", "site": "nowhere"}, "no site 'nowhere'"),
    ],
)
def test_wrong_period_is_one_sentence(db: None, options: dict[str, str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("access_review", **options)


def test_queries_do_not_grow_with_the_grants(north: Site, django_assert_num_queries: Any) -> None:
    now = timezone.now()
    for number in range(5):
        give(make_person(f"person{number}"), "viewer", north)
    with django_assert_num_queries(1):
        list(review_lines(now - DAY, now + DAY, now))
