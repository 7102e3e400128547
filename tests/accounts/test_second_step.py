"""After the password: nobody is in before the second factor, five wrong codes pause, and confirming is stronger."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.test import Client

from accounts import one_time_codes, passkeys, second_step, sign_in_limits, sign_in_steps, step_up
from accounts.assurance import STEPPED_UP_AT, read_assurance
from accounts.audit.models import Event
from accounts.audit.sign_ins import PAUSED
from accounts.buckets import Buckets
from accounts.models import User
from accounts.sessions import end_sessions_of
from accounts.sign_in_steps import PENDING, PENDING_LIFE
from accounts.views import WRONG
from tests.accounts.conftest import ALICES_PASSWORD, BOBS_PASSWORD
from tests.accounts.factor_help import give_app
from tests.support.passkey import SoftPasskey

pytestmark = pytest.mark.django_db
CODE = "/sign-in/second-factor/"


@pytest.fixture
def app(alice):
    return give_app(alice)


def signed_in_as(client):
    return client.session.get(SESSION_KEY)


def pause_by_a_stranger(username):
    stranger = Client(REMOTE_ADDR="203.0.113.9")
    answers = [stranger.post("/sign-in/", {"username": username, "password": f"no {n}"}).status_code for n in range(5)]
    assert answers[-1] == 429


def enrol_passkey(person, rf, settings):
    settings.PUBLIC_URL = "http://localhost:8000"
    device, request = SoftPasskey("http://localhost:8000", "localhost"), rf.get("/")
    request.session = {}
    answer = device.create(passkeys.begin_enrolment(request, person))
    passkeys.finish_enrolment(request, person, answer, "phone")
    return device


class TestHalfIn:
    def test_password_alone_signs_nobody_in_who_has_a_factor(self, client, sign_in, alice, app):
        response = sign_in("alice", ALICES_PASSWORD)
        assert (response.status_code, response["Location"]) == (303, CODE)
        assert signed_in_as(client) is None
        for path in ("/", "/account/sign-ins/", "/account/factors/", "/confirm/", "/admin/", "/set-up/"):
            assert client.get(path).status_code in {302, 303}, path
        assert client.get("/set-up/app/picture.svg").status_code == 404

    def test_code_signs_in_and_goes_where_it_was_wanted(self, client, sign_in, alice, app):
        sign_in("alice", ALICES_PASSWORD, next="/sites/north/?tab=2")
        half = client.session.session_key
        response = client.post(CODE, {"code": app.code()})
        assert (response.status_code, response["Location"]) == (303, "/sites/north/?tab=2")
        assert signed_in_as(client) == str(alice.pk)
        assert client.session.session_key != half
        assurance = read_assurance(client.session)
        assert assurance.amr == ("pwd", "otp", "mfa")
        assert assurance.acr == "mfa"
        assert assurance.is_stepped_up(time.time())

    def test_recovery_code_signs_in_but_confirms_nothing(self, client, sign_in, alice, app):
        code = one_time_codes.make_recovery_codes(alice)[0]
        sign_in("alice", ALICES_PASSWORD)
        assert client.post(CODE, {"code": code}).status_code == 303
        assurance = read_assurance(client.session)
        assert assurance.has_two_factors
        assert not assurance.is_stepped_up(time.time())

    def test_five_wrong_codes_pause_the_account_for_passwords_too(self, client, sign_in, alice, app):
        sign_in("alice", ALICES_PASSWORD)
        answers = [client.post(CODE, {"code": app.wrong_code()}).status_code for _ in range(6)]
        assert answers == [200, 200, 200, 200, 429, 429]
        assert client.post(CODE, {"code": app.code()}).status_code == 429
        assert sign_in("alice", ALICES_PASSWORD).status_code == 429

    def test_right_password_in_between_does_not_reset_the_count(self, client, sign_in, alice, app):
        for _ in range(5):
            sign_in("alice", ALICES_PASSWORD)
            last = client.post(CODE, {"code": app.wrong_code()})
        assert last.status_code == 429

    def test_nothing_typed_is_not_counted(self, client, sign_in, alice, app):
        sign_in("alice", ALICES_PASSWORD)
        for _ in range(8):
            assert str(second_step.NO_CODE) in client.post(CODE, {"code": " "}).content.decode()

    @pytest.mark.parametrize("change", ["late", "closed", "password"])
    def test_half_sign_in_that_is_over_starts_again(self, client, sign_in, alice, app, change):
        sign_in("alice", ALICES_PASSWORD)
        if change == "late":
            session = client.session
            session[PENDING]["at"] -= PENDING_LIFE
            session.save()
        elif change == "closed":
            User.objects.filter(pk=alice.pk).update(is_active=False)
        else:
            alice.set_password("another fifteen characters")
            alice.save()
        response = client.post(CODE, {"code": app.code()})
        assert (response.status_code, response["Location"]) == (303, "/sign-in/")
        assert signed_in_as(client) is None

    def test_stranger_is_sent_to_the_start(self, client, db):
        for path in (CODE, "/set-up/", "/set-up/app/"):
            assert client.get(path)["Location"] == "/sign-in/"

    def test_passkey_as_second_factor(self, client, sign_in, alice, rf, settings):
        device = enrol_passkey(alice, rf, settings)
        sign_in("alice", ALICES_PASSWORD)
        question = client.post("/sign-in/passkey/question/").json()
        assert len(question["publicKey"]["allowCredentials"]) == 1
        assert client.post(CODE, {"answer": device.get(question)}).status_code == 303
        assert read_assurance(client.session).acr == "phr"


class TestPasskeyAlone:
    URL = "/sign-in/passkey/"

    def ask(self, client):
        return client.post("/sign-in/passkey/question/").json()

    def test_opens_the_account(self, client, alice, rf, settings):
        device = enrol_passkey(alice, rf, settings)
        question = self.ask(client)
        assert not question["publicKey"].get("allowCredentials"), "a stranger learns no credential"
        response = client.post(self.URL, {"answer": device.get(question), "next": "/sites/north/"})
        assert (response.status_code, response["Location"]) == (303, "/sites/north/")
        assert read_assurance(client.session).amr == ("hwk", "user", "mfa")

    def test_not_a_closed_one(self, client, alice, rf, settings):
        device = enrol_passkey(alice, rf, settings)
        alice.is_active = False
        alice.save()
        page = client.post(self.URL, {"answer": device.get(self.ask(client))})
        assert str(second_step.WRONG_PASSKEY) in page.content.decode()
        assert signed_in_as(client) is None

    def test_also_a_paused_one_because_it_cannot_be_guessed(self, client, sign_in, alice, rf, settings):
        """A stranger who knows a username pauses its password; that must not keep its person from the plant."""
        device = enrol_passkey(alice, rf, settings)
        pause_by_a_stranger("alice")
        assert client.post(self.URL, {"answer": device.get(self.ask(client))}).status_code == 303
        assert signed_in_as(client) == str(alice.pk)

    def test_rubbish_reads_the_same(self, client, alice):
        for answer in ("", "{}", "[" * 5000):
            self.ask(client)
            assert str(second_step.WRONG_PASSKEY) in client.post(self.URL, {"answer": answer}).content.decode()

    def test_question_needs_the_forms_token_and_is_asked_by_post(self, db):
        careful = Client(enforce_csrf_checks=True)
        assert careful.post("/sign-in/passkey/question/").status_code == 403
        assert careful.get("/sign-in/passkey/question/").status_code == 405

    def test_strangers_do_not_make_sessions_without_end(self, client, db, monkeypatch):
        monkeypatch.setattr(sign_in_limits, "_questions", Buckets(60, 3))
        answers = [Client().post("/sign-in/passkey/question/") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert int(answers[-1]["Retry-After"]) >= 1
        assert Session.objects.count() == 3

    def test_strangers_question_is_kept_for_five_minutes(self, client, db):
        self.ask(client)
        assert client.session.get_expiry_age() <= passkeys.CHALLENGE_LIFE


class TestConfirm:
    @pytest.fixture
    def signed_in(self, client, alice, app):
        client.force_login(alice)
        return client

    def test_code_confirms_under_a_new_key_for_five_minutes(self, signed_in, app):
        before = signed_in.session.session_key
        response = signed_in.post("/confirm/", {"code": app.code(), "next": "/sites/north/"})
        assert (response.status_code, response["Location"]) == (303, "/sites/north/")
        assert signed_in.session.session_key != before
        assurance = read_assurance(signed_in.session)
        now = signed_in.session[STEPPED_UP_AT]
        assert assurance.is_stepped_up(now + 299)
        assert not assurance.is_stepped_up(now + 300)
        assert assurance.has_two_factors, "a password and a code make two"

    def test_neither_password_nor_recovery_code_confirms(self, signed_in, alice):
        code = one_time_codes.make_recovery_codes(alice)[0]
        for typed in (code, ALICES_PASSWORD):
            assert str(second_step.WRONG_CODE) in signed_in.post("/confirm/", {"code": typed}).content.decode()
        assert not read_assurance(signed_in.session).is_stepped_up(time.time())
        assert one_time_codes.recovery_codes_left(alice) == 10, "and it is not used up by the try"

    def test_five_wrong_codes_pause(self, signed_in, app):
        answers = [signed_in.post("/confirm/", {"code": app.wrong_code()}).status_code for _ in range(5)]
        assert answers[-1] == 429
        assert signed_in.post("/confirm/", {"code": app.code()}).status_code == 429

    def test_a_stranger_cannot_keep_somebody_signed_in_from_confirming(self, signed_in, app):
        pause_by_a_stranger("alice")
        assert signed_in.post("/confirm/", {"code": app.code()}).status_code == 303
        assert read_assurance(signed_in.session).is_stepped_up(time.time())

    def test_wrong_codes_here_do_not_keep_the_person_from_signing_in_elsewhere(self, signed_in, sign_in, app):
        for _ in range(5):
            signed_in.post("/confirm/", {"code": app.wrong_code()})
        signed_in.logout()
        assert sign_in("alice", ALICES_PASSWORD)["Location"] == CODE

    def test_wrong_codes_are_recorded_as_the_persons_own(self, signed_in, alice, app):
        for _ in range(5):
            signed_in.post("/confirm/", {"code": app.wrong_code()})
        events = Event.objects.filter(tag__startswith="person:sign-in:").order_by("seq")
        assert Counter(event.tag for event in events) == {"person:sign-in:failed": 5, "person:sign-in:locked": 1}
        assert {event.subject for event in events} == {f"{alice.subject} alice"}

    def test_a_pause_is_recorded_when_it_refuses_a_code(self, signed_in, app):
        for _ in range(6):
            signed_in.post("/confirm/", {"code": app.wrong_code()})
        assert Event.objects.filter(tag="person:sign-in:failed").order_by("-seq")[0].reason == PAUSED

    def test_of_two_confirmations_at_once_one_makes_a_session(self, signed_in, alice, app, monkeypatch):
        """The second request was let in with the old key, and comes to its end after the first."""
        first = Client()
        first.cookies = signed_in.cookies.copy()
        one, other = app.code(), app.code(steps=1)
        strengthen = sign_in_steps.strengthen

        def after_the_first(request, methods):
            monkeypatch.setattr(sign_in_steps, "strengthen", strengthen)
            assert first.post("/confirm/", {"code": other}).status_code == 303
            strengthen(request, methods)

        monkeypatch.setattr(sign_in_steps, "strengthen", after_the_first)
        late = signed_in.post("/confirm/", {"code": one, "next": "/sites/north/"})
        assert (late.status_code, late["Location"]) == (303, "/sites/north/")
        assert settings.SESSION_COOKIE_NAME not in late.cookies, "the browser keeps what the first answer gave it"
        assert [row.session_key for row in Session.objects.all()] == [first.session.session_key]
        events = Event.objects.filter(tag="person:session:stepped-up").order_by("seq")
        assert [event.result for event in events] == ["done", "refused"]

    def test_a_sign_in_that_was_ended_meanwhile_is_not_revived(self, signed_in, alice, app, monkeypatch):
        strengthen = sign_in_steps.strengthen

        def after_the_end(request, methods):
            end_sessions_of(alice)
            strengthen(request, methods)

        monkeypatch.setattr(sign_in_steps, "strengthen", after_the_end)
        signed_in.post("/confirm/", {"code": app.code()})
        assert not Session.objects.exists()
        assert signed_in.get("/account/sign-ins/").status_code == 302

    def test_goes_nowhere_else(self, signed_in, app):
        response = signed_in.post("/confirm/", {"code": app.code(), "next": "https://evil.example/"})
        assert response["Location"] == "/"

    def test_whoever_has_no_factor_is_led_to_set_one_up(self, client, bob):
        client.force_login(bob)
        page = client.get("/confirm/").content.decode()
        assert "a password alone is not enough" in page
        assert "/set-up/" in page

    def test_is_recorded(self, signed_in, alice, app):
        signed_in.post("/confirm/", {"code": app.code()})
        event = Event.objects.get(tag="person:session:stepped-up")
        assert (event.actor, event.result) == (str(alice.subject), "done")


def test_sign_in_with_two_factors_is_recorded_with_methods_and_notice(client, sign_in, alice, settings):
    settings.USE_NOTICE = "Only for staff."
    app = give_app(alice)
    sign_in("alice", ALICES_PASSWORD)
    client.post(CODE, {"code": app.code()})
    event = Event.objects.get(tag="person:session:signed-in")
    assert "pwd otp mfa" in event.facts
    assert client.session["use_notice"] in event.facts


def test_changed_use_notice_is_read_first(client, sign_in, bob, settings):
    settings.USE_NOTICE = "The new text."
    response = client.post("/sign-in/", {"username": "bob", "password": BOBS_PASSWORD, "notice": "0123456789ab"})
    page = response.content.decode()
    assert "The new text." in page
    assert str(WRONG) not in page
    assert signed_in_as(client) is None


def test_strong_methods_leave_passwords_and_paper_out():
    assert step_up.strong_methods(["pwd", "recovery", "fed", "mfa", "user"]) == []
    assert step_up.strong_methods(["pwd", "otp"]) == ["otp"]
