"""An agent that says whatever a test wants of an enrolment, and a site that waits for one."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any, Literal

import pytest
from django.core.management import call_command
from django.utils import timezone

from hmi.sites import enrolment, enrolment_views
from hmi.sites.enrolment_rows import Enrolment
from hmi.sites.models import Site
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
    read_code,
)

HERE = frozenset({"https://hmi.example.com"})


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


def forget_limits(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.PUBLIC_URL = "https://hmi.example.com"
    for name in ("_by_source", "_refused_by_source", "_recorded_by_source"):
        bucket = getattr(enrolment_views, name)
        monkeypatch.setattr(bucket, "_levels", type(bucket._levels)())


def unenrolled_site() -> Site:
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
