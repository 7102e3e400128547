"""Company sign-on against a real OpenID provider: who gets in, as whom, and every answer that is not believed."""

from __future__ import annotations

import json
import time
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth import SESSION_KEY

from accounts import company_provider
from accounts.assurance import COMPANY, STEPPED_UP_AT, STEPPED_UP_WITH, read_assurance
from accounts.audit.models import Event
from accounts.company_sign_on import REFUSED, UNKNOWN
from accounts.models import User
from accounts.views import WRONG
from hmi.company_settings import Company
from tests.accounts.conftest import ALICES_PASSWORD
from tests.accounts.factor_help import give_app
from tests.support.oidc import running_provider

pytestmark = pytest.mark.django_db
START, CALLBACK = "/sign-in/company/acme/", "/sign-in/company/acme/callback/"


@pytest.fixture(scope="module")
def provider():
    with running_provider() as running:
        yield running


@pytest.fixture
def company(settings, provider):
    def configure(**more):
        facts = {"id": "acme", "name": "Acme", "issuer": provider.issuer, "client_id": "sightline", "secret": "x" * 20}
        settings.COMPANY_SIGN_ON = (Company(**(facts | more)),)

    company_provider._kept.clear()
    configure()
    return configure


def connect(person, sub):
    return SocialAccount.objects.create(user=person, provider="acme", uid=sub)


def go(client, provider, sub, *, path=START, **query):
    """The whole way: to the provider, sign in there, and back."""
    sent = client.get(path, query)
    assert sent.status_code == 302, sent
    back = provider.authorize(sent["Location"], sub)
    return client.get(back.partition("8000")[2])


def messages_of(client):
    return client.get("/sign-in/").content.decode()


def signed_in_as(client):
    return client.session.get(SESSION_KEY)


def test_browser_is_sent_with_state_nonce_and_pkce(client, provider, company):
    sent = client.get(START)["Location"]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(sent).query).items()}
    assert sent.startswith(provider.issuer)
    assert asked["redirect_uri"] == "http://127.0.0.1:8000" + CALLBACK
    assert (asked["response_type"], asked["client_id"]) == ("code", "sightline")
    assert (asked["code_challenge_method"], asked["prompt"]) == ("S256", "login")
    assert len(asked["code_challenge"]) == 43
    assert len(asked["nonce"]) >= 43
    assert len(asked["state"]) >= 16
    assert "secret" not in sent
    assert "x" * 20 not in sent
    assert set(asked["scope"].split()) == {"openid", "profile"}


def test_known_person_gets_in_and_where_they_wanted(client, provider, company, alice):
    connect(alice, "emp-1")
    provider.tell("emp-1", preferred_username="someone.else")
    answer = go(client, provider, "emp-1", next="/sites/north/")
    assert (answer.status_code, answer["Location"]) == (303, "/sites/north/")
    assert signed_in_as(client) == str(alice.pk)
    assert read_assurance(client.session).amr == ("fed",)
    assert client.session[COMPANY] == "acme"
    assert SocialAccount.objects.get().extra_data == {}, "nothing of the profile is kept"


def test_companys_word_is_one_factor(client, provider, company, alice, settings):
    settings.SECOND_FACTOR = "always"
    connect(alice, "emp-2")
    app = give_app(alice)
    assert go(client, provider, "emp-2")["Location"] == "/sign-in/second-factor/"
    assert signed_in_as(client) is None
    client.post("/sign-in/second-factor/", {"code": app.code()})
    assert read_assurance(client.session).amr == ("fed", "otp", "mfa")
    assert client.session[COMPANY] == "acme"


def test_company_that_is_believed_to_ask_for_two_factors(client, provider, company, alice, settings):
    settings.SECOND_FACTOR = "always"
    connect(alice, "emp-3")
    provider.tell("emp-3", amr=["pwd", "mfa"])
    company(second_factor_amr=frozenset({"mfa"}))
    assert go(client, provider, "emp-3")["Location"] == "/"
    assurance = read_assurance(client.session)
    assert assurance.has_two_factors
    assert not assurance.is_stepped_up(time.time()), "but its word confirms nothing here"


def test_unknown_person_is_told_so_and_gets_no_account(client, provider, company, alice):
    alice.email = "alice@example.com"
    alice.save()
    provider.tell("emp-4", email="alice@example.com", email_verified=True, preferred_username="alice")
    assert go(client, provider, "emp-4")["Location"] == "/sign-in/"
    assert str(UNKNOWN) in messages_of(client).replace("&#x27;", "'")
    assert not SocialAccount.objects.exists(), "neither address nor name opens an account"
    assert Event.objects.filter(tag="person:sign-in:failed", reason__contains="Company sign-on").exists()


def test_company_may_make_people_but_never_takes_a_name(client, provider, company, alice):
    company(new_people=True)
    provider.tell("emp-5", preferred_username="Alice")
    go(client, provider, "emp-5")
    made = User.objects.exclude(pk=alice.pk).get()
    assert signed_in_as(client) == str(made.pk)
    assert made.username.startswith("Alice-")
    assert not made.has_usable_password()
    assert not (made.is_staff or made.is_superuser or made.grants.exists())


def test_closed_account_stays_closed(client, provider, company, alice):
    connect(alice, "emp-6")
    alice.is_active = False
    alice.save()
    go(client, provider, "emp-6")
    assert signed_in_as(client) is None
    assert str(REFUSED) in messages_of(client)


def test_password_of_company_people_can_be_switched_off(client, sign_in, company, alice, bob):
    connect(alice, "emp-7")
    assert sign_in("alice", ALICES_PASSWORD).status_code == 303
    client.post("/sign-out/")
    company(local_password=False)
    assert str(WRONG) in sign_in("alice", ALICES_PASSWORD).content.decode()
    assert signed_in_as(client) is None
    assert Event.objects.filter(tag="person:sign-in:failed", subject__endswith=" alice").count() == 1
    # Counted like a wrong one: otherwise the pause that does not come would tell that it was right.
    assert [sign_in("alice", ALICES_PASSWORD).status_code for _ in range(4)] == [200, 200, 200, 429]


class TestConnecting:
    def confirmed(self, client, person):
        client.force_login(person)
        session = client.session
        session[STEPPED_UP_AT], session[STEPPED_UP_WITH] = int(time.time()), ["otp"]
        session.save()

    def test_needs_confirming(self, client, company, alice):
        client.force_login(alice)
        assert client.get("/account/factors/company/acme/")["Location"].startswith("/confirm/")

    def test_connects_the_signed_in_person(self, client, provider, company, alice):
        self.confirmed(client, alice)
        go(client, provider, "emp-8", path="/account/factors/company/acme/")
        assert SocialAccount.objects.get().user == alice
        assert Event.objects.filter(tag="person:company:connected", actor=str(alice.subject)).exists()

    def test_never_takes_somebody_elses(self, client, provider, company, alice, bob):
        connect(bob, "emp-9")
        self.confirmed(client, alice)
        go(client, provider, "emp-9", path="/account/factors/company/acme/")
        assert SocialAccount.objects.get().user == bob
        assert signed_in_as(client) == str(alice.pk)


class TestRefusedAnswers:
    @pytest.fixture(autouse=True)
    def known(self, alice, company):
        connect(alice, "emp-10")

    def refused(self, client, address):
        answer = client.get(address)
        assert (answer.status_code, answer["Location"]) == (303, "/sign-in/")
        assert signed_in_as(client) is None

    def back(self, client, provider):
        return provider.authorize(client.get(START)["Location"], "emp-10").partition("8000")[2]

    def test_answer_to_nobodys_question(self, client, provider):
        self.refused(client, f"{CALLBACK}?code=abc&state=abc")
        self.refused(client, CALLBACK)

    def test_answer_for_another_browser(self, client, provider, async_client):
        from django.test import Client  # noqa: PLC0415

        address = self.back(client, provider)
        self.refused(Client(), address)

    def test_answer_counts_once(self, client, provider):
        address = self.back(client, provider)
        assert client.get(address)["Location"] == "/"
        client.logout()
        self.refused(client, address)

    def test_person_who_says_no_there(self, client):
        state = parse_qs(urlsplit(client.get(START)["Location"]).query)["state"][0]
        self.refused(client, f"{CALLBACK}?error=access_denied&state={state}")

    def test_another_issuers_answer(self, client, provider):
        self.refused(client, self.back(client, provider) + "&iss=https://evil.example")

    def test_description_of_another_issuer(self, client, provider, company):
        company(issuer=provider.issuer + "/")
        self.refused(client, START)

    def test_provider_that_is_down(self, client, company):
        company(issuer="http://127.0.0.1:1")
        self.refused(client, START)

    def test_other_sites_cannot_start_it(self, client):
        answer = client.get(START, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer["Location"] == "/sign-in/"

    def test_company_that_is_not_configured(self, client):
        assert client.get("/sign-in/company/other/").status_code == 404
        assert client.get("/sign-in/company/other/callback/?code=1&state=1").status_code == 404


class TestIdTokens:
    """The claims and keys one by one, on tokens of our own making: a real provider makes no bad ones."""

    @pytest.fixture(scope="class")
    def key(self):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @pytest.fixture
    def adapter(self, rf, company, provider, key):
        adapter = company_provider.CompanyOAuth2Adapter(rf.get("/"), "acme")
        adapter.state = {"nonce": "n" * 43}
        jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": "k1", "use": "sig"}
        now = time.monotonic()
        config = f"{provider.issuer}/.well-known/openid-configuration"
        company_provider._kept[config] = (now, {"issuer": provider.issuer, "jwks_uri": "https://keys.example/"})
        company_provider._kept["https://keys.example/"] = (now, {"keys": [jwk]})
        return adapter

    def verify(self, adapter, token):
        app = company_provider.configured_apps()[0]
        return adapter._verified_claims(app, {"id_token": token})

    def token(self, provider, key, *, headers=None, algorithm="RS256", **claims):
        now = int(time.time())
        facts = {
            "iss": provider.issuer, "sub": "emp-1", "aud": "sightline", "iat": now, "exp": now + 60, "nonce": "n" * 43,
        } | claims  # fmt: skip
        facts = {name: value for name, value in facts.items() if value is not None}
        return jwt.encode(facts, key, algorithm=algorithm, headers={"kid": "k1"} | (headers or {}))

    def test_good_one(self, adapter, provider, key):
        assert self.verify(adapter, self.token(provider, key))["sub"] == "emp-1"
        assert self.verify(adapter, self.token(provider, key, aud=["sightline", "other"], azp="sightline"))

    @pytest.mark.parametrize(
        "bad",
        [
            {"iss": "https://evil.example"},
            {"aud": "another"},
            {"aud": ["sightline", "other"]},
            {"azp": "another"},
            {"exp": 1},
            {"iat": 1},
            {"exp": None},
            {"sub": None},
            {"nonce": None},
            {"nonce": "another"},
            {"nonce": 5},
        ],
    )
    def test_bad_claim(self, adapter, provider, key, bad):
        with pytest.raises(company_provider.CompanyError):
            self.verify(adapter, self.token(provider, key, **bad))

    def test_anothers_signature(self, adapter, provider):
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        with pytest.raises(company_provider.CompanyError, match="InvalidSignature"):
            self.verify(adapter, self.token(provider, other))

    def test_no_signature_and_shared_secrets(self, adapter, provider, key):
        for token in (
            self.token(provider, None, algorithm="none"),
            self.token(provider, "x" * 32, algorithm="HS256"),
            "",
            "a.b.c",
            None,
        ):
            with pytest.raises(company_provider.CompanyError):
                self.verify(adapter, token)
