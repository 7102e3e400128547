"""Guessing is stopped twice: per account by django-axes, per source address by our own count."""

from __future__ import annotations

import datetime as dt
from contextlib import ExitStack

import pytest
from axes.models import AccessAttempt
from django.db.models import F
from django.test import RequestFactory
from django.utils import timezone

from accounts import sign_in_limits
from accounts.audit.models import Event
from accounts.audit.sign_ins import SOURCE_PAUSED
from accounts.models import User
from accounts.sign_in_limits import SOURCE_FAILURES, SOURCE_WINDOW, source_address, wait_for_source
from accounts.views import WRONG
from tests.accounts.conftest import ALICES_PASSWORD, BOBS_PASSWORD

pytestmark = pytest.mark.django_db
CHARLIES_ADDRESS = "203.0.113.7"
ALICES_ADDRESS = "198.51.100.4"


@pytest.fixture
def guess(sign_in):
    def fail(username, times=1, address=CHARLIES_ADDRESS):
        return [sign_in(username, f"guess {n}", REMOTE_ADDR=address) for n in range(times)][-1]

    return fail


def let_time_pass(seconds):
    """The rows grow older, which is the same as the clock moving on."""
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - dt.timedelta(seconds=seconds))


def test_fifth_failure_locks_the_account_and_the_right_password_is_refused_too(client, guess, sign_in, alice):
    assert guess("alice", 4).status_code == 200
    assert guess("alice").status_code == 429
    refused = sign_in("alice", ALICES_PASSWORD, REMOTE_ADDR=ALICES_ADDRESS)
    assert refused.status_code == 429
    assert "_auth_user_id" not in client.session


def test_four_failures_lock_nothing(guess, sign_in, alice):
    guess("alice", 4)
    assert sign_in("alice", ALICES_PASSWORD).status_code == 303


def test_refusal_says_when_to_try_again_and_whom_to_call(guess, settings, alice):
    settings.SUPPORT_CONTACT = "the control room, 5511"
    response = guess("alice", 5)
    page = response.content.decode()
    assert "Try again in 15 minutes" in page
    assert "the control room, 5511" in page
    assert 0 < int(response["Retry-After"]) <= 15 * 60
    assert "no-store" in response["Cache-Control"]


def test_refusal_names_somebody_to_call_even_unconfigured(guess, alice):
    assert "call the control room" in guess("alice", 5).content.decode()


def test_account_that_does_not_exist_locks_in_the_same_words(guess, alice):
    known, unknown = guess("alice", 5), guess("charlie", 5)
    assert unknown.status_code == known.status_code == 429
    assert unknown.content == known.content or len(unknown.content) == len(known.content)


def test_other_accounts_are_unaffected_even_from_the_same_address(guess, sign_in, alice, bob):
    guess("alice", 5)
    assert sign_in("bob", BOBS_PASSWORD, REMOTE_ADDR=CHARLIES_ADDRESS).status_code == 303


def test_account_opens_again_after_the_cool_off(guess, sign_in, alice):
    guess("alice", 5)
    let_time_pass(14 * 60)
    assert sign_in("alice", ALICES_PASSWORD, REMOTE_ADDR=ALICES_ADDRESS).status_code == 429
    let_time_pass(15 * 60 + 1)
    assert sign_in("alice", ALICES_PASSWORD, REMOTE_ADDR=ALICES_ADDRESS).status_code == 303


def test_a_success_forgets_the_failures(guess, sign_in, alice):
    guess("alice", 4)
    sign_in("alice", ALICES_PASSWORD)
    assert guess("alice", 4).status_code == 200


def test_source_that_tries_many_accounts_is_refused_for_all_of_them(guess, sign_in, alice):
    for n in range(SOURCE_FAILURES):
        assert guess(f"person-{n}").status_code == 200
    refused = sign_in("alice", ALICES_PASSWORD, REMOTE_ADDR=CHARLIES_ADDRESS)
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= SOURCE_WINDOW
    assert sign_in("alice", ALICES_PASSWORD, REMOTE_ADDR=ALICES_ADDRESS).status_code == 303


def test_source_just_below_the_limit_still_signs_in(guess, sign_in, alice):
    for n in range(SOURCE_FAILURES - 1):
        guess(f"person-{n}")
    assert sign_in("alice", ALICES_PASSWORD, REMOTE_ADDR=CHARLIES_ADDRESS).status_code == 303


def test_refused_source_leaves_no_more_rows(guess, sign_in, alice):
    for n in range(SOURCE_FAILURES + 10):
        guess(f"person-{n}")
    assert AccessAttempt.objects.count() == SOURCE_FAILURES


def test_source_may_try_again_when_its_failures_are_old(guess, sign_in, alice):
    for n in range(SOURCE_FAILURES):
        guess(f"person-{n}")
    let_time_pass(SOURCE_WINDOW + 1)
    assert sign_in("alice", ALICES_PASSWORD, REMOTE_ADDR=CHARLIES_ADDRESS).status_code == 303


def test_own_account_does_not_wash_a_source_clean(guess, sign_in, bob):
    """Signing in to one's own account in between must not start the count over."""
    for n in range(SOURCE_FAILURES - 1):
        guess(f"person-{n}")
    sign_in("bob", BOBS_PASSWORD, REMOTE_ADDR=CHARLIES_ADDRESS)
    guess("one-more")
    assert sign_in("bob", BOBS_PASSWORD, REMOTE_ADDR=CHARLIES_ADDRESS).status_code == 429


def test_wait_is_until_the_count_falls_below_the_limit(guess, db):
    request = RequestFactory().get("/", REMOTE_ADDR=CHARLIES_ADDRESS)
    for n in range(SOURCE_FAILURES - 10):
        guess(f"person-{n}")
    let_time_pass(600)
    for n in range(10):
        guess(f"later-{n}")
    now = timezone.now()
    wait = wait_for_source(request, now)
    assert SOURCE_WINDOW - 600 - 60 < wait <= SOURCE_WINDOW - 600
    assert wait_for_source(request, now + dt.timedelta(seconds=wait + 1)) == 0


def test_shown_error_below_the_limit_is_the_ordinary_one(guess, alice):
    assert str(WRONG) in guess("alice").content.decode()


def test_only_so_many_passwords_are_checked_at_once(client, sign_in, alice, monkeypatch):
    monkeypatch.setattr(sign_in_limits, "CHECK_WAIT", 0.01)
    with ExitStack() as others:
        assert all(others.enter_context(sign_in_limits.turn_to_check()) for _ in range(sign_in_limits.CHECKS_AT_ONCE))
        busy = sign_in("alice", ALICES_PASSWORD)
        assert busy.status_code == 503
        assert busy["Retry-After"]
        assert "_auth_user_id" not in client.session
    assert sign_in("alice", ALICES_PASSWORD).status_code == 303


def test_turn_comes_back_after_a_failure(sign_in, alice):
    for _ in range(sign_in_limits.CHECKS_AT_ONCE + 1):
        sign_in("alice", "wrong")
    assert sign_in("alice", ALICES_PASSWORD).status_code == 303


@pytest.mark.parametrize("counts_on", [True, False])
def test_lockout_works_whether_or_not_tries_during_it_count(settings, guess, sign_in, alice, counts_on):
    settings.AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = counts_on
    guess("alice", 5)
    let_time_pass(10 * 60)
    refused = guess("alice")
    assert refused.status_code == 429
    assert ("Try again in 15 minutes" if counts_on else "Try again in 5 minutes") in refused.content.decode()


@pytest.mark.django_db(transaction=True)
async def test_lockout_holds_under_asgi(async_client, transactional_db):
    await User.objects.acreate_user("alice", password=ALICES_PASSWORD)
    for n in range(5):
        await async_client.post("/sign-in/", {"username": "alice", "password": f"guess {n}"})
    refused = await async_client.post("/sign-in/", {"username": "alice", "password": ALICES_PASSWORD})
    assert refused.status_code == 429
    assert "Try again in 15 minutes" in refused.content.decode()


@pytest.mark.parametrize(
    ("remote", "forwarded", "behind_proxy", "source"),
    [
        ("203.0.113.7", "", False, "203.0.113.7"),
        ("203.0.113.7", "1.2.3.4", False, "203.0.113.7"),  # no proxy of ours: the client wrote it
        ("10.0.0.2", "1.2.3.4, 203.0.113.7", True, "203.0.113.7"),
        ("10.0.0.2", "", True, "10.0.0.2"),
        ("10.0.0.2", "rubbish", True, None),
        ("2001:db8:1:2:3:4:5:6", "", False, "2001:db8:1:2::"),
        ("::ffff:203.0.113.7", "", False, "203.0.113.7"),
        ("", "", False, None),
    ],
)
def test_source_address(settings, remote, forwarded, behind_proxy, source):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if behind_proxy else None
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert source_address(RequestFactory().get("/", REMOTE_ADDR=remote, **headers)) == source


def test_ipv6_subscriber_is_one_source_however_many_addresses_it_uses(settings, guess, sign_in, alice):
    settings.AXES_CLIENT_IP_CALLABLE = "accounts.sign_in_limits.source_address"
    for n in range(SOURCE_FAILURES):
        guess(f"person-{n}", address=f"2001:db8::{n + 1:x}")
    assert sign_in("alice", ALICES_PASSWORD, REMOTE_ADDR="2001:db8::ffff").status_code == 429


@pytest.mark.parametrize("page", ["/account/password/", "/confirm/", "/sign-in/"])
def test_nothing_that_is_typed_into_a_form_is_stored_with_a_failure(client, alice, page):
    """axes would keep every field but ``password``: a new password, a code, a passkey's answer, in clear."""
    client.force_login(alice)
    if page == "/sign-in/":
        client.logout()
    fields = {
        "username": "alice",
        "password": "typed one",
        "old_password": "typed two",
        "new_password1": "typed three and four and five",
        "new_password2": "typed three and four and five",
        "code": "123456",
        "next": "/typed/seven/",
    }
    client.post(f"{page}?next=/typed/eight/", fields)
    row = AccessAttempt.objects.get()
    assert (row.get_data, row.post_data) == ("", "")
    client.post(f"{page}?next=/typed/eight/", fields)
    row.refresh_from_db()
    assert (row.failures_since_start, row.get_data, row.post_data) == (2, "", "")


def test_refused_source_is_recorded(guess, db):
    for n in range(SOURCE_FAILURES + 1):
        guess(f"person-{n}")
    event = Event.objects.filter(tag="person:sign-in:failed").order_by("-seq")[0]
    assert (event.reason, event.source, event.subject) == (SOURCE_PAUSED, CHARLIES_ADDRESS, "")
