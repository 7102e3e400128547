"""What must not be configured is refused where it is made, in a sentence."""

from __future__ import annotations

import pytest

from relay_bridge.agent.drivers.opcua.settings import OpcUaSettings, OpcUaTag, SettingsError

URL = "opc.tcp://127.0.0.1:4840"
SECURE = {"client_cert": "a.der", "client_key": "a.pem", "server_cert": "s.der"}


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"security": "None"}, "needs allow_insecure"),
        ({"security": "Basic256/SignAndEncrypt", **SECURE}, "Basic256 is broken"),
        ({"security": "Basic128Rsa15/Sign", **SECURE}, "Basic128Rsa15 is broken"),
        ({"security": "Rot13/Sign", **SECURE}, "is unknown"),
        ({"security": "Basic256Sha256", **SECURE}, "is unknown"),
        ({"server_cert": "s.der"}, "needs client_cert and client_key"),
        ({**SECURE, "server_cert": None}, "server_cert, the pinned certificate"),
        ({"security": "None", "allow_insecure": True, "user": "u", "password": "p"}, "only sent over SignAndEncrypt"),
        ({"security": "Basic256Sha256/Sign", "user": "u", "password": "p", **SECURE}, "only sent over SignAndEncrypt"),
        ({**SECURE, "allow_insecure": True, "server_cert": None, "user": "u"}, "certificate is pinned"),
        ({"heartbeat": "clock", **SECURE}, "names no node"),
        ({"stale_s": 0.0, **SECURE}, "must be above 0"),
        ({"url": "http://127.0.0.1", **SECURE}, "must begin with opc.tcp"),
    ],
)
def test_unsafe_settings_are_refused(facts, says):
    with pytest.raises(SettingsError, match=says):
        OpcUaSettings(**{"id": "main", "url": URL, **facts})


def test_the_password_is_not_shown():
    settings = OpcUaSettings("main", URL, user="u", password="hush", **SECURE)
    assert "hush" not in repr(settings)


def test_a_tag_that_names_no_node_is_refused_by_its_name():
    with pytest.raises(SettingsError, match=r'tag "TK-1\.level"'):
        OpcUaTag("TK-1.level", "TK-1.Level")
