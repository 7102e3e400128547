"""Addresses, byte for byte, and what a relay takes out of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_bridge.protocol import addresses
from relay_bridge.protocol.errors import AddressError

HOST = "contoso.servicebus.windows.net"


def test_listen():
    assert (
        addresses.listen_address(HOST, 443, True, "sites/north", "5f0d-1")
        == "wss://contoso.servicebus.windows.net/$hc/sites/north?sb-hc-action=listen&sb-hc-id=5f0d-1"
    )
    assert addresses.listen_address("127.0.0.1", 9400, False, "hyco") == (
        "ws://127.0.0.1:9400/$hc/hyco?sb-hc-action=listen"
    )


def test_listen_on_another_port_with_tls_and_by_ipv6():
    assert addresses.listen_address("::1", 8443, True, "/hyco/") == "wss://[::1]:8443/$hc/hyco?sb-hc-action=listen"


def test_connect():
    assert addresses.connect_address(HOST, 443, True, "hyco", "a b&c") == (
        "wss://contoso.servicebus.windows.net/$hc/hyco?sb-hc-action=connect&sb-hc-id=a%20b%26c"
    )


def test_connect_carries_suffix_and_query_of_its_own():
    assert addresses.connect_address(
        HOST, 443, True, "hyco", suffix="/tank%201", query="x=1&sb-hc-action=listen&y"
    ) == ("wss://contoso.servicebus.windows.net/$hc/hyco/tank%201?x=1&y&sb-hc-action=connect")


def test_rendezvous():
    made = addresses.rendezvous_address(
        "g63.servicebus.windows.net:443", True, "hyco/x", "q=1&sb-hc-token=secret", action="accept", id="ID_G1_G2"
    )
    assert addresses.rendezvous_address("h:1", False, "hyco", "", action="request", id="ID_G1") == (
        "ws://h:1/$hc/hyco?sb-hc-action=request&sb-hc-id=ID_G1"
    )
    assert made == "wss://g63.servicebus.windows.net:443/$hc/hyco/x?q=1&sb-hc-action=accept&sb-hc-id=ID_G1_G2"


def test_http():
    assert addresses.http_address(HOST, 443, True, "hyco") == "https://contoso.servicebus.windows.net/hyco"
    assert addresses.http_address("127.0.0.1", 9400, False, "sites/north", suffix="api/v1", query="x=1") == (
        "http://127.0.0.1:9400/sites/north/api/v1?x=1"
    )


@pytest.mark.parametrize(
    ("suffix", "query", "target"),
    [
        ("", "", "/hyco"),
        ("/", "", "/hyco/"),
        ("a", "", "/hyco/a"),
        ("/a/", "", "/hyco/a/"),
        ("//a//b", "", "/hyco//a//b"),
        ("a%2fb%2F;c=1,d", "x=%2f+%20&&x=1&", "/hyco/a%2fb%2F;c=1,d?x=%2f+%20&&x=1&"),
        ("a", "&&&", "/hyco/a?&&&"),
        ("a", "?", "/hyco/a??"),
        ("a", "sb-hc-token=secret&b&SB-HC-Id=7", "/hyco/a?b"),
        ("a", "sb-hc-token=secret", "/hyco/a"),
        ("a.b/..c", "", "/hyco/a.b/..c"),
    ],
)
def test_suffix_and_query_of_a_request_stay_as_written(suffix, query, target):
    made = addresses.http_address(HOST, 443, True, "hyco", suffix=suffix, query=query)
    assert made == f"https://contoso.servicebus.windows.net{target}"


@pytest.mark.parametrize(
    ("suffix", "query"),
    [
        ("a b", ""),
        ("a?b", ""),
        ("a#b", ""),
        ("ä", ""),
        ("a\r\nX: y", ""),
        ("", "a b"),
        ("", "a#b"),
        ("", "ä"),
        ("", "a\nb"),
        ("../other", ""),
        ("a/..", ""),
        ("a/%2e%2E/b", ""),
        ("a%2f..", ""),
        ("", "x" * 40_000),
    ],
)
def test_what_makes_no_request_line(suffix, query):
    with pytest.raises(AddressError):
        addresses.http_address(HOST, 443, True, "hyco", suffix=suffix, query=query)


def test_request_target():
    assert addresses.request_target("/hyco/a%2fb/", "x=1&sb-hc-token=t&&x=2") == "/hyco/a%2fb/?x=1&&x=2"
    assert addresses.request_target("/hyco", "sb-hc-token=t") == "/hyco"
    assert addresses.request_target("/hyco", "") == "/hyco"
    assert addresses.request_target("/hyco", "sb-hc-undefined") == "/hyco?sb-hc-undefined"


@pytest.mark.parametrize(
    ("target", "entity", "suffix", "query"),
    [
        ("/hyco", "hyco", "", ""),
        ("/hyco/", "hyco", "", ""),
        ("/HyCo/a%2fb/?x=1&&?", "hyco", "a%2fb/", "x=1&&?"),
        ("/sites/north//x", "sites/north", "/x", ""),
        ("/hy%63o/x", "hyco", "x", ""),
        ("/hyco?..", "hyco", "", ".."),
    ],
)
def test_what_a_listener_finds_in_a_target(target, entity, suffix, query):
    assert addresses.split_request_target(target, entity) == (suffix, query)


@pytest.mark.parametrize("target", ["/hyco2", "/", "", "?x", "/other/hyco", "/hyco/../other", "/hyco/%2e%2e/other"])
def test_a_target_of_something_else(target):
    with pytest.raises(AddressError):
        addresses.split_request_target(target, "hyco")


def test_no_address_has_room_for_a_token():
    assert "sb-hc-token" not in addresses.connect_address(HOST, 443, True, "h", "i", query="sb-hc-token=abc")


@pytest.mark.parametrize("path", ["", "/", "a//b", "a/../b", "a b", "..", "a?b", "a#b", "ä", "-a", "a" * 261])
def test_a_path_that_is_none(path):
    with pytest.raises(AddressError):
        addresses.check_entity_path(path)


def test_a_giant_query_makes_no_address():
    with pytest.raises(AddressError, match="limit"):
        addresses.connect_address(HOST, 443, True, "hyco", query="x" * 40_000)


def test_resource():
    assert addresses.resource_uri(HOST, "/hyco/") == "http://contoso.servicebus.windows.net/hyco"
    assert addresses.resource_uri("::1") == "http://[::1]/"


@pytest.mark.parametrize(
    ("path", "rest"),
    [("/$hc/hyco", "hyco"), ("/$hc/hyco/", "hyco"), ("/%24hc/Hyco/a%20b", "Hyco/a%20b"), ("/$HC/a/b/c", "a/b/c")],
)
def test_the_path_behind_hc(path, rest):
    assert addresses.split_hc_path(path) == rest


@pytest.mark.parametrize("path", ["/hyco", "/$hc", "/$hc/", "/", "", "/$hc/a/../b", "/$hc/a/%2e%2e/b", "/$hcx/a"])
def test_a_path_outside_hc(path):
    with pytest.raises(AddressError):
        addresses.split_hc_path(path)


@pytest.mark.parametrize(
    ("path", "entity", "suffix"),
    [
        ("hyco", "hyco", ""),
        ("HYCO/Any%20thing/", "hyco", "Any%20thing"),
        ("sites/north/x", "sites/north", "x"),
        ("hyco2", "hyco", None),
        ("sites", "sites/north", None),
        ("hy%63o/x", "hyco", "x"),
    ],
)
def test_whole_segments_without_regard_to_case(path, entity, suffix):
    assert addresses.match_entity(path, entity) == suffix


def test_action():
    assert addresses.parse_action("") == "connect"
    assert addresses.parse_action("a=b&SB-HC-Action=LISTEN") == "listen"
    assert addresses.parse_action("sb-hc-action=accept&sb-hc-action=listen") == "accept"
    for query in ("sb-hc-action=", "sb-hc-action=steal"):
        with pytest.raises(AddressError, match="sb-hc-action"):
            addresses.parse_action(query)


def test_parameters_of_the_relay():
    assert addresses.relay_parameters("x=1&sb-hc-token=a%2520b+c&SB-HC-ID=7&sb-hc-undefined") == {
        "sb-hc-token": "a%20b c",
        "sb-hc-id": "7",
    }


@pytest.mark.parametrize(
    ("query", "left"),
    [  # from tests that run against the live service
        ("", ""),
        ("sb-hc-action=connect", ""),
        ("?sb-hc-undefined"[1:], "sb-hc-undefined"),
        ("sb-hc-x=", ""),
        ("&&&", "&&&"),
        ("a=1&sb-hc-id=5&a=2&", "a=1&a=2&"),
        ("a=+&b=%20&c=%2f&sb-hc-Token=x", "a=+&b=%20&c=%2f"),
        ("sb%2Dhc-token=x&k=v", "k=v"),
        ("sbx-hc-token=x", "sbx-hc-token=x"),
        ("sbc-hc-token=x", "sbc-hc-token=x"),  # a misprint of the vendor's document, and no parameter of the relay
        ("sb-hc-sas-key-name=a&sb-hc-sas-key=secret&k", "k"),
    ],
)
def test_only_the_relays_parameters_go(query, left):
    assert addresses.strip_relay_parameters(query) == left


@given(st.text(alphabet="ab=&%2-+sbhc", max_size=60))
def test_stripping_twice_changes_nothing_more(query):
    once = addresses.strip_relay_parameters(query)
    assert addresses.strip_relay_parameters(once) == once


def test_host_of():
    assert addresses.host_of("HOST.example:9400") == "host.example"
    assert addresses.host_of("http://[::1]:80/x") == "::1"
    for bad in ("", "http:///x", "[::1"):
        with pytest.raises(AddressError):
            addresses.host_of(bad)
