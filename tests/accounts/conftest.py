"""Alice operates, Bob looks, Charlie is a stranger who guesses."""

from __future__ import annotations

import pytest
from django.conf import settings

from accounts.issuer import SigningKeyError, create_signing_key
from accounts.models import User

ALICES_PASSWORD = "wet Tuesday, dry Thursday"
BOBS_PASSWORD = "eleven grey herons stand"


@pytest.fixture
def alice(db):
    return User.objects.create_user("alice", password=ALICES_PASSWORD)


@pytest.fixture
def bob(db):
    return User.objects.create_user("bob", password=BOBS_PASSWORD)


@pytest.fixture
def root(db):
    return User.objects.create_superuser("root", password=ALICES_PASSWORD)


@pytest.fixture
def signing_key():
    """The key at the place where the settings say it is."""
    path = settings.SIGHTLINE.signing_key
    try:
        return create_signing_key(path)
    except SigningKeyError:
        path.unlink()
        return create_signing_key(path)


@pytest.fixture
def sign_in(client):
    """Post the sign-in form the way a phone does; answers the response."""

    def post(username, password, **extra):
        following = extra.pop("next", "")
        return client.post("/sign-in/", {"username": username, "password": password, "next": following}, **extra)

    return post
