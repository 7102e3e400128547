"""Tokens against the description of the signature, computed here by other means, and the variants that clients send."""

import base64
import hashlib
import hmac
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_bridge.protocol.addresses import relay_parameters
from relay_bridge.protocol.errors import TokenExpired, TokenMalformed, TokenSignatureInvalid
from relay_bridge.protocol.sas import create_token, parse_token, token_covers, verify_token

HOST = "contoso.servicebus.windows.net"
KEY = "yLsTJ1ttU3bS2qX0Qk9o6h0cK1m7d2x8v4n5b6a7c8E="  # made up; looks like base64, is used as text
EXPIRES = 1_795_370_000
NOW = EXPIRES - 100.0


def by_hand(encoded_resource: str, *, key: str = KEY, expires: int = EXPIRES) -> str:
    """base64 of HMAC-SHA256 over the encoded resource, a line feed and the expiry."""
    mac = hmac.new(key.encode(), f"{encoded_resource}\n{expires}".encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def token(encoded_resource: str, *, safe: str = "", name: str = "listen", expires: int = EXPIRES) -> str:
    signature = quote(by_hand(encoded_resource, expires=expires), safe=safe)
    return f"SharedAccessSignature sr={encoded_resource}&sig={signature}&se={expires}&skn={name}"


def accepted(text: str, path: str = "hyco") -> bool:
    parsed = parse_token(text)
    verify_token(parsed, ["another key", KEY], NOW)
    return token_covers(parsed, HOST, path)


def test_our_token_is_the_one_computed_by_hand():
    made = create_token(f"http://{HOST}/hyco", "listen rule", KEY, EXPIRES)
    resource = "http%3A%2F%2Fcontoso.servicebus.windows.net%2Fhyco"
    assert made == (
        f"SharedAccessSignature sr={resource}&sig={quote(by_hand(resource), safe='')}&se=1795370000&skn=listen%20rule"
    )


def test_the_key_is_text_and_not_decoded():
    decoded = base64.b64decode(KEY)
    resource = quote(f"http://{HOST}/hyco", safe="")
    wrong = hmac.new(decoded, f"{resource}\n{EXPIRES}".encode(), hashlib.sha256).digest()
    parsed = parse_token(create_token(f"http://{HOST}/hyco", "k", KEY, EXPIRES))
    assert parsed.signature != wrong


def test_a_token_says_what_it_says():
    parsed = parse_token(create_token(f"http://{HOST}/hyco", "my rule", KEY, EXPIRES))
    assert (parsed.resource, parsed.key_name, parsed.expires_at) == (f"http://{HOST}/hyco", "my rule", EXPIRES)
    assert KEY not in repr(parsed)


@pytest.mark.parametrize(
    "resource",
    [
        f"http%3A%2F%2F{HOST}%2Fhyco",
        f"http%3a%2f%2f{HOST}%2fhyco",  # lower-case hex digits: signed as received
        f"http%3A%2F%2F{HOST}%2Fhyco%2F",  # .NET, Java: trailing slash
        f"http%3A%2F%2F{HOST}%3A443%2Fhyco",  # Node: the port is kept
        f"http%3A%2F%2F{HOST.upper()}%2FHyCo",
        f"https%3A%2F%2F{HOST}%2Fhyco",
        f"sb%3A%2F%2F{HOST}%2Fhyco%2f",
        f"http%3A//{HOST}/hyco",  # the vendor's Python helper: "/" left alone
        f"http%3A%2F%2F{HOST}%3A443%2FHYCO%2F".lower(),  # lower-cased as a whole
        f"http://{HOST}/hyco",  # not encoded at all
        f"http%3A%2F%2F{HOST}%2F",  # the whole namespace
        f"http%3A%2F%2F{HOST}",
    ],
)
def test_what_clients_sign(resource):
    assert accepted(token(resource))


@pytest.mark.parametrize(
    "host",
    [
        "contoso.servicebus.chinacloudapi.cn",
        "contoso.servicebus.usgovcloudapi.net",
        "relay.plant.internal",
        "127.0.0.1",
    ],
)
def test_other_clouds_and_relays(host):
    parsed = parse_token(token(f"http%3A%2F%2F{host}%2Fhyco%2F"))
    verify_token(parsed, [KEY], NOW)
    assert token_covers(parsed, f"{host}:443", "hyco/x")
    assert not token_covers(parsed, HOST, "hyco/x")


def test_an_ipv6_relay():
    assert token_covers(parse_token(create_token("http://[::1]/hyco", "k", KEY, EXPIRES)), "[::1]:9400", "hyco")


@pytest.mark.parametrize("written", ["my%20rule", "my+rule"])
def test_a_blank_in_a_rules_name(written):
    assert parse_token(token(f"http%3A%2F%2F{HOST}%2Fhyco", name=written)).key_name == "my rule"
    assert parse_token(token(f"http%3A%2F%2F{HOST}%2Fhyco", name="a%2Bb")).key_name == "a+b"


def test_the_whole_token_in_a_query():
    made = token(f"http%3A//{HOST}/hyco", safe="/")
    for safe in ("", "/"):  # the vendor's Python helper leaves "/" alone here as well
        query = f"sb-hc-action=listen&sb-hc-token={quote(made, safe=safe)}&x=1"
        assert accepted(relay_parameters(query)["sb-hc-token"])


@pytest.mark.parametrize("safe", ["", "/", "/+="])
def test_a_signature_with_raw_characters(safe):
    # Many, so that each of "/" and "+" turns up in some signature.
    for expires in range(EXPIRES, EXPIRES + 40):
        assert accepted(token(f"http%3A%2F%2F{HOST}%2Fhyco", safe=safe, expires=expires))


def test_any_order_of_fields_and_case_of_the_scheme():
    resource = f"http%3A%2F%2F{HOST}%2Fhyco"
    assert accepted(f"sharedaccesssignature skn=l&se={EXPIRES}&sig={quote(by_hand(resource), safe='')}&sr={resource}")


@pytest.mark.parametrize("path", ["hyco", "HYCO", "/hyco/", "hyco/deeper/still", "hy%63o"])
def test_a_token_covers_what_lies_below(path):
    assert token_covers(parse_token(token(f"http%3A%2F%2F{HOST}%2Fhyco")), HOST + ":443", path)


@pytest.mark.parametrize(
    ("resource", "host", "path"),
    [
        (f"http://{HOST}/hyco", HOST, "hyco2"),
        (f"http://{HOST}/hyco/deeper", HOST, "hyco"),
        (f"http://{HOST}/other", HOST, "hyco"),
        ("http://fabrikam.servicebus.windows.net/hyco", HOST, "hyco"),
        (f"{HOST}/hyco", HOST, "hyco"),  # no scheme: no host either
        ("http:///hyco", HOST, "hyco"),
        ("http://[::1/hyco", HOST, "hyco"),
    ],
)
def test_a_token_for_something_else(resource, host, path):
    assert not token_covers(parse_token(create_token(resource, "k", KEY, EXPIRES)), host, path)


def test_the_secondary_key_is_good_too_and_a_third_is_not():
    parsed = parse_token(token(f"http%3A%2F%2F{HOST}%2Fhyco"))
    verify_token(parsed, [KEY, "x"], NOW)
    verify_token(parsed, ["x", KEY], NOW)
    for keys in ([], [""], ["x", "y"], [KEY[:-1]]):
        with pytest.raises(TokenSignatureInvalid, match="invalid signature"):
            verify_token(parsed, keys, NOW)


def test_an_empty_key_signs_nothing():
    parsed = parse_token(create_token(f"http://{HOST}/hyco", "k", "", EXPIRES))
    with pytest.raises(TokenSignatureInvalid):
        verify_token(parsed, [KEY, ""], NOW)  # a rule without a secondary key


def test_a_changed_expiry_or_resource_breaks_the_signature():
    good = token(f"http%3A%2F%2F{HOST}%2Fhyco")
    for bad in (
        good.replace(f"se={EXPIRES}", f"se={EXPIRES + 1}"),
        good.replace("hyco", "hycO"),
        good.replace("%2F", "%2f"),
    ):
        with pytest.raises(TokenSignatureInvalid):
            verify_token(parse_token(bad), [KEY], NOW)


def test_an_expired_token():
    parsed = parse_token(token(f"http%3A%2F%2F{HOST}%2Fhyco"))
    verify_token(parsed, [KEY], EXPIRES - 0.001)
    with pytest.raises(TokenExpired):
        verify_token(parsed, [KEY], EXPIRES)
    with pytest.raises(TokenExpired, match="expired 30 s ago") as caught:
        verify_token(parsed, [KEY], EXPIRES + 30)
    assert caught.value.expired_at == EXPIRES


def test_a_forger_does_not_learn_that_a_token_is_old():
    parsed = parse_token(token(f"http%3A%2F%2F{HOST}%2Fhyco"))
    with pytest.raises(TokenSignatureInvalid):
        verify_token(parsed, ["wrong"], EXPIRES + 30)


SIG = quote(base64.b64encode(bytes(32)).decode(), safe="")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SharedAccessSignature",
        "Bearer abc",
        f"SharedAccessSignature sr=a&sig={SIG}&se=1",
        f"SharedAccessSignature sr=a&sig={SIG}&se=1&skn=",
        f"SharedAccessSignature sr=a&sig={SIG}&se=1&skn=k&skn=k",
        f"SharedAccessSignature sr=a&sig={SIG}&se=1&skn=k&extra=1",
        f"SharedAccessSignature sr=a&sig={SIG}&se=+1&skn=k",
        f"SharedAccessSignature sr=a&sig={SIG}&se=1_0&skn=k",
        f"SharedAccessSignature sr=a&sig={SIG}&se=01&skn=k",
        f"SharedAccessSignature sr=a&sig={SIG}&se=-1&skn=k",
        f"SharedAccessSignature sr=a&sig={SIG}&se=9999999999999&skn=k",
        f"SharedAccessSignature sr=%ff&sig={SIG}&se=1&skn=k",
        "SharedAccessSignature sr=a&sig=QUJD&se=1&skn=k",
        "SharedAccessSignature sr=a&sig=!!&se=1&skn=k",
        f"SharedAccessSignature sr=ä&sig={SIG}&se=1&skn=k",
        f"SharedAccessSignature sr={'a' * 9000}&sig={SIG}&se=1&skn=k",
        f"SharedAccessSignature sr=a&sig={SIG}&se=1&skn={'k' * 257}",
    ],
)
def test_what_is_no_token(text):
    with pytest.raises(TokenMalformed) as caught:
        parse_token(text)
    assert SIG not in str(caught.value)


@given(
    path=st.text(min_size=1, max_size=30), name=st.text(min_size=1, max_size=30), key=st.text(min_size=1, max_size=60)
)
def test_what_is_made_is_read_again(path, name, key):
    parsed = parse_token(create_token(f"http://{HOST}/{path}", name, key, EXPIRES))
    verify_token(parsed, [key], NOW)
    assert (parsed.resource, parsed.key_name) == (f"http://{HOST}/{path}", name)
