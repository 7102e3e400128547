"""A person's own sign-ins: the list, ending, no more than allowed, and nobody else's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext

from accounts.own_sessions import device_code, device_words, own_sessions
from accounts.sessions import SEEN_AT, SIGNED_IN_AT
from tests.accounts.conftest import ALICES_PASSWORD, BOBS_PASSWORD

pytestmark = pytest.mark.django_db
PAGE = "/account/sign-ins/"
PIXEL = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"
)


def sign_in(username="alice", password=ALICES_PASSWORD, *, agent="", ago=0):
    client = Client(headers={"user-agent": agent})
    response = client.post("/sign-in/", {"username": username, "password": password})
    assert response.status_code == 303
    session = client.session
    session[SIGNED_IN_AT] -= ago
    session[SEEN_AT] -= ago
    session.save()
    return client


def is_in(client):
    return client.get(PAGE).status_code == 200


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (PIXEL, "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Version/18.0 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0.0.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("curl/8.5.0", "Unknown device"),
        ("", "Unknown device"),
        ("(" * 100_000, "Unknown device"),
    ],
)  # fmt: skip
def test_device_in_words(agent, words):
    assert device_words(device_code(agent)) == words


def test_device_is_told_in_the_language_of_the_reader():
    with translation.override("de"):
        assert device_words("Chrome/Android") == gettext("%(browser)s on %(system)s") % {
            "browser": "Chrome",
            "system": "Android",
        }
    assert (device_words("/Android"), device_words("Safari/")) == ("Android", "Safari")


def test_list_names_devices_and_no_key(alice, bob):
    phone, desk = sign_in(agent=PIXEL, ago=60), sign_in()
    sign_in("bob", BOBS_PASSWORD)
    page = desk.get(PAGE).content.decode()
    assert page.count('<li class="entry"') == 2
    assert "Chrome on Android" in page
    assert "127.0.0.1" in page
    assert not any(key in page for key in Session.objects.values_list("session_key", flat=True))
    assert [each.is_this for each in own_sessions(alice, phone.session.session_key)] == [True, False]


def test_ending_one_leaves_the_others(alice):
    phone, tablet, desk = sign_in(ago=120), sign_in(ago=60), sign_in()
    handle = next(each.handle for each in own_sessions(alice) if each.key == phone.session.session_key)
    assert desk.post(PAGE, {"handle": handle}).status_code == 303
    assert (is_in(phone), is_in(tablet), is_in(desk)) == (False, True, True)
    assert "over already" in desk.post(PAGE, {"handle": handle}, follow=True).content.decode()


def test_ending_all_the_others(alice):
    phone, tablet, desk = sign_in(ago=120), sign_in(ago=60), sign_in()
    desk.post(PAGE, {"handle": "others"})
    assert (is_in(phone), is_in(tablet), is_in(desk)) == (False, False, True)


def test_ending_this_one_signs_out(alice):
    phone = sign_in()
    handle = own_sessions(alice)[0].handle
    response = phone.post(PAGE, {"handle": handle})
    assert response["Clear-Site-Data"] == '"cache", "storage"'
    assert not is_in(phone)


def test_nobody_ends_somebody_elses(alice, bob):
    alices, bobs = sign_in(), sign_in("bob", BOBS_PASSWORD)
    bobs.post(PAGE, {"handle": own_sessions(alice)[0].handle})
    bobs.post(PAGE, {"handle": alices.session.session_key})
    assert is_in(alices)


def test_oldest_ends_when_there_would_be_too_many(alice, settings):
    settings.SESSIONS_AT_ONCE = 2
    oldest, newer = sign_in(agent=PIXEL, ago=120), sign_in(ago=60)
    newest = Client()
    response = newest.post("/sign-in/", {"username": "alice", "password": ALICES_PASSWORD, "next": PAGE}, follow=True)
    assert "on 2 devices at once" in response.content.decode()
    assert "Chrome on Android" in response.content.decode()
    assert (is_in(oldest), is_in(newer), is_in(newest)) == (False, True, True)


@pytest.mark.django_db(transaction=True)
def test_two_sign_ins_at_the_same_moment_are_not_one_too_many(alice, settings):
    """Each would make room for one only, if both looked before either stands there."""
    settings.SESSIONS_AT_ONCE = 1
    both_looked = Barrier(2)

    def wait_for_the_other(**_facts):
        with suppress(BrokenBarrierError):  # the other waits for this one, as it should
            both_looked.wait(timeout=0.5)

    def come_in(_number):
        try:
            return Client().post("/sign-in/", {"username": "alice", "password": ALICES_PASSWORD}).status_code
        finally:
            connection.close()

    user_logged_in.connect(wait_for_the_other)
    try:
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(come_in, range(2))) == [303, 303]
    finally:
        user_logged_in.disconnect(wait_for_the_other)
    assert len(own_sessions(alice)) == 1


def test_signing_in_again_in_the_same_browser_ends_no_other(alice, settings):
    settings.SESSIONS_AT_ONCE = 2
    phone, desk = sign_in(ago=60), sign_in()
    for _ in range(3):
        desk.post("/sign-in/", {"username": "alice", "password": ALICES_PASSWORD})
    assert is_in(phone)
