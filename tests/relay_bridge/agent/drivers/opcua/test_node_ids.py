"""NodeIds by namespace URI, resolved against whatever table the server has today."""

from __future__ import annotations

import uuid

import pytest
from asyncua import ua

from relay_bridge.agent.drivers.opcua.node_ids import NodeAddress, NodeIdError, format_node, parse_node


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("nsu=urn:a:b;s=TK-101.Level", NodeAddress("urn:a:b", 0, "TK-101.Level")),
        ('nsu=urn:a;s=Plant/"x";y=1 <°>', NodeAddress("urn:a", 0, 'Plant/"x";y=1 <°>')),
        ("nsu=http://a%3Bb/;i=7", NodeAddress("http://a;b/", 0, 7)),
        ("ns=2;s=Level", NodeAddress(None, 2, "Level")),
        ("i=2258", NodeAddress(None, 0, 2258)),
        (
            "ns=1;g=09087e75-8e5e-499b-954f-f2a9603db28a",
            NodeAddress(None, 1, uuid.UUID("09087e75-8e5e-499b-954f-f2a9603db28a")),
        ),
        ("nsu=urn:a;b=AQI=", NodeAddress("urn:a", 0, b"\x01\x02")),
    ],
)
def test_addresses_are_read(text, address):
    assert parse_node(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "Level", "s=", "nsu=;s=x", "i=-1", "i=4294967296", "i=٣", "ns=70000;i=1", "g=nothing", "b=?", "x=1"],
)
def test_what_names_no_node_is_refused(text):
    with pytest.raises(NodeIdError):
        parse_node(text)


def test_the_index_comes_from_the_servers_table():
    address = parse_node("nsu=urn:b;s=x")
    assert address.resolve(["http://opcfoundation.org/UA/", "urn:a", "urn:b"]) == ua.NodeId("x", 2)
    assert address.resolve(["http://opcfoundation.org/UA/", "urn:b"]) == ua.NodeId("x", 1)
    assert address.resolve(["http://opcfoundation.org/UA/"]) is None


@pytest.mark.parametrize(
    "text",
    [
        "i=85",
        "nsu=urn:farm;s=TK-101.Level",
        'nsu=urn:farm;s=a;b="c" <é>/d=%3B',
        "nsu=urn:with%3Bsemicolon%25;i=7",
        "nsu=urn:farm;g=09087e75-8e5e-499b-954f-f2a9603db28a",
        "nsu=urn:farm;b=AAEC",
    ],
)
def test_what_is_written_is_what_is_read(text):
    namespaces = ["http://opcfoundation.org/UA/", "urn:farm", "urn:with;semicolon%"]
    assert format_node(parse_node(text).resolve(namespaces), namespaces) == text


def test_a_namespace_without_a_name_is_written_by_its_number():
    assert format_node(ua.NodeId("x", 4), ["http://opcfoundation.org/UA/"]) == "ns=4;s=x"
