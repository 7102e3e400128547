"""Three messages and nothing else."""

from __future__ import annotations

import pytest

from hmi.live.phone_messages import BURST, MESSAGES_A_SECOND, Answered, Background, Flood, NotUnderstood, Resync
from hmi.live.phone_messages import parse_message as parse


def test_the_three_messages() -> None:
    assert parse('{"ok":0}') == Answered(0)
    assert parse('{"ok":812}') == Answered(812)
    assert parse('{"resync":1}') == Resync()
    assert parse('{"bg":true}') == Background(True)
    assert parse('{"bg":false}') == Background(False)


@pytest.mark.parametrize(
    "text",
    [
        None, "", "{}", "null", "1", "[]", '{"ok":1}x', '{"ok":true}', '{"ok":1.0}', '{"ok":-1}', '{"ok":null}',
        '{"resync":0}', '{"resync":true}', '{"bg":1}', '{"bg":null}', '{"ok":1,"bg":true}', '{"k":"write"}',
        '{"ok":1,"ok2":1}', "\ud800", '{"ok":' + "9" * 2000 + "}", " " * 1025,
    ],
)  # fmt: skip
def test_everything_else(text: str | None) -> None:
    with pytest.raises(NotUnderstood):
        parse(text)


def test_flood_is_what_comes_faster_than_the_bucket_fills() -> None:
    flood = Flood(0.0)
    assert all(flood.allows(0.0) for _ in range(int(BURST)))
    assert not flood.allows(0.0)
    steady = Flood(0.0)
    assert all(steady.allows(i / MESSAGES_A_SECOND) for i in range(200))
    fast = Flood(0.0)
    assert not all(fast.allows(i / (2 * MESSAGES_A_SECOND)) for i in range(200))
