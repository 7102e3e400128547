"""Which subprotocol is taken of those a sender offers, and which names a program may not use."""

import pytest

from relay_bridge.transport.subprotocols import check_subprotocols, choose_subprotocol


@pytest.mark.parametrize(
    ("known", "offered", "chosen"),
    [
        (("mqtt", "wamp"), "wamp, mqtt", ("wamp",)),  # the sender's order counts
        (("mqtt",), "wamp,mqtt", ("mqtt",)),
        (("mqtt",), " wamp ,, mqtt ", ("mqtt",)),
        (("mqtt",), "MQTT", ()),
        (("mqtt",), "wamp", ()),
        (("mqtt",), "", ()),
        ((), "mqtt", ()),
    ],
)
def test_the_first_offered_that_is_known(known, offered, chosen):
    assert choose_subprotocol(known, {"Host": "mqtt", "Sec-WebSocket-Protocol": offered}) == chosen
    assert choose_subprotocol(known, {"sec-websocket-protocol": offered}) == chosen


def test_none_is_offered():
    assert choose_subprotocol(("mqtt",), {"Host": "mqtt"}) == ()


def test_names_that_can_be_used():
    assert check_subprotocols(["v1.site-a", "mqtt"]) == ("v1.site-a", "mqtt")
    assert check_subprotocols(()) == ()


@pytest.mark.parametrize(
    "names", [[""], ["two words"], ["a,b"], ["a\r\nX: b"], ["é"], ["x" * 129], ["a", "b", "a"], [7]]
)
def test_names_that_no_handshake_can_carry(names):
    with pytest.raises(ValueError, match="subprotocol"):
        check_subprotocols(names)


def test_one_text_is_no_sequence_of_names():
    with pytest.raises(TypeError, match="sequence"):
        check_subprotocols("mqtt")
