"""Enrolment over HTTP, in the administration and by command: every refusal alike, and only who may confirms."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.management import CommandError, call_command

from accounts.audit.models import Event
from hmi.sites.enrolment import NotAccepted
from hmi.sites.enrolment_rows import Enrolment
from hmi.sites.models import Conduit, Site
from relay_bridge.contract.enrolment import (
    make_code,
)
from tests.hmi.sites.enrolling import Agent, forget_limits, make, row, unenrolled_site
from tests.hmi.sites.people import make_administrator

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("relay")]


@pytest.fixture(autouse=True)
def _fresh_limits(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    forget_limits(monkeypatch, settings)


@pytest.fixture
def site() -> Site:
    return unenrolled_site()


def post(client: Any, path: str, body: object, **options: Any) -> Any:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return client.post(path, data, **{"content_type": "application/json", **options})


def test_every_refusal_over_http_reads_the_same(site: Site, client: Any) -> None:
    _, code = make(site)
    used = Agent()
    used.claim(code)
    answers = [
        post(client, "/enrol/claim", Agent().claim_of(code)),
        post(client, "/enrol/claim", Agent().claim_of(make_code())),
        post(client, "/enrol/claim", Agent(origin="https://evil").claim_of(code)),
        post(client, "/enrol/collect", msgspec.structs.replace(used.signed("collect"), ticket="x" * 43)),
        post(client, "/enrol/done", used.signed("done")),
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {(403, answers[0].content)}
    assert answers[0].headers["Cache-Control"] == "no-store" and not answers[0].cookies
    assert post(client, "/enrol/collect", used.signed("collect")).json() == {"state": "waiting"}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"v":1}', b"[" * 20_000, b"\xff", b'"' + b"x" * 17_000 + b'"'])
def test_junk_is_a_bad_request(site: Site, client: Any, body: bytes) -> None:
    for path in ("/enrol/claim", "/enrol/collect", "/enrol/done"):
        assert post(client, path, body).status_code == 400
    assert client.get("/enrol/claim").status_code == 400
    assert client.post("/enrol/claim", {"v": 1}).status_code == 400


def test_guessing_is_slowed_down(site: Site, client: Any) -> None:
    statuses = [post(client, "/enrol/claim", Agent().claim_of(make_code())).status_code for _ in range(13)]
    assert statuses[:10] == [403] * 10 and statuses[-1] == 429
    rejected = Event.objects.filter(tag="conduit:enrolment:rejected").count()
    assert 1 <= rejected <= 7  # a flood does not fill the trail


def test_administrator_makes_and_confirms(site: Site, client: Any) -> None:
    client.force_login(make_administrator("dora", "view_site", "change_site", "change_conduit"))
    sites = "/admin/sites/site/"
    act = {"action": "make_enrolment_code", "_selected_action": [str(site.pk)]}
    asked = client.post(sites, act).content.decode()
    assert "Make the code" in asked and not Enrolment.objects.filter(state="open").exists()
    text = client.post(sites, {**act, "confirmed": "yes"}).content.decode()
    code = text.partition("<strong><code>")[2].partition("</code>")[0]
    agent = Agent()
    agent.claim(code)

    page = f"/admin/sites/enrolment/{row().pk}/change/"
    shown = client.get(page).content.decode()
    assert "Confirm this agent" in shown and agent.identity.thumbprint in shown
    assert agent.shown not in shown and code not in shown

    wrong = client.post(
        page, {"decision": "confirm", "comparison": "AAAA-AAAA-AAAA-AAAA"}, follow=True
    ).content.decode()
    assert "not what the machine" in wrong
    done = client.post(page, {"decision": "confirm", "comparison": agent.shown}, follow=True).content.decode()
    assert "Confirmed: the agent is pinned" in done
    assert Conduit.objects.get().agent_pin == agent.identity.certificate
    assert "confirmed" in client.get("/admin/sites/enrolment/").content.decode()


def test_whoever_may_not_change_conduits_does_neither(site: Site, client: Any) -> None:
    _, code = make(site)
    agent = Agent()
    agent.claim(code)
    client.force_login(make_administrator("dora", "view_site", "change_site", "view_conduit"))
    client.post("/admin/sites/site/", {
        "action": "make_enrolment_code", "_selected_action": [str(site.pk)], "confirmed": "yes",
    })  # fmt: skip
    page = f"/admin/sites/enrolment/{row().pk}/change/"
    assert "Confirm this agent" not in client.get(page).content.decode()
    assert client.post(page, {"decision": "confirm", "comparison": agent.shown}).status_code == 403
    assert Enrolment.objects.filter(state="claimed").count() == 1 and Conduit.objects.get().agent_pin == ""


def test_second_factor_is_asked_for_again(site: Site, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dora = make_administrator("dora", "view_site", "change_site", "change_conduit")
    TOTP.activate(dora, generate_totp_secret())
    client.force_login(dora)
    act = {"action": "make_enrolment_code", "_selected_action": [str(site.pk)], "confirmed": "yes"}
    answer = client.post("/admin/sites/site/", act)
    assert answer.status_code == 303 and "/confirm/" in answer["Location"]
    assert not Enrolment.objects.filter(state="open").exists()


def test_code_is_taken_back_by_command(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("enrolment_code", "north")
    code = capsys.readouterr().out.splitlines()[2].strip()
    call_command("enrolment_code", "north", revoke=True)
    with pytest.raises(NotAccepted):
        Agent().claim(code)


def test_command_confirms_where_the_web_app_may_not_change_the_relay(
    site: Site, settings: Any, bridge: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    _, code = make(site)
    agent = Agent()
    agent.claim(code)
    with pytest.raises(CommandError, match="not what the machine"):
        call_command("confirm_enrolment", "north", comparison="0000-0000-0000-0000")
    call_command("confirm_enrolment", "north", comparison=agent.shown, by="dora")
    assert "North Terminal: Confirmed" in capsys.readouterr().out
    settings.SIGHTLINE = bridge  # from here on without the relay's management
    assert agent.collect()
    with pytest.raises(CommandError, match="is open"):
        call_command("confirm_enrolment", "south", refuse=True)
