"""Setting up, replacing and removing one's own factors; and what the administrator can take away."""

from __future__ import annotations

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth import SESSION_KEY
from django.test import Client

from accounts import one_time_codes
from accounts.assurance import STEPPED_UP_AT, STEPPED_UP_WITH, read_assurance
from accounts.audit.models import Event
from accounts.factor_views import OFFERED_SECRET
from accounts.sessions import SIGNED_IN_AT
from tests.accounts.conftest import ALICES_PASSWORD
from tests.accounts.factor_help import App, give_app

pytestmark = pytest.mark.django_db


def confirmed(client):
    session = client.session
    session[STEPPED_UP_AT], session[STEPPED_UP_WITH] = int(time.time()), ["otp"]
    session.save()


def offered(client) -> App:
    page = client.get("/set-up/app/").content.decode()
    return App(re.search(r'class="secret">([A-Z2-7 ]+)<', page).group(1).replace(" ", ""))


class TestFirstFactor:
    @pytest.fixture(autouse=True)
    def policy(self, settings):
        settings.SECOND_FACTOR = "always"

    def test_password_leads_to_it_and_to_nothing_else(self, client, sign_in, alice):
        assert sign_in("alice", ALICES_PASSWORD, next="/sites/north/")["Location"] == "/set-up/"
        assert client.session.get(SESSION_KEY) is None
        for path in ("/", "/sites/", "/account/sign-ins/", "/account/password/", "/account/factors/", "/admin/"):
            assert client.get(path).status_code == 302, path
        assert client.get("/set-up/").status_code == 200

    def test_app_is_set_up_signs_in_and_shows_recovery_codes_once(self, client, sign_in, alice):
        sign_in("alice", ALICES_PASSWORD, next="/sites/north/")
        app = offered(client)
        assert offered(client).secret == app.secret, "the same secret after a reload"
        assert app.secret not in str(client.session.items()), "and it lies encrypted in the session"
        assert client.get("/set-up/app/picture.svg")["Content-Type"] == "image/svg+xml"
        wrong = client.post("/set-up/app/", {"code": app.wrong_code()})
        assert "does not belong to the picture" in wrong.content.decode()
        page = client.post("/set-up/app/", {"code": app.code()})
        codes = re.findall(r"<code>(\d{5} \d{5})</code>", page.content.decode())
        assert len(codes) == 10
        assert 'href="/sites/north/"' in page.content.decode()
        assert "no-store" in page["Cache-Control"]
        assert client.session.get(SESSION_KEY) == str(alice.pk)
        assert read_assurance(client.session).amr == ("pwd", "otp", "mfa")
        assert OFFERED_SECRET not in client.session
        assert codes[0] not in client.get("/account/factors/").content.decode()
        assert set(Event.objects.values_list("tag", flat=True)) >= {"person:factor:added", "person:recovery-code:made"}

    def test_somebody_else_with_a_factor_cannot_add_one_half_in(self, client, sign_in, alice):
        give_app(alice)
        sign_in("alice", ALICES_PASSWORD)
        for path in ("/set-up/", "/set-up/app/"):
            assert client.get(path)["Location"] == "/sign-in/"
        assert client.post("/set-up/passkey/question/").status_code == 403
        assert client.post("/set-up/passkey/", {"answer": "{}"})["Location"] == "/sign-in/"


class TestSignedIn:
    @pytest.fixture
    def signed_in(self, client, alice):
        client.force_login(alice)
        return client

    def test_first_factor_needs_a_sign_in_of_the_last_five_minutes(self, signed_in):
        assert signed_in.get("/set-up/").status_code == 200
        session = signed_in.session
        session[SIGNED_IN_AT] -= 301
        session.save()
        assert "Sign in again first" in signed_in.get("/set-up/").content.decode()
        assert "Sign in again first" in signed_in.post("/set-up/app/", {"code": "123456"}).content.decode()

    def test_another_factor_needs_the_first_one(self, signed_in, alice):
        give_app(alice)
        assert signed_in.get("/set-up/app/")["Location"] == "/confirm/?next=%2Fset-up%2Fapp%2F"
        confirmed(signed_in)
        app = offered(signed_in)
        signed_in.post("/set-up/app/", {"code": app.code()})
        assert Authenticator.objects.filter(type="totp").count() == 1

    def test_removing_needs_confirming_and_ends_other_sign_ins(self, signed_in, alice):
        give_app(alice)
        factor = Authenticator.objects.get()
        other = Client()
        other.force_login(alice)
        address = f"/account/factors/{factor.pk}/remove/"
        assert signed_in.post(address)["Location"].startswith("/confirm/")
        assert Authenticator.objects.exists()
        confirmed(signed_in)
        signed_in.post(address)
        assert not Authenticator.objects.exists()
        assert other.get("/account/sign-ins/").status_code == 302
        assert signed_in.get("/account/sign-ins/").status_code == 200
        assert Event.objects.filter(tag="person:factor:removed").count() == 1

    def test_last_one_stays_with_whoever_needs_one(self, signed_in, alice, settings):
        settings.SECOND_FACTOR = "always"
        give_app(alice)
        confirmed(signed_in)
        page = signed_in.post(f"/account/factors/{Authenticator.objects.get().pk}/remove/", follow=True)
        assert "your last second factor" in page.content.decode()
        assert Authenticator.objects.exists()

    def test_nobody_removes_somebody_elses(self, signed_in, alice, bob):
        give_app(alice)
        give_app(bob)
        confirmed(signed_in)
        bobs = Authenticator.objects.get(user=bob)
        assert signed_in.post(f"/account/factors/{bobs.pk}/remove/").status_code == 404
        assert Authenticator.objects.filter(pk=bobs.pk).exists()

    def test_new_recovery_codes_need_confirming(self, signed_in, alice):
        give_app(alice)
        one_time_codes.make_recovery_codes(alice)
        assert signed_in.post("/account/factors/recovery-codes/")["Location"].startswith("/confirm/")
        confirmed(signed_in)
        page = signed_in.post("/account/factors/recovery-codes/").content.decode()
        assert len(re.findall(r"<code>\d{5} \d{5}</code>", page)) == 10

    def test_overview_shows_no_secret(self, signed_in, alice):
        app = give_app(alice)
        page = signed_in.get("/account/factors/").content.decode()
        assert "Authenticator app" in page
        assert app.secret not in page

    def test_made_up_passkey_answer_is_refused_in_words(self, signed_in, settings):
        settings.PUBLIC_URL = "http://localhost:8000"
        signed_in.post("/set-up/passkey/question/")
        page = signed_in.post("/set-up/passkey/", {"answer": "{}"}, follow=True).content.decode()
        assert "No passkey was made" in page


class TestAdministrator:
    def reset(self, client, *people):
        data = {"action": "reset_second_factors", "_selected_action": [person.pk for person in people]}
        return client.post("/admin/accounts/user/", data)

    def test_takes_a_lost_phones_factors_away(self, client, root, alice):
        give_app(alice)
        other = Client()
        other.force_login(alice)
        client.force_login(root)
        self.reset(client, alice)
        assert not Authenticator.objects.exists()
        assert other.get("/account/sign-ins/").status_code == 302

    def test_confirms_first(self, client, root, alice):
        give_app(alice)
        give_app(root)
        client.force_login(root)
        assert self.reset(client, alice)["Location"].startswith("/confirm/")
        assert Authenticator.objects.filter(user=alice).exists()

    def test_staff_touch_no_administrator(self, client, root, bob):
        from django.contrib.auth.models import Permission  # noqa: PLC0415

        bob.is_staff = True
        bob.save()
        bob.user_permissions.add(*Permission.objects.filter(codename__in=["change_user", "view_user"]))
        give_app(root)
        client.force_login(bob)
        self.reset(client, root)
        assert Authenticator.objects.filter(user=root).exists()

    def test_secrets_are_in_no_page(self, client, root):
        client.force_login(root)
        for address in (
            "mfa/authenticator",
            "account/emailaddress",
            "socialaccount/socialapp",
            "socialaccount/socialtoken",
        ):
            assert client.get(f"/admin/{address}/").status_code == 404, address
        assert client.get("/admin/socialaccount/socialaccount/").status_code == 200
