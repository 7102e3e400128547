"""The search finds what is planted, in every form, and nothing in an honest page."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from tests.support.secret_search import PATTERNS, SecretSearch

SECRET = "Zk/3+qq0 herons=="
EXAMPLES = {
    "a JSON web token": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSJ9.c2ln",
    "a header of a JSON web token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSJ9",
    "a shared access signature": "SharedAccessSignature sr=http%3a%2f%2fx&sig=abc&se=1&skn=Send",
    "a signature in an address": "wss://relay/$hc/north?sb-hc-action=connect&sb-hc-token=SharedAccess%20sr%3Dabcdef",
    "a connection string": "Endpoint=sb://x/;SharedAccessKeyName=Send;SharedAccessKey=abc=;EntityPath=north",
    "a private key": "-----BEGIN " + "PRIVATE KEY-----\nabc",
    "a private key as JSON": '{"kty":"OKP","d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}',
    "a bearer token": "authorization: Bearer aB3dE5gH7jK9mN1pQ3rS",
    "a secret of an authenticator app": "otpauth://totp/Sightline:alice?secret=ABCDEFGH",
    "a session cookie": "Cookie: theme=night; sightline=abcdefghijklmnopqrstuvwxyz012345; x=1",
    "a password's digest": "pbkdf2_sha256$1000000$saltsaltsalt$aGFzaGhhc2hoYXNo",
}


def found(text: str, values: dict[str, str] | None = None) -> set[str]:
    return {finding.what for finding in SecretSearch(values or {}).search("here", text.encode())}


def test_every_pattern_has_an_example() -> None:
    assert EXAMPLES.keys() == PATTERNS.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_pattern_is_found(name: str) -> None:
    assert name in found(f"before {EXAMPLES[name]} after")


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"/?next={quote(SECRET, safe='')}",
        json.dumps(json.dumps({"value": SECRET})),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_value_is_found_in_every_form(text: str) -> None:
    assert found(f"<p>{text}</p>", {SECRET: "the password of alice"}) == {"the password of alice"}


def test_finding_names_the_place_and_never_repeats_the_secret() -> None:
    (finding,) = SecretSearch({SECRET: "the password of alice"}).search("log/web-app.log", SECRET.encode())
    assert finding.where == "log/web-app.log"
    assert SECRET not in repr(finding)


def test_what_may_stand_in_a_place_is_left_out() -> None:
    search = SecretSearch({SECRET: "a recovery code"})
    assert not list(search.search("/set-up/app/", SECRET.encode(), but_not={"a recovery code"}))


def test_honest_page_holds_nothing() -> None:
    page = (
        '<form><input type="hidden" name="csrfmiddlewaretoken" value="x"></form> Bearer tokens are asked for. key="id"'
    )
    assert not found(page, {SECRET: "the password of alice"})


def test_short_values_are_not_looked_for() -> None:
    assert len(SecretSearch({"": "nothing", "alice": "a name"})) == 0
