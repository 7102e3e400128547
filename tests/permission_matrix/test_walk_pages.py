"""Every address of the web app, knocked at by five people with GET and POST: each gets what doors.txt says.

An address that is not in the table fails, and so does a line of the table without an address: nothing is reachable
that nobody declared.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from oauth2_provider.models import AccessToken

from accounts.assurance import STEPPED_UP_AT
from accounts.models import Role
from accounts.oauth.models import SiteAuthorization
from hmi.bridge_settings import BridgeSettings
from hmi.notes.models import Note
from hmi.shifts.models import HandOver, Stage
from hmi.sites.access_request_rules import ask
from hmi.sites.enrolment_rows import Enrolment
from hmi.sites.models import Conduit, ConduitChange, Grant, Site
from hmi.watch.list_models import WatchList
from tests.permission_matrix.walk import PEOPLE, Knock, addresses, compare, doors, knock, make_people, sample
from tests.support.oauth_client import register

pytestmark = pytest.mark.django_db
TABLE = doors()
NOTES = {
    "open": "takes a POST without the form's token",
    "writes": "writes more than the session on GET",
    "unconfirmed": "in the administration: takes a POST from whoever did not confirm just now",
}


class House:
    """The web app with something behind every door, and what was found at each."""

    def __init__(self) -> None:
        self.north = Site.objects.create(slug="north", name="North Terminal")
        self.people = make_people(self.north)
        self.samples = _samples(self.north, {name: person for name, (person, _) in self.people.items()})

    def knock(self, address: str, method: str, person: str, *, forged: bool = False) -> Knock:
        return knock(method, sample(address, self.samples), self.people[person][1], forged=forged)


def _samples(north: Site, people: dict[str, Any]) -> dict[str, str]:
    """Something that exists for each gap of an address: the owner's where it belongs to a person."""
    now, owner = timezone.now(), people["owner"]
    conduit = Conduit.objects.create(
        site=north, endpoint="sb://127.0.0.1:1/", entity_path="north", send_key_ref="file:n"
    )
    client = register("web")
    grant = Grant.objects.get(user=owner)
    authorization = SiteAuthorization.objects.create(
        user=owner, application=client, resource=north.audience, site_id=north.pk, site_slug="north",
        site_name="North", grant_id=grant.pk, grant_epoch=grant.epoch, rights="none", scope="status:read",
        how="code", redeemed_at=now, ends_at=now + dt.timedelta(hours=1),
    )  # fmt: skip
    request = ask(
        owner, slug="south", role=Role.objects.get(slug="viewer"), last_day=now.date() + dt.timedelta(days=2),
        reason="helps out",
    )  # fmt: skip
    rows: dict[str, Any] = {
        "admin/socialaccount/socialaccount": SocialAccount.objects.create(user=owner, provider="acme", uid="1"),
        "admin/auth/group": Group.objects.create(name="helpers"),
        "admin/accounts/role": Role.objects.get(slug="viewer"),
        "admin/oauth2_provider/accesstoken": AccessToken.objects.create(
            user=owner, application=client, token="walk", expires=now + dt.timedelta(minutes=5), scope="status:read"
        ),
        "admin/oauth/client": client,
        "admin/oauth/siteauthorization": authorization,
        "admin/sites/accessrequest": request,
        "admin/sites/enrolment": Enrolment.objects.create(
            site=north, code_digest="d" * 64, made_at=now, made_by="owner", expires=now + dt.timedelta(minutes=5)
        ),
        "admin/sites/grant": grant,
        "admin/accounts/user": people["reader"],
        "admin/sites/conduitchange": ConduitChange.objects.create(conduit=conduit, at=now, what="made", by="nobody"),
        "admin/sites/site": north,
        "admin/axes/accessattempt": AccessAttempt.objects.create(username="bob", failures_since_start=1),
        "admin/axes/accesslog": AccessLog.objects.create(username="bob"),
        "admin/axes/accessfailurelog": AccessFailureLog.objects.create(username="bob"),
    }
    site, shift = "sites/<slug:slug>", {"start": now - dt.timedelta(hours=8), "end": now}
    keys: dict[str, Any] = {
        "lists": WatchList.objects.create(site=north, owner=owner, name="Loading"),
        "notes": Note.objects.create(
            site=north, asset="TK-101", asset_name="TK-101", author=owner, author_name="owner", at=now, text="Drips."
        ),
        "shifts": HandOver.objects.create(
            site=north, made_at=now, drawn_at=now, events={"v": 1}, outgoing=owner, outgoing_name="owner",
            outgoing_at=now, stage=Stage.GIVEN, **shift,
        ),
    }  # fmt: skip
    return {
        **{f"{site}/{noun}:key": str(row.pk) for noun, row in keys.items()},
        **{f"{folder}:object_id": str(row.pk) for folder, row in rows.items()},
        "admin/accounts/user:id": str(people["reader"].pk),
        "slug": "north", "site": "north", "alarm_id": "7d8c994a7da1305a0966",
        "asset_id": "TK-101", "target": "P-101.sp", "asset": "TK-101", "company": "acme", "factor_id": "1",
        "key": str(request.pk), "authorization": str(authorization.pk), "rest": "nothing", "app_label": "sites",
        "url": "nothing/here", "admin/r/<path:content_type_id>:content_type_id": str(
            ContentType.objects.get_for_model(Site).pk
        ),
        "admin/r/<path:content_type_id>:object_id": str(north.pk),
    }  # fmt: skip


@pytest.fixture
def house(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[House]:
    # As Django's test client does for requests: nothing closes the connection on which the knock's transaction is.
    monkeypatch.setattr("channels.db.close_old_connections", lambda: None)
    settings.SIGHTLINE = BridgeSettings(state_dir=tmp_path / "state", issuer="https://hmi.example.com")
    yield House()


def test_every_address_is_in_the_table_and_no_other() -> None:
    found = list(addresses())
    missing = [address for address in dict.fromkeys(found) if address not in TABLE]
    assert not missing, (
        f"These addresses are not declared: {', '.join(missing)}. Decide what each person must "
        "get by GET and by POST, and add a line for each to tests/permission_matrix/doors.txt."
    )
    gone = sorted(TABLE.keys() - set(found))
    assert not gone, f"doors.txt declares what does not exist: {', '.join(gone)}. Take these lines out."
    unknown = {note for door in TABLE.values() for note in door.notes} - NOTES.keys()
    assert not unknown, f"doors.txt has notes that mean nothing: {', '.join(sorted(unknown))}."


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_each_person_gets_what_the_table_says(house: House, method: str) -> None:
    wrong: list[str] = []
    for door in TABLE.values():
        knocks = [house.knock(door.address, method, person) for person in PEOPLE]
        wrong += compare(door.get if method == "GET" else door.post, [each.answer for each in knocks],
                         f"{method} /{door.address}")  # fmt: skip
        # 503 may be said in the table: a page that is nothing without its site, which is not connected here.
        told = {"503"}.intersection(door.get if method == "GET" else door.post)
        failed = [each.status for each in knocks if each.status >= 500 and str(each.status) not in told]
        wrong += [f"{method} /{door.address} failed with {status}." for status in failed]
        if method == "GET" and "writes" not in door.notes:
            # A refusal may be written down, and must be: every denied attempt is an event.
            written = set().union(
                *(each.writes - ({"audit_event"} if each.status in {403, 404} else set()) for each in knocks)
            )
            if written:
                wrong.append(f"GET /{door.address} writes to {', '.join(sorted(written))}: a GET changes nothing.")
    assert not wrong, "\n".join(wrong)


def test_nothing_is_changed_in_the_administration_without_confirming(house: House, settings: Any) -> None:
    """The owner's sign-in had two factors, but nothing was confirmed since: every door that changes something asks."""
    settings.SECOND_FACTOR = "always"
    session = house.people["owner"][1]
    del session[STEPPED_UP_AT]
    session.save()
    wrong = []
    for door in TABLE.values():
        if door.address.startswith("admin/") and "unconfirmed" not in door.notes:
            got = house.knock(door.address, "POST", "owner").answer
            if got not in {"confirm", "in", "403", "404", "405"}:
                wrong.append(f"POST /{door.address} without confirming: {got}.")
    assert not wrong, "\n".join(wrong)


def test_the_walk_sees_what_a_request_writes(house: House) -> None:
    """And leaves nothing behind: the same request does the same again."""
    for _ in range(2):
        done = house.knock("account/access/<uuid:key>/withdraw/", "POST", "owner")
        assert (done.answer, "sites_accessrequest" in done.writes) == ("303", True)


def test_no_form_is_taken_from_another_page(house: House) -> None:
    """With the owner's cookie and without the form's token nothing is done, but where no cookie counts anyway."""
    wrong = []
    for door in TABLE.values():
        got = house.knock(door.address, "POST", "owner", forged=True).status
        if (got == 403) == ("open" in door.notes):
            wrong.append(f"POST /{door.address} without the form's token: {got}.")
    assert not wrong, "\n".join(wrong)
