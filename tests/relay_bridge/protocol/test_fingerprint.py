"""A key's name in logs."""

from __future__ import annotations

from relay_bridge.protocol.fingerprint import fingerprint


def test_names_a_key_without_telling_it() -> None:
    assert fingerprint("Zmlyc3Q=") == fingerprint("Zmlyc3Q=") != fingerprint("c2Vjb25k")
    assert fingerprint("") == "e3b0c44298fc"
