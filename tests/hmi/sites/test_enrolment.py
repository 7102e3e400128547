"""Enrolment at the web app's end: what each step demands, and that nothing is handed out before somebody compared."""

from __future__ import annotations

import datetime as dt
import secrets
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.audit.models import Event
from hmi.sites import enrolment, enrolment_views
from hmi.sites.conduit_info import get_conduit_info
from hmi.sites.enrolment import NotAccepted, NotDone
from hmi.sites.enrolment_rows import Enrolment
from hmi.sites.errors import SiteUnreachable
from hmi.sites.models import Conduit, Site
from hmi.sites.provisioning import cut_off_site
from hmi.sites.relay_management import relay_management
from relay_bridge.agent.enrol_identity import AgentIdentity, make_identity
from relay_bridge.contract.enrolment import (
    Claim,
    Collect,
    Terms,
    claim_bytes,
    code_digest,
    collect_bytes,
    comparison,
    make_code,
    read_code,
)
from tests.hmi.sites.people import make_administrator

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("relay")]
HERE = frozenset({"https://hmi.example.com"})
MINUTE = dt.timedelta(minutes=1)


class Agent:
    """An agent that says whatever a test wants."""

    def __init__(self, origin: str = "https://hmi.example.com", identity: AgentIdentity | None = None) -> None:
        self.origin = origin
        self.identity = identity or make_identity(timezone.now())
        self.nonce = secrets.token_hex(32)
        self.terms: Terms | None = None

    def claim_of(self, code: str) -> Claim:
        digest = code_digest(read_code(code))
        signature = self.identity.sign(
            claim_bytes(self.origin, digest, self.identity.thumbprint, self.nonce, self.identity.seal_key)
        )
        return Claim(
            v=1,
            code=code,
            certificate=self.identity.certificate,
            nonce=self.nonce,
            agent="test",
            seal_key=self.identity.seal_key,
            signature=signature,
        )

    def claim(self, code: str, now: dt.datetime | None = None) -> Terms:
        self.terms = enrolment.claim(self.claim_of(code), HERE, "192.0.2.7", now or timezone.now())
        return self.terms

    @property
    def shown(self) -> str:
        assert self.terms is not None
        return comparison(self.identity.thumbprint, self.nonce, self.identity.seal_key, self.terms)

    def signed(self, purpose: Literal["collect", "done"]) -> Collect:
        assert self.terms is not None
        signature = self.identity.sign(collect_bytes(purpose, self.origin, self.terms.id, self.terms.ticket))
        return Collect(id=self.terms.id, ticket=self.terms.ticket, signature=signature)

    def collect(self, now: dt.datetime | None = None) -> str:
        found = enrolment.collect(self.signed("collect"), HERE, now or timezone.now())
        assert self.terms is not None
        return self.identity.unseal(found.sealed, self.terms.id) if found.sealed else ""


@pytest.fixture(autouse=True)
def _fresh_limits(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.PUBLIC_URL = "https://hmi.example.com"
    for name in ("_by_source", "_refused_by_source", "_recorded_by_source"):
        bucket = getattr(enrolment_views, name)
        monkeypatch.setattr(bucket, "_levels", type(bucket._levels)())


@pytest.fixture
def site() -> Site:
    """Provisioned, and nobody has enrolled yet."""
    call_command("provision_site", "north", name="North Terminal", enrol=True, verbosity=0)
    site = Site.objects.get(slug="north")
    enrolment.end_enrolments(site, "for the test")
    return site


def make(site: Site) -> tuple[Enrolment, str]:
    return enrolment.make_enrolment(site, "dora", timezone.now())


def row() -> Enrolment:
    return Enrolment.objects.select_related("site").latest("made_at")


def listen_keys() -> tuple[str, str]:
    with relay_management() as management:
        keys = management.get_rule_keys("north", "listen")
    return keys.primary.key or "", keys.secondary.key or ""


def test_whole_way(site: Site) -> None:
    _, code = make(site)
    agent = Agent()
    terms = agent.claim(code)
    assert (terms.site, terms.name, terms.audience) == ("north", "North Terminal", site.audience)
    assert agent.collect() == ""
    with pytest.raises(SiteUnreachable):
        get_conduit_info(site.pk)

    said = enrolment.confirm(row(), agent.shown.lower(), "dora", timezone.now())

    assert "pinned" in said
    assert get_conduit_info(site.pk).agent_pin == agent.identity.certificate
    connection = agent.collect()
    assert listen_keys()[0] in connection and "SharedAccessKeyName=listen" in connection
    enrolment.finish(agent.signed("done"), HERE, timezone.now())
    assert row().state == Enrolment.State.DONE
    with pytest.raises(NotAccepted):
        agent.collect()
    tags = list(
        Event.objects.filter(tag__startswith="conduit:enrolment:").order_by("seq").values_list("tag", flat=True)
    )
    assert [tag.rpartition(":")[2] for tag in tags] == ["made", "made", "claimed", "confirmed", "collected", "finished"]


def test_nothing_that_opens_anything_is_stored(site: Site) -> None:
    _, code = make(site)
    agent = Agent()
    agent.claim(code)
    enrolment.confirm(row(), agent.shown, "dora", timezone.now())
    connection = agent.collect()
    stored = " ".join(
        str(value) for found in (*Enrolment.objects.values(), *Event.objects.values()) for value in found.values()
    )
    assert agent.terms is not None
    for secret in (code, read_code(code), agent.terms.ticket, connection, *listen_keys()):
        assert secret not in stored


def test_credential_is_readable_for_its_agent_and_its_enrolment_alone(site: Site) -> None:
    """Neither a proxy that opens TLS nor a copy of the database has it."""
    _, code = make(site)
    agent = Agent()
    terms = agent.claim(code)
    enrolment.confirm(row(), agent.shown, "dora", timezone.now())
    sealed = enrolment.collect(agent.signed("collect"), HERE, timezone.now()).sealed
    assert listen_keys()[0] in agent.identity.unseal(sealed, terms.id)
    for identity, where in ((Agent().identity, terms.id), (agent.identity, "0" * 32)):
        with pytest.raises(ValueError, match="not sealed for this agent"):
            identity.unseal(sealed, where)
    for junk in ("", "AAAA", sealed[:-8], "!" * 40):
        with pytest.raises(ValueError, match="not sealed for this agent"):
            agent.identity.unseal(junk, terms.id)
    enrolment.finish(agent.signed("done"), HERE, timezone.now())
    assert row().sealed == ""


def test_code_is_good_once_and_for_an_hour(site: Site) -> None:
    _, code = make(site)
    with pytest.raises(NotAccepted):
        Agent().claim(code, timezone.now() + 61 * MINUTE)
    Agent().claim(code)
    with pytest.raises(NotAccepted):
        Agent().claim(code)
    with pytest.raises(NotAccepted):
        Agent().claim(make_code())


def test_same_claim_again_is_answered_again_and_another_is_not(site: Site) -> None:
    """Its answer may have been lost; the comparison stays, the ticket before is worth nothing."""
    _, code = make(site)
    agent = Agent()
    first = agent.claim(code)
    shown, early = agent.shown, agent.signed("collect")
    assert agent.claim(code).ticket != first.ticket and agent.shown == shown
    with pytest.raises(NotAccepted):
        enrolment.collect(early, HERE, timezone.now())
    thief = Agent()
    thief.nonce = agent.nonce
    with pytest.raises(NotAccepted):
        thief.claim(code)
    assert row().thumbprint == agent.identity.thumbprint


def test_new_code_ends_the_one_before(site: Site) -> None:
    _, first = make(site)
    _, second = make(site)
    with pytest.raises(NotAccepted):
        Agent().claim(first)
    Agent().claim(second)


def test_stolen_code_brings_nothing(site: Site) -> None:
    """The thief is first. The plant's own machine is refused, so the plant has nothing to read out."""
    _, code = make(site)
    thief, plant = Agent(), Agent()
    thief.claim(code)
    with pytest.raises(NotAccepted):
        plant.claim(code)
    plant.terms = thief.terms  # whatever the plant reads out, it is not what the thief's machine shows
    with pytest.raises(NotDone, match="not what the machine"):
        enrolment.confirm(row(), plant.shown, "dora", timezone.now())
    assert thief.collect() == ""
    enrolment.refuse(row(), "dora", timezone.now())
    with pytest.raises(NotAccepted):
        thief.collect()
    assert Conduit.objects.get().agent_pin == ""


def test_comparison_cannot_be_guessed_for_ever(site: Site) -> None:
    _, code = make(site)
    agent = Agent()
    agent.claim(code)
    for attempt in range(enrolment.MOST_WRONG_COMPARISONS):
        with pytest.raises(NotDone, match="last try" if attempt == 2 else "once more"):
            enrolment.confirm(row(), "0000-0000-0000-0000", "dora", timezone.now())
    with pytest.raises(NotDone, match="cannot be confirmed"):
        enrolment.confirm(row(), agent.shown, "dora", timezone.now())
    with pytest.raises(NotAccepted):
        agent.collect()


def test_comparisons_typed_at_the_same_moment_are_counted_before_they_are_looked_at(site: Site) -> None:
    _, code = make(site)
    agent = Agent()
    agent.claim(code)
    seen = [row() for _ in range(enrolment.MOST_WRONG_COMPARISONS + 1)]  # each as its request found it
    for each in seen[:-1]:
        with pytest.raises(NotDone, match=r"not what the machine"):
            enrolment.confirm(each, "0000-0000-0000-0000", "dora", timezone.now())
    with pytest.raises(NotDone, match="decided meanwhile"):
        enrolment.confirm(seen[-1], agent.shown, "dora", timezone.now())


def test_claim_must_prove_the_key_for_this_web_app(site: Site) -> None:
    _, code = make(site)
    other = Agent()
    wrong = [
        Agent(origin="https://evil.example.com").claim_of(code),
        msgspec.structs.replace(Agent().claim_of(code), certificate=other.identity.certificate),
        msgspec.structs.replace(Agent().claim_of(code), signature="AAAA"),
        msgspec.structs.replace(Agent().claim_of(code), seal_key=other.identity.seal_key),
    ]
    for message in wrong:
        with pytest.raises(NotAccepted):
            enrolment.claim(message, HERE, "", timezone.now())
    assert row().state == Enrolment.State.OPEN
    with pytest.raises(NotAccepted):
        enrolment.claim(wrong[0], HERE, "", timezone.now())
    assert row().state == Enrolment.State.ENDED  # the fifth
    with pytest.raises(NotAccepted):
        Agent().claim(code)


@pytest.mark.parametrize("seal_key", ["A" * 43, "AQ" + "A" * 41])
def test_key_that_cannot_be_sealed_for_is_refused_before_anybody_compares(site: Site, seal_key: str) -> None:
    """All zeros, and one: points of low order, with which every secret is the same (RFC 7748, 6.1)."""
    _, code = make(site)

    class Weak(Agent):
        def claim_of(self, code: str) -> Claim:
            digest = code_digest(read_code(code))
            signed = claim_bytes(self.origin, digest, self.identity.thumbprint, self.nonce, seal_key)
            signature = self.identity.sign(signed)
            return msgspec.structs.replace(super().claim_of(code), seal_key=seal_key, signature=signature)

    with pytest.raises(NotAccepted) as caught:
        Weak().claim(code)
    assert "seal" in caught.value.reason


def test_ticket_without_the_key_brings_nothing(site: Site) -> None:
    _, code = make(site)
    agent, thief = Agent(), Agent()
    agent.claim(code)
    thief.terms = agent.terms
    enrolment.confirm(row(), agent.shown, "dora", timezone.now())
    with pytest.raises(NotAccepted):
        thief.collect()
    with pytest.raises(NotAccepted):
        enrolment.collect(agent.signed("done"), HERE, timezone.now())
    assert agent.collect()


def test_credential_is_handed_out_five_times_at_most_and_for_a_quarter_of_an_hour(site: Site) -> None:
    _, code = make(site)
    agent = Agent()
    agent.claim(code)
    now = timezone.now()
    enrolment.confirm(row(), agent.shown, "dora", now)
    assert all(agent.collect() for _ in range(enrolment.MOST_HAND_OUTS - 1))
    with pytest.raises(NotAccepted):
        agent.collect(now + 16 * MINUTE)
    assert agent.collect()
    with pytest.raises(NotAccepted):
        agent.collect()


def test_agent_before_is_not_believed_any_more(tmp_path: Path) -> None:
    call_command("provision_site", "north", name="North", out=str(tmp_path / "agent"), verbosity=0)
    site = Site.objects.get()
    before, old_pin = (tmp_path / "agent/secrets/relay-listen").read_text(), site.conduit.agent_pin
    _, code = make(site)
    agent = Agent()
    agent.claim(code)
    assert Conduit.objects.get().agent_pin == old_pin

    enrolment.confirm(row(), agent.shown, "dora", timezone.now())
    connection = agent.collect()

    conduit = Conduit.objects.get()
    assert conduit.agent_pin == agent.identity.certificate and conduit.listen_rotation is None
    assert all(key not in before for key in listen_keys())
    assert dict(zip(("primary", "secondary"), listen_keys(), strict=True))[conduit.listen_slot] in connection


def test_cut_off_ends_it_and_needs_provisioning_first(site: Site) -> None:
    _, code = make(site)
    agent = Agent()
    agent.claim(code)
    cut_off_site(site, timezone.now())
    with pytest.raises(NotAccepted):
        agent.collect()
    with pytest.raises(NotDone, match="provision"):
        make(site)


def test_relay_that_cannot_be_asked_changes_nothing(site: Site, settings: Any, bridge: Any) -> None:
    _, code = make(site)
    agent = Agent()
    agent.claim(code)
    there = settings.SIGHTLINE
    settings.SIGHTLINE = bridge
    with pytest.raises(enrolment.ManagementError):
        enrolment.confirm(row(), agent.shown, "dora", timezone.now())
    assert row().state == Enrolment.State.CLAIMED and Conduit.objects.get().agent_pin == ""
    settings.SIGHTLINE = there
    enrolment.confirm(row(), agent.shown, "dora", timezone.now())
    assert agent.collect()


# --- over HTTP ------------------------------------------------------------------------------------------------------


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


# --- the administration ---------------------------------------------------------------------------------------------


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
