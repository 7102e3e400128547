"""A session that cannot be stored keeps nobody from looking, and is stored again as soon as it can be."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client

from accounts.sessions import SEEN_AT
from tests.support.full_disk import no_changes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(alice: Any) -> Client:
    client = Client()
    client.force_login(alice)
    session = client.session
    session[SEEN_AT] -= 600
    session.save()
    return client


def test_use_is_noted_again_afterwards(client: Client) -> None:
    with no_changes():
        assert client.get("/").status_code == 200
    assert time.time() - client.session[SEEN_AT] > 500
    assert client.get("/").status_code == 200
    assert time.time() - client.session[SEEN_AT] < 10


def test_what_was_sent_is_answered_with_503(client: Client) -> None:
    """The theme is a cookie and needs no database; but the sign-in's own change was lost, and that is said."""
    with no_changes():
        assert client.post("/theme/", {"theme": "night"}).status_code == 503
