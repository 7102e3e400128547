"""Where a listener dials, and where it does not, whatever the relay says."""

import pytest

from relay_bridge.protocol.commands import Accept, Request, RequestPointer
from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.protocol.errors import AddressError, ProtocolViolation
from relay_bridge.protocol.rendezvous import parse_rendezvous, reject_address

REAL = ConnectionString("contoso.servicebus.windows.net", 443, "hyco")
LOCAL = ConnectionString("127.0.0.1", 9400, "sites/north", use_tls=False)
QUERY = "?sb-hc-action=accept&sb-hc-id=7_G1_G2"


def test_a_gateway_of_the_service_is_dialled_exactly_as_sent():
    address = f"wss://g63-prod-am3-001-sb.servicebus.windows.net:443/$hc/HYCO/tank%201?a=1&{QUERY[1:]}"
    rendezvous = parse_rendezvous(Accept(address, "7"), REAL)
    assert (rendezvous.address, rendezvous.suffix, rendezvous.query) == (address, "tank%201", "a=1")


REQUEST_QUERY = "?x=1&sb-hc-action=request&sb-hc-id=7_G1"


def test_a_request_is_fetched_and_answered_where_it_says():
    address = f"wss://g63-prod-am3-001-sb.servicebus.windows.net:443/$hc/hyco/a%2fb{REQUEST_QUERY}"
    for command in (RequestPointer(address), Request(address, "7_G1", "/hyco/a%2fb?x=1", "GET")):
        rendezvous = parse_rendezvous(command, REAL)
        assert (rendezvous.address, rendezvous.suffix, rendezvous.query) == (address, "a%2fb", "x=1")


def test_an_address_is_for_its_own_command():
    accept, request = (f"wss://{REAL.host}/$hc/hyco{query}" for query in (QUERY, REQUEST_QUERY))
    for command in (RequestPointer(accept), Accept(request, "7"), Accept(f"wss://{REAL.host}/$hc/hyco?x=1", "7")):
        with pytest.raises(ProtocolViolation, match="not for"):
            parse_rendezvous(command, REAL)
    with pytest.raises(ProtocolViolation, match="not for"):
        parse_rendezvous(Accept(f"wss://{REAL.host}/$hc/hyco?sb-hc-action=steal", "7"), REAL)


def test_a_request_without_an_address_leads_nowhere():
    with pytest.raises(ProtocolViolation):
        parse_rendezvous(Request("", "7", "/hyco", "GET"), REAL)


def test_gateways_of_other_clouds():
    connection = ConnectionString("contoso.servicebus.chinacloudapi.cn", 443, "hyco")
    good = f"wss://g1-prod-sb.servicebus.chinacloudapi.cn:443/$hc/hyco{QUERY}"
    assert parse_rendezvous(Accept(good, "7"), connection).address == good
    with pytest.raises(ProtocolViolation, match="another host"):
        parse_rendezvous(Accept(f"wss://g1-prod-sb.servicebus.windows.net:443/$hc/hyco{QUERY}", "7"), connection)


def test_a_local_relay():
    rendezvous = parse_rendezvous(Accept(f"ws://127.0.0.1:9400/$hc/sites/north{QUERY}", "7"), LOCAL)
    assert (rendezvous.suffix, rendezvous.query) == ("", "")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (f"ws://contoso.servicebus.windows.net/$hc/hyco{QUERY}", "plain wss"),  # a step down from TLS
        (f"wss://evil.example/$hc/hyco{QUERY}", "another host"),
        (f"wss://servicebus.windows.net/$hc/hyco{QUERY}", "another host"),
        (f"wss://servicebus.windows.net.evil.example/$hc/hyco{QUERY}", "another host"),
        (f"wss://10.0.0.1/$hc/hyco{QUERY}", "another host"),
        (f"wss://u:p@contoso.servicebus.windows.net/$hc/hyco{QUERY}", "plain wss"),
        (f"wss://contoso.servicebus.windows.net:8443/$hc/hyco{QUERY}", "another port"),
        (f"wss://contoso.servicebus.windows.net:x/$hc/hyco{QUERY}", "cannot be read"),
        (f"wss://contoso.servicebus.windows.net/hyco{QUERY}", "outside"),
        (f"wss://contoso.servicebus.windows.net/$hc/other{QUERY}", "another hybrid connection"),
        (f"wss://contoso.servicebus.windows.net/$hc/hyco{QUERY}#x", "plain wss"),
        (f"wss://contoso.servicebus.windows.net/$hc/hyco/ä{QUERY}", "plain wss"),
        (f"http://contoso.servicebus.windows.net/$hc/hyco{QUERY}", "plain wss"),
        (f"wss://contoso.servicebus.windows.net/$hc/hy\tco{QUERY}", "plain wss"),
        (f"wss://contoso.servicebus.windows.net/$hc/hyco{QUERY}\r\nX: y", "plain wss"),
        (f"wss://contoso.servicebus.windows.net/$hc/hyco/../other{QUERY}", "outside"),
        ("wss:///$hc/hyco", "another host"),
        ("nonsense", "plain wss"),
    ],
)
def test_what_is_not_dialled(address, words):
    with pytest.raises(ProtocolViolation, match=words):
        parse_rendezvous(Accept(address, "7"), REAL)


def test_siblings_are_for_names_with_an_owner_only():
    for connection, host in (
        (ConnectionString("relay.test", 443, "hyco"), "other.test"),
        (ConnectionString("10.0.0.1", 443, "hyco"), "11.0.0.1"),
    ):
        with pytest.raises(ProtocolViolation, match="another host"):
            parse_rendezvous(Accept(f"wss://{host}/$hc/hyco{QUERY}", "7"), connection)


def test_reject():
    assert reject_address(f"wss://h/$hc/hyco{QUERY}", 503, "busy: 50 streams") == (
        "wss://h/$hc/hyco?sb-hc-action=accept&sb-hc-id=7_G1_G2"
        "&sb-hc-statusCode=503&sb-hc-statusDescription=busy%3A%2050%20streams"
    )


def test_a_description_cannot_break_a_reason_phrase():
    assert reject_address("wss://h/x?y", 400, "né\r\nX: 1").endswith("sb-hc-statusDescription=n%3F%3F%3FX%3A%201")


@pytest.mark.parametrize("status", [99, 1000, 0, -1])
def test_a_status_out_of_range(status):
    with pytest.raises(AddressError):
        reject_address("wss://h/x", status, "no")
