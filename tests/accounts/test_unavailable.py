"""Nothing can be stored: changes get 503 in words and do not happen, and values are still shown."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts import one_time_codes
from accounts.assurance import AMR, STEPPED_UP_AT, STEPPED_UP_WITH
from accounts.factors import factors_of
from accounts.models import User
from accounts.sessions import SEEN_AT
from tests.accounts.conftest import ALICES_PASSWORD, BOBS_PASSWORD
from tests.accounts.factor_help import give_app
from tests.support.full_disk import no_changes, no_events

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in(person: Any, *, seen_before: int = 0) -> Client:
    """A browser of theirs that confirmed a moment ago; ``seen_before``: last used so many seconds ago."""
    client = Client()
    client.force_login(person)
    session = client.session
    session[AMR] = ["pwd", "otp", "mfa"]
    session[STEPPED_UP_AT], session[STEPPED_UP_WITH] = int(time.time()), ["otp"]
    session[SEEN_AT] -= seen_before
    session.save()
    return client


def says_not_done(answer: Any) -> str:
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "30"
    words = answer.content.decode()
    assert "<h1>Not done</h1>" in words
    assert answer.headers["X-Request-ID"] in words
    return words


# --- the trail alone ----------------------------------------------------------------------------------------------


@pytest.fixture
def with_app(alice: Any) -> Any:
    give_app(alice)
    return alice


def test_words_say_what_failed_that_nothing_changed_and_whom_to_tell(settings: Any, with_app: Any) -> None:
    settings.SUPPORT_CONTACT = "the help desk, 1234"
    client = signed_in(with_app)
    with no_events():
        words = says_not_done(client.post("/account/factors/recovery-codes/"))
    assert "could not be recorded in the audit trail" in words
    assert "Nothing was changed" in words
    assert "the help desk, 1234" in words
    assert one_time_codes.recovery_codes_left(with_app) == 0


def test_no_factor_is_taken_away(with_app: Any) -> None:
    factor = Authenticator.objects.get(user=with_app)
    with no_events():
        says_not_done(signed_in(with_app).post(f"/account/factors/{factor.pk}/remove/"))
    assert factors_of(with_app) == [factor]


def test_first_factor_is_kept_with_its_recovery_codes_or_not_at_all(alice: Any) -> None:
    """The second event, of the codes, fails: the factor must not stay, for its owner saw no codes."""
    from django.db import connection  # noqa: PLC0415

    from tests.accounts.test_factor_views import offered  # noqa: PLC0415

    client = signed_in(alice)
    app = offered(client)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER full BEFORE INSERT ON audit_event WHEN NEW.tag = 'person:recovery-code:made' "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    try:
        says_not_done(client.post("/set-up/app/", {"code": app.code()}))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER full")
    assert factors_of(alice) == []


def test_no_password_is_changed(alice: Any) -> None:
    new = {"old_password": ALICES_PASSWORD, "new_password1": BOBS_PASSWORD, "new_password2": BOBS_PASSWORD}
    with no_events():
        says_not_done(signed_in(alice).post("/account/password/", new))
    alice.refresh_from_db()
    assert alice.check_password(ALICES_PASSWORD)


def test_reset_of_several_people_is_all_or_nothing(root: Any, with_app: Any, bob: Any) -> None:
    give_app(bob)
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TRIGGER full BEFORE INSERT ON audit_event WHEN NEW.subject = '{bob.subject}' "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    try:
        form = {"action": "reset_second_factors", "_selected_action": [with_app.pk, bob.pk]}
        says_not_done(signed_in(root).post("/admin/accounts/user/", form))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER full")
    assert factors_of(with_app)
    assert factors_of(bob)


def test_signing_in_and_out_and_looking_go_on(alice: Any) -> None:
    client = Client()
    with no_events():
        answer = client.post("/sign-in/", {"username": "alice", "password": ALICES_PASSWORD})
        assert (answer.status_code, answer["Location"]) == (303, "/")
        assert client.get("/").status_code == 200
        assert client.get("/account/factors/").status_code == 200
        assert client.post("/sign-out/").status_code == 303


def test_programs_get_a_problem(with_app: Any) -> None:
    with no_events():
        answer = signed_in(with_app).post("/account/factors/recovery-codes/", headers={"Accept": "application/json"})
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = json.loads(answer.content)
    assert (answer.status_code, problem["type"]) == (503, "urn:sightline:problem:not-recorded")
    assert "could not be recorded" in problem["detail"]


# --- the whole database -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["/", "/account/factors/", "/account/sign-ins/"])
@pytest.mark.parametrize("seen_before", [0, 600])
def test_pages_are_shown_while_nothing_can_be_stored(alice: Any, page: str, seen_before: int) -> None:
    """Also a minute after the last use, when the sign-in would note that it is used."""
    client = signed_in(alice, seen_before=seen_before)
    with no_changes():
        assert client.get(page).status_code == 200


def test_change_is_refused_in_words(root: Any) -> None:
    client = signed_in(root)
    with no_changes():
        words = says_not_done(client.post("/admin/auth/group/add/", {"name": "helpers"}))
    assert "takes no changes at the moment" in words


def test_sign_in_is_refused_in_words(alice: Any) -> None:
    with no_changes():
        assert "takes no changes" in says_not_done(
            Client().post("/sign-in/", {"username": "alice", "password": ALICES_PASSWORD})
        )


def test_sign_in_that_is_over_opens_nothing(alice: Any) -> None:
    """It cannot be deleted, and all the same it is over."""
    client = signed_in(alice, seen_before=3600)
    with no_changes():
        answer = client.get("/account/sign-ins/")
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/?next=/account/sign-ins/")
    assert User.objects.filter(username="alice").exists()
