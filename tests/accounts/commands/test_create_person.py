"""create_person makes no account with a known password, and prints a random one exactly once."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User

pytestmark = pytest.mark.django_db


def create(*arguments):
    out = StringIO()
    call_command("create_person", *arguments, stdout=out)
    return out.getvalue()


def printed_password(text):
    return re.search(r"once: (\S+)", text)[1]


def test_random_password_is_long_works_and_differs_each_time():
    first, second = printed_password(create("alice")), printed_password(create("bob"))
    assert len(first.replace("-", "")) >= 20
    assert first != second
    assert User.objects.get(username="alice").check_password(first)
    assert first not in User.objects.get(username="alice").password


def test_plain_person_administers_nothing():
    create("alice")
    person = User.objects.get()
    assert not person.is_staff
    assert not person.is_superuser


def test_staff_email_and_superuser():
    create("alice", "--staff", "--email", "Alice@Plant.EXAMPLE")
    create("root", "--superuser")
    alice, root = User.objects.order_by("username")
    assert (alice.is_staff, alice.is_superuser, alice.email) == (True, False, "Alice@plant.example")
    assert (root.is_staff, root.is_superuser) == (True, True)


def test_password_from_a_file_is_not_printed(tmp_path):
    file = tmp_path / "password"
    file.write_text("eleven grey herons stand\nsecond line\n")
    file.chmod(0o600)
    text = create("alice", "--password-file", str(file))
    assert "heron" not in text
    assert User.objects.get().check_password("eleven grey herons stand")


@pytest.mark.parametrize(
    ("content", "mode", "sentence"),
    [
        ("eleven grey herons stand", 0o644, "chmod 600"),
        ("", 0o600, "empty"),
        ("short", 0o600, "too short"),
        ("alice@north.plant", 0o600, "similar"),
    ],
)
def test_password_files_that_are_refused(tmp_path, content, mode, sentence):
    file = tmp_path / "password"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(CommandError, match=sentence):
        create("alice", "--email", "alice@north.plant", "--password-file", str(file))
    assert not User.objects.exists()


def test_missing_password_file_is_one_sentence(tmp_path):
    with pytest.raises(CommandError, match="Cannot read"):
        create("alice", "--password-file", str(tmp_path / "nowhere"))


@pytest.mark.parametrize("username", ["alice", "ALICE", "with space", "", "a" * 151])
def test_usernames_that_are_refused(username):
    create("alice")
    with pytest.raises(CommandError):
        create(username)
    assert User.objects.count() == 1


def test_existing_person_keeps_the_password():
    password = printed_password(create("alice"))
    with pytest.raises(CommandError):
        create("alice")
    assert User.objects.get().check_password(password)
