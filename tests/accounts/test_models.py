"""A person's subject is random and stays; look-alike usernames are refused; nobody has a password by default."""

from __future__ import annotations

import uuid

import pytest
from django.db import IntegrityError

from accounts.models import User

pytestmark = pytest.mark.django_db


def test_fresh_install_has_no_accounts():
    assert not User.objects.exists()


def test_subject_is_random_and_survives_a_change_of_name(alice, bob):
    assert alice.subject != bob.subject
    assert isinstance(alice.subject, uuid.UUID)
    before = alice.subject
    alice.username = "alice.b"
    alice.save()
    alice.refresh_from_db()
    assert alice.subject == before


def test_username_that_differs_only_in_case_is_refused(alice):
    with pytest.raises(IntegrityError):
        User.objects.create_user("ALICE")


def test_person_reads_as_the_username(alice):
    assert str(alice) == "alice"
