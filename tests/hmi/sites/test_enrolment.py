"""Enrolment at the web app's end: what each step demands, and that nothing is handed out before somebody compared."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.audit.models import Event
from hmi.sites import enrolment
from hmi.sites.conduit_info import get_conduit_info
from hmi.sites.enrolment import NotAccepted, NotDone
from hmi.sites.enrolment_rows import Enrolment
from hmi.sites.errors import SiteUnreachable
from hmi.sites.models import Conduit, Site
from hmi.sites.provisioning import cut_off_site
from relay_bridge.contract.enrolment import (
    Claim,
    claim_bytes,
    code_digest,
    make_code,
    read_code,
)
from tests.hmi.sites.enrolling import HERE, Agent, forget_limits, listen_keys, make, row, unenrolled_site

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("relay")]
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _fresh_limits(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    forget_limits(monkeypatch, settings)


@pytest.fixture
def site() -> Site:
    return unenrolled_site()


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
