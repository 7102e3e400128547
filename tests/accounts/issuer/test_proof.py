"""What a token may say of how its person signed in: what stands in the session, and no more."""

from __future__ import annotations

import time

import pytest
from django.contrib.sessions.backends.db import SessionStore

from accounts.assurance import AMR, STEPPED_UP_AT, STEPPED_UP_WITH, Assurance
from accounts.issuer import Proof
from accounts.issuer.proof import proof_of, session_assurance
from accounts.sessions import SEEN_AT, SIGNED_IN_AT

NOW = 1_795_370_000


def assurance(*amr, stepped_up=0, **how):
    return Assurance(amr or ("pwd",), NOW - 3600, stepped_up, how.get("how", ()))


@pytest.mark.parametrize(
    ("held", "writes", "proof"),
    [
        (assurance(), False, Proof(NOW - 3600, "pwd", ("pwd",))),
        (assurance(), True, Proof(NOW - 3600, "pwd", ("pwd",))),
        (assurance("pwd", "otp", "mfa"), False, Proof(NOW - 3600, "mfa", ("pwd", "otp", "mfa"))),
        (assurance("hwk", "user", "mfa"), False, Proof(NOW - 3600, "phr", ("hwk", "user", "mfa"))),
        # A write tells of the confirmation, and only while that is fresh.
        (assurance(stepped_up=NOW - 10, how=("otp",)), True, Proof(NOW - 10, "mfa", ("otp",))),
        (assurance(stepped_up=NOW - 10, how=("hwk", "user")), True, Proof(NOW - 10, "phr", ("hwk", "user"))),
        (assurance(stepped_up=NOW - 10, how=("otp",)), False, Proof(NOW - 3600, "pwd", ("pwd",))),
        (assurance("pwd", "recovery", "mfa"), True, Proof(NOW - 3600, "pwd", ("pwd", "recovery", "mfa"))),
        (assurance(stepped_up=NOW - 301, how=("otp",)), True, Proof(NOW - 3600, "pwd", ("pwd",))),
        (assurance(stepped_up=NOW + 60, how=("otp",)), True, Proof(NOW - 3600, "pwd", ("pwd",))),
    ],
)
def test_proof(held, writes, proof):
    assert proof_of(held, NOW, writes=writes) == proof


@pytest.mark.django_db
def test_session_is_read_as_it_is_now(alice, client, django_assert_num_queries):
    client.force_login(alice)
    key, now = client.session.session_key, time.time()
    store = SessionStore(key)
    store[AMR], store[STEPPED_UP_AT], store[STEPPED_UP_WITH] = ["pwd", "otp", "mfa"], int(now), ["otp"]
    store.save()
    with django_assert_num_queries(1):
        held = session_assurance(key, now)
    assert (held.acr, held.auth_time, held.stepped_up_with) == ("mfa", client.session[SIGNED_IN_AT], ("otp",))

    store[SEEN_AT] = int(now) - 1801
    store.save()
    assert session_assurance(key, now) is None
    assert session_assurance("no such session", now) is None
