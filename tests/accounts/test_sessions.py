"""A sign-in ends after 12 h whatever happens and after 30 min without use, on pages and behind open live pages."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from accounts.sessions import (
    SEEN_AT,
    SIGNED_IN_AT,
    WRITE_INTERVAL,
    SessionFacts,
    SessionLifeMiddleware,
    end_reason,
    end_sessions_of,
    live_session_keys,
    session_is_live,
    touch_sessions,
)
from tests.accounts.conftest import ALICES_PASSWORD

SHIFT = 12 * 3600  # seconds
IDLE = 30 * 60


def key_of(client):
    return client.session.session_key


def age(client, *, signed_in=0, seen=0):
    """Move a session's times back, which is the same as the clock moving on."""
    session = client.session
    session[SIGNED_IN_AT] -= signed_in
    session[SEEN_AT] -= seen
    session.save()


@pytest.mark.parametrize(
    ("signed_in_ago", "seen_ago", "reason"),
    [
        (0, 0, ""),
        (SHIFT - 1, 0, ""),
        (SHIFT, 0, "absolute"),
        (SHIFT - 1, IDLE - 1, ""),
        (3600, IDLE, "idle"),
        (SHIFT + 3600, IDLE + 1, "absolute"),
    ],
)
def test_limits_by_the_clock(signed_in_ago, seen_ago, reason):
    now = 2_000_000_000.0
    facts = SessionFacts("1", int(now) - signed_in_ago, int(now) - seen_ago)
    assert end_reason(facts, now) == reason


def test_session_without_times_is_over():
    assert end_reason(None, 0) == "unknown"


@pytest.mark.django_db(transaction=True)
class TestPages:
    def test_live_session_opens_pages(self, client, alice):
        client.force_login(alice)
        age(client, signed_in=SHIFT - 60, seen=IDLE - 60)
        assert client.get("/").status_code == 200

    @pytest.mark.parametrize("past", [{"signed_in": SHIFT}, {"seen": IDLE}])
    def test_session_past_a_limit_opens_nothing(self, client, alice, past):
        client.force_login(alice)
        key = key_of(client)
        age(client, **past)
        response = client.get("/")
        assert response.status_code == 302
        assert response["Location"] == "/sign-in/?next=/"
        assert not Session.objects.filter(session_key=key).exists()

    def test_old_cookie_opens_nothing_after_the_end(self, client, alice):
        client.force_login(alice)
        old = dict(client.cookies)
        age(client, seen=IDLE)
        client.get("/")
        thief = Client()
        thief.cookies.update(old)
        assert thief.get("/").status_code == 302

    def test_sign_in_page_says_why_it_ended_once(self, client, alice):
        client.force_login(alice)
        age(client, seen=IDLE)
        page = client.get("/", follow=True).content.decode()
        assert "not used for a while" in page
        assert "not used for a while" not in client.get("/sign-in/").content.decode()

    def test_use_keeps_it_alive_up_to_the_absolute_limit(self, client, alice):
        client.force_login(alice)
        for _ in range(23):  # 29 minutes at a time, 11.1 hours
            age(client, signed_in=29 * 60, seen=29 * 60)
            assert client.get("/").status_code == 200
        age(client, signed_in=3600)
        assert client.get("/").status_code == 302

    def test_a_page_a_second_writes_the_session_once_a_minute(self, client, alice):
        client.force_login(alice)
        before = Session.objects.get(session_key=key_of(client)).session_data
        client.get("/")
        assert Session.objects.get(session_key=key_of(client)).session_data == before
        age(client, seen=WRITE_INTERVAL)
        client.get("/")
        assert client.session[SEEN_AT] == pytest.approx(time.time(), abs=2)

    def test_row_itself_ends_at_the_absolute_limit_however_often_it_is_written(self, client, alice):
        client.force_login(alice)
        end = Session.objects.get(session_key=key_of(client)).expire_date
        age(client, seen=WRITE_INTERVAL)
        client.get("/")
        assert Session.objects.get(session_key=key_of(client)).expire_date == end
        assert end.timestamp() == pytest.approx(time.time() + SHIFT, abs=5)

    def test_session_made_by_hand_without_times_opens_nothing(self, client, alice):
        client.force_login(alice)
        session = client.session
        del session[SEEN_AT]
        session.save()
        assert client.get("/").status_code == 302


@pytest.mark.django_db(transaction=True)
async def test_limits_hold_under_asgi(async_client, transactional_db):
    alice = await User.objects.acreate_user("alice", password=ALICES_PASSWORD)
    await async_client.aforce_login(alice)
    key = (await async_client.asession()).session_key
    assert (await async_client.get("/")).status_code == 200
    await sync_to_async(age)(async_client, seen=IDLE)
    assert (await async_client.get("/")).status_code == 302
    assert not await Session.objects.filter(session_key=key).aexists()


@pytest.mark.django_db(transaction=True)
async def test_async_views_see_nobody_either(async_client, async_rf, transactional_db):
    """The person may have been looked up before the session turned out to be over."""
    alice = await User.objects.acreate_user("alice", password=ALICES_PASSWORD)
    await async_client.aforce_login(alice)
    await sync_to_async(age)(async_client, seen=IDLE)
    request = async_rf.get("/")
    request.session = await async_client.asession()
    seen = []

    async def view(request):
        seen.append((request.user.is_authenticated, (await request.auser()).is_authenticated))
        return HttpResponse()

    async def find_person_first(request):
        assert (await request.auser()).is_authenticated
        return await SessionLifeMiddleware(view)(request)

    await AuthenticationMiddleware(find_person_first)(request)
    assert seen == [(False, False)]


@pytest.mark.django_db(transaction=True)
async def test_use_is_noted_under_asgi(async_client, transactional_db):
    alice = await User.objects.acreate_user("alice", password=ALICES_PASSWORD)
    await async_client.aforce_login(alice)
    await sync_to_async(age)(async_client, seen=WRITE_INTERVAL)
    await async_client.get("/")
    session = await async_client.asession()
    assert await session.aget(SEEN_AT) == pytest.approx(time.time(), abs=2)


@pytest.mark.django_db(transaction=True)
class TestOpenPages:
    @pytest.fixture
    def clients(self, alice, bob):
        alices, bobs = Client(), Client()
        alices.force_login(alice)
        bobs.force_login(bob)
        return alices, bobs

    def test_live_ones_are_found_with_one_query(self, clients, django_assert_num_queries):
        keys = [key_of(client) for client in clients]
        with django_assert_num_queries(1):
            assert live_session_keys([*keys, "no-such-session"], time.time()) == set(keys)

    def test_of_no_sessions_none_are_live(self, db):
        assert live_session_keys([], time.time()) == set()

    def test_limits_by_a_moved_clock(self, clients):
        key, now = key_of(clients[0]), time.time()
        assert session_is_live(key, now)
        assert session_is_live(key, now + IDLE - 5)
        assert not session_is_live(key, now + IDLE + 1)
        assert not session_is_live(key, now + SHIFT + 1)

    def test_signed_out_session_is_not_live(self, clients):
        key = key_of(clients[0])
        clients[0].post("/sign-out/")
        assert not session_is_live(key, time.time())

    def test_anonymous_session_is_not_live(self, db):
        store = SessionStore()
        store["theme"] = "night"
        store.create()
        assert not session_is_live(store.session_key, time.time())

    def test_forged_session_row_is_not_live(self, clients):
        key = key_of(clients[0])
        Session.objects.filter(session_key=key).update(session_data="eyJmb3JnZWQiOjF9:1abcde:nonsense")
        assert not session_is_live(key, time.time())

    def test_open_page_in_front_counts_as_use(self, clients):
        key, now = key_of(clients[0]), time.time()
        for minutes in range(20, 600, 20):
            assert touch_sessions([key], now + minutes * 60) == 1
        assert session_is_live(key, now + 600 * 60)

    def test_touching_never_goes_past_the_absolute_limit(self, clients):
        key, now = key_of(clients[0]), time.time()
        for minutes in range(20, 720, 20):
            touch_sessions([key], now + minutes * 60)
        assert touch_sessions([key], now + SHIFT + 1) == 0
        assert not session_is_live(key, now + SHIFT + 1)

    def test_touching_does_not_revive_an_idle_session(self, clients):
        key, now = key_of(clients[0]), time.time()
        assert touch_sessions([key], now + IDLE + 1) == 0
        assert not session_is_live(key, now + IDLE + 1)

    def test_touching_within_a_minute_writes_nothing(self, clients, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert touch_sessions([key_of(client) for client in clients], time.time() + 30) == 0

    def test_touching_keeps_everything_else_in_the_session(self, clients):
        session = clients[0].session
        session["theme"] = "night"
        session.save()
        touch_sessions([session.session_key], time.time() + 120)
        assert clients[0].session["theme"] == "night"
        assert clients[0].get("/").status_code == 200

    def test_touching_never_undoes_what_a_request_wrote_meanwhile(self, clients):
        key = key_of(clients[0])

        def write_first(execute, sql, params, many, context):
            if sql.startswith("UPDATE") and not meanwhile:
                meanwhile.append(True)
                session = SessionStore(key)
                session["theme"] = "night"
                session.save()
            return execute(sql, params, many, context)

        meanwhile = []
        with connection.execute_wrapper(write_first):
            assert touch_sessions([key], time.time() + 120) == 0
        assert meanwhile
        assert SessionStore(key)["theme"] == "night"

    def test_open_pages_may_be_told_not_to_count(self, clients, settings):
        settings.SESSION_OPEN_PAGE_IS_USE = False
        key, now = key_of(clients[0]), time.time()
        assert touch_sessions([key], now + 20 * 60) == 0
        assert not session_is_live(key, now + IDLE + 1)


@pytest.mark.django_db(transaction=True)
class TestEndingThemAll:
    @pytest.fixture
    def three(self, alice, bob):
        """Alice's phone, Alice's tablet, Bob's phone."""
        clients = [Client(), Client(), Client()]
        for client, person in zip(clients, (alice, alice, bob), strict=True):
            client.force_login(person)
        return clients

    def test_ends_one_persons_sessions_only(self, three, alice):
        keys = [key_of(client) for client in three]
        assert end_sessions_of(alice) == 2
        assert live_session_keys(keys, time.time()) == {keys[2]}

    def test_one_may_be_kept(self, three, alice):
        keys = [key_of(client) for client in three]
        assert end_sessions_of(alice, except_key=keys[0]) == 1
        assert live_session_keys(keys, time.time()) == {keys[0], keys[2]}

    def test_new_password_ends_them(self, three, alice):
        keys = [key_of(client) for client in three]
        alice.set_password("another long passphrase")
        alice.save()
        assert live_session_keys(keys, time.time()) == {keys[2]}

    def test_closing_the_account_ends_them(self, three, alice):
        keys = [key_of(client) for client in three]
        alice.is_active = False
        alice.save()
        assert live_session_keys(keys, time.time()) == {keys[2]}

    def test_deleting_the_account_ends_them(self, three, alice):
        keys = [key_of(client) for client in three]
        alice.delete()
        assert live_session_keys(keys, time.time()) == {keys[2]}

    def test_other_changes_end_nothing(self, three, alice):
        keys = [key_of(client) for client in three]
        alice.first_name = "Alice"
        alice.save()
        assert live_session_keys(keys, time.time()) == set(keys)

    def test_expired_rows_are_left_to_the_cleanup(self, three, alice):
        Session.objects.update(expire_date=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        assert end_sessions_of(alice) == 0
