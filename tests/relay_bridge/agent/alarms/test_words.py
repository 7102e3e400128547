"""A source's words on their way out: no addresses, no NodeIds, one line, bounded."""

from __future__ import annotations

import msgspec
import pytest

from relay_bridge.agent.alarms.words import Words

WORDS = Words(lambda text: text.replace("plc-7.plant", "the source"))


@pytest.mark.parametrize(
    "text",
    [
        "trip at opc.tcp://10.1.2.3:4840/UA now", "see nsu=urn:plant:x;s=TK-101.Level", "ns=2;i=1001 failed",
        "lost 192.168.10.4:502", "plc-7.plant is off", "https://user:pw@host/x",
    ],
)  # fmt: skip
def test_no_address_leaves(text: str) -> None:
    clean = WORDS.clean(text, 200)
    assert "the source" in clean
    assert not any(secret in clean for secret in ("10.1.2.3", "urn:plant", "ns=2", "192.168", "plc-7", "host/x", "pw"))


def test_ordinary_words_stay_as_they_are() -> None:
    text = "TK-101 Nivå 12.5 m: høy-høy, v1.2 (i=1)"
    assert WORDS.clean(text, 200) == text


def test_text_is_one_bounded_line_that_can_be_encoded() -> None:
    clean = WORDS.clean("a\nb\x00c\ud800d" + "x" * 5000, 50)
    assert len(clean) == 50
    assert "\n" not in clean
    msgspec.json.encode(clean)
