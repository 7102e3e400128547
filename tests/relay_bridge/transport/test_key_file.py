"""A key in a file: taken up when it changes, kept when the file is broken; by clocks in our hand."""

from __future__ import annotations

import logging

import pytest

from relay_bridge.protocol.connection_string import parse_connection_string
from relay_bridge.protocol.errors import ConnectionStringError
from relay_bridge.protocol.sas import parse_token, verify_token
from relay_bridge.transport.key_file import KeyFileCredential

NOW = 1_790_000_000.0
URI = "http://ns/hyco"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "send.key"
    file.write_text("first-key\n")
    return file


def make(path, clock, name="web"):
    return KeyFileCredential(path, URI, name, life=600, clock=lambda: NOW, monotonic=clock)


def signed_with(credential, key: str) -> None:
    token = parse_token(credential.token())
    assert (token.resource, token.key_name) == (URI, credential.key_name)
    verify_token(token, [key], NOW)


def replace(path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def test_a_new_key_is_taken_up_within_a_second(path, clock, caplog):
    caplog.set_level(logging.INFO)
    credential = make(path, clock)
    signed_with(credential, "first-key")
    first = credential.token()
    replace(path, "second-key")
    clock.now = 0.9
    assert credential.token() == first  # at most one look a second
    clock.now = 1.0
    signed_with(credential, "second-key")
    assert credential.renew_in() == 300
    assert "A new key of the rule web was taken" in caplog.text
    assert "second-key" not in caplog.text + repr(credential)


def test_reload_looks_at_once(path, clock):
    credential = make(path, clock)
    assert not credential.reload()
    replace(path, "second-key")
    assert credential.reload()
    assert not credential.reload()
    signed_with(credential, "second-key")
    path.write_text("second-key\n")  # written again, but the same
    assert not credential.reload()


@pytest.mark.parametrize("text", ["", "two words", "a;b", "kéy", "x" * 5000, "Endpoint=sb://ns/", "\0", "a\nb"])
def test_a_broken_file_keeps_the_old_key_and_is_complained_of_once(path, clock, caplog, text):
    credential = make(path, clock)
    replace(path, text)
    for second in range(1, 4):
        clock.now = second
        signed_with(credential, "first-key")
    assert len(caplog.records) == 1
    assert "stays in use" in caplog.text
    replace(path, "second-key")
    assert credential.reload()
    signed_with(credential, "second-key")


def test_a_file_that_is_gone_and_comes_back(path, clock, caplog):
    credential = make(path, clock)
    path.unlink()
    for second in range(1, 4):
        clock.now = second
        signed_with(credential, "first-key")
    assert len(caplog.records) == 1
    path.write_text("second-key")
    clock.now = 4
    signed_with(credential, "second-key")


def test_a_whole_connection_string(path, clock):
    string = "Endpoint=sb://elsewhere/;EntityPath=hyco;SharedAccessKeyName={};SharedAccessKey={}"
    path.write_text(string.format("rule-1", "key="))
    credential = make(path, clock, name=None)
    signed_with(credential, "key=")
    assert credential.key_name == "rule-1"
    replace(path, string.format("rule-2", "another"))
    assert credential.reload()
    signed_with(credential, "another")
    assert credential.key_name == "rule-2"
    with pytest.raises(ConnectionStringError, match="another rule than web"):
        make(path, clock)


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        (None, "web", "cannot be read"),
        ("bare", None, "no name of its rule"),
        ("", "web", "neither a key nor"),
        ("Endpoint=sb://ns/;EntityPath=a", "web", "without a key"),
        ("Endpoint=nonsense;SharedAccessKey=secret-key", "web", "cannot be used"),
    ],
)
def test_no_usable_key_to_begin_with(path, clock, text, name, words):
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(ConnectionStringError, match=words) as caught:
        make(path, clock, name)
    assert "secret-key" not in str(caught.value)


def test_for_a_connection_string(path):
    connection = parse_connection_string(
        "Endpoint=sb://ns/;EntityPath=hyco;SharedAccessKeyName=web;SharedAccessKey=old"
    )
    credential = KeyFileCredential.of(path, connection, life=60.0)
    assert (credential.resource_uri, credential.key_name) == (URI, "web")
    verify_token(parse_token(credential.token()), ["first-key"], 0)
