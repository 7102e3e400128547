"""Passkeys whose device lies, or whose answer belongs to another question, another page or another person."""

from __future__ import annotations

import json
import time

import pytest
from allauth.mfa.models import Authenticator

from accounts import passkeys
from accounts.assurance import HARDWARE_KEY, SOFTWARE_KEY
from accounts.passkeys import ENROL, SECOND, SIGN_IN, STEP_UP, PasskeyRefused
from tests.support.passkey import BACKED_UP, PRESENT, VERIFIED, SoftPasskey

pytestmark = pytest.mark.django_db
ORIGIN, HOST = "http://localhost:8000", "localhost"


@pytest.fixture(autouse=True)
def on_localhost(settings):
    settings.PUBLIC_URL = ORIGIN


@pytest.fixture
def request_(rf):
    request = rf.get("/")
    request.session = {}
    return request


def as_json(options):
    """Through JSON, as the page gets them."""
    return json.loads(json.dumps(options))


def enrol(request, person, device=None):
    device = device or SoftPasskey(ORIGIN, HOST)
    answer = device.create(as_json(passkeys.begin_enrolment(request, person)))
    return device, passkeys.finish_enrolment(request, person, answer, "phone")


def ask(request, purpose=SIGN_IN, person=None):
    return as_json(passkeys.begin_use(request, purpose, person))


def test_enrolled_passkey_signs_its_person_in(request_, alice):
    device, made = enrol(request_, alice)
    assert made.methods == (HARDWARE_KEY, "user", "mfa")
    proof = passkeys.finish_use(request_, SIGN_IN, device.get(ask(request_)))
    assert (proof.person, proof.methods) == (alice, (HARDWARE_KEY, "user", "mfa"))
    assert Authenticator.objects.get().last_used_at is not None


def test_device_learns_a_random_id_and_the_username(request_, alice):
    user = as_json(passkeys.begin_enrolment(request_, alice))["publicKey"]["user"]
    assert user["name"] == "alice"
    assert alice.subject.hex not in user["id"]
    assert user["id"] != str(alice.pk)


def test_passkey_that_is_copied_between_devices_says_so(request_, alice):
    device = SoftPasskey(ORIGIN, HOST, flags=PRESENT | VERIFIED | BACKED_UP)
    _, made = enrol(request_, alice, device)
    assert made.methods[0] == SOFTWARE_KEY


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        (SoftPasskey("https://evil.example", HOST), "origin"),
        (SoftPasskey("http://localhost:8001", HOST), "origin"),
        (SoftPasskey("https://localhost:8000", HOST), "origin"),
        (SoftPasskey(ORIGIN, "evil.example"), "RP ID"),
        (SoftPasskey(ORIGIN, HOST, flags=PRESENT), "User Verified"),
        (SoftPasskey(ORIGIN, HOST, flags=VERIFIED), "User Present"),
    ],
)
def test_enrolment_from_elsewhere_or_without_the_person_is_refused(request_, alice, device, reason):
    with pytest.raises(PasskeyRefused, match=reason):
        enrol(request_, alice, device)
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize(
    "bend",
    [
        lambda device: setattr(device, "origin", "https://evil.example"),
        lambda device: setattr(device, "host", "evil.example"),
        lambda device: setattr(device, "flags", PRESENT),
        lambda device: setattr(device, "key", SoftPasskey(ORIGIN, HOST).key),
        lambda device: setattr(device, "id", b"another"),
    ],
)
def test_bent_use_is_refused(request_, alice, bend):
    device, _ = enrol(request_, alice)
    bend(device)
    with pytest.raises(PasskeyRefused):
        passkeys.finish_use(request_, SIGN_IN, device.get(ask(request_)))


def test_answer_is_good_once(request_, alice):
    device, _ = enrol(request_, alice)
    answer = device.get(ask(request_))
    passkeys.finish_use(request_, SIGN_IN, answer)
    with pytest.raises(PasskeyRefused, match="Nothing was asked"):
        passkeys.finish_use(request_, SIGN_IN, answer)
    ask(request_)
    with pytest.raises(PasskeyRefused, match="challenge"):
        passkeys.finish_use(request_, SIGN_IN, answer)


@pytest.mark.parametrize(("asked", "answered"), [(SIGN_IN, STEP_UP), (SECOND, SIGN_IN), (STEP_UP, ENROL)])
def test_answer_to_one_question_is_none_to_another(request_, alice, asked, answered):
    device, _ = enrol(request_, alice)
    answer = device.get(ask(request_, asked))
    with pytest.raises(PasskeyRefused, match="Nothing was asked"):
        if answered == ENROL:
            passkeys.finish_enrolment(request_, alice, answer, "")
        else:
            passkeys.finish_use(request_, answered, answer, alice)


def test_answer_that_comes_late_is_refused(request_, alice):
    device, _ = enrol(request_, alice)
    answer = device.get(ask(request_))
    request_.session[passkeys.CHALLENGE]["at"] = int(time.time()) - passkeys.CHALLENGE_LIFE - 1
    with pytest.raises(PasskeyRefused, match="too late"):
        passkeys.finish_use(request_, SIGN_IN, answer)


def test_somebody_elses_passkey_is_no_second_factor(request_, alice, bob):
    device, _ = enrol(request_, alice)
    enrol(request_, bob)
    with pytest.raises(PasskeyRefused, match="Unknown credential"):
        passkeys.finish_use(request_, SECOND, device.get(ask(request_, SECOND, bob)), bob)


def test_own_passkey_with_somebody_elses_name_signs_nobody_in(request_, alice, bob):
    device, _ = enrol(request_, alice)
    enrol(request_, bob)
    with pytest.raises(PasskeyRefused):
        passkeys.finish_use(request_, SIGN_IN, device.get(ask(request_), user=bob.subject.bytes))


def test_counter_that_goes_back_means_a_copy(request_, alice):
    device, _ = enrol(request_, alice)
    passkeys.finish_use(request_, SIGN_IN, device.get(ask(request_), counter=7))
    for counter in (7, 6, 0):
        with pytest.raises(PasskeyRefused, match="copy"):
            passkeys.finish_use(request_, SIGN_IN, device.get(ask(request_), counter=counter))
    assert passkeys.finish_use(request_, SIGN_IN, device.get(ask(request_), counter=8)).person == alice


def test_passkey_is_enrolled_once(request_, alice, bob):
    device, _ = enrol(request_, alice)
    with pytest.raises(PasskeyRefused, match="belongs to an account"):
        enrol(request_, bob, device)


def test_person_has_ten_passkeys_at_most(request_, alice):
    for _ in range(passkeys.MOST_PASSKEYS):
        enrol(request_, alice)
    with pytest.raises(PasskeyRefused, match="10 passkeys"):
        enrol(request_, alice)


@pytest.mark.parametrize(
    "rubbish",
    [
        "",
        "null",
        "[]",
        "{",
        '{"rawId": 5}',
        '{"rawId": "AA", "response": {}}',
        '{"rawId": "AA", "response": {"clientDataJSON": "%%"}}',
        "x" * 20_000,
        "[" * 10_000,
    ],
)
def test_rubbish_is_refused_in_words(request_, alice, rubbish):
    ask(request_)
    with pytest.raises(PasskeyRefused):
        passkeys.finish_use(request_, SIGN_IN, rubbish)


@pytest.mark.parametrize(
    ("address", "possible"),
    [
        ("https://hmi.example.com", True),
        ("http://localhost:8000", True),
        ("http://127.0.0.1:8000", False),
        ("https://192.0.2.7", False),
        ("http://[::1]:8000", False),
    ],
)
def test_where_browsers_offer_passkeys(settings, address, possible):
    settings.PUBLIC_URL = address
    assert passkeys.are_possible() is possible


@pytest.mark.parametrize(("public", "offered"), [("http://127.0.0.1:8000", False), ("http://localhost:8000", True)])
def test_sign_in_page_says_where_passkeys_are_not_offered(settings, client, db, public, offered):
    settings.PUBLIC_URL = public
    page = client.get("/sign-in/").content.decode()
    assert ("Sign in with a passkey" in page) is offered
    assert ("Passkeys do not work at this address" in page) is not offered


def test_reason_is_one_bounded_line_whatever_the_answer_says(request_, alice):
    liar = SoftPasskey("http://evil.example\n2026-11-22 WARNING forged: line" + "x" * 500, HOST)
    enrol(request_, alice)
    for answer in (liar.get(ask(request_)), liar.get(ask(request_), type="a\nb"), '{"rawId": "a\\nb", "response": {}}'):
        with pytest.raises(PasskeyRefused) as refusal:
            passkeys.finish_use(request_, SIGN_IN, answer, alice)
        assert refusal.value.reason.isprintable()
        assert len(refusal.value.reason) <= passkeys.LONGEST_REASON
        ask(request_)
