"""The log: a line for a thing, text or JSON, no secrets, no flood, nothing lost silently."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest

from relay_bridge.agent.logging_setup import (
    BURST,
    EVERY,
    MAX_KINDS,
    JsonFormatter,
    LimitedHandler,
    RepeatLimit,
    TextFormatter,
    start_logging,
)
from tests.relay_bridge.agent.support import ManualClock

SECRETS = [
    "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
    "SharedAccessSignature sr=http%3a%2f%2fx&sig=abc%3d&se=1&skn=listen",
    "Endpoint=sb://x/;SharedAccessKeyName=listen;SharedAccessKey=bGlzdGVuLWtleQ==",
    "wss://x/$hc/y?sb-hc-token=a&sig=abcdefghijk",
    "Authorization: Bearer abcdefgh12345678",
    "http://me:hunter2hunter2@proxy.example:3128",
    "password = hunter2hunter2",
    "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----",
]


class Log:
    def __init__(self, formatter: logging.Formatter) -> None:
        self.clock = ManualClock()
        self.stream = io.StringIO()
        handler = LimitedHandler(self.stream, RepeatLimit(clock=self.clock.monotonic))
        handler.setFormatter(formatter)
        self.logger = logging.Logger("agent")  # noqa: LOG001 - one of its own
        self.logger.addHandler(handler)

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


@pytest.fixture
def log() -> Log:
    return Log(TextFormatter())


@pytest.mark.parametrize("formatter", [TextFormatter, JsonFormatter])
@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_gets_through(formatter: Callable[[], logging.Formatter], secret: str) -> None:
    log = Log(formatter())
    log.logger.warning("it said %s", secret)
    try:
        raise ValueError(secret)  # noqa: TRY301
    except ValueError:
        log.logger.exception("broke")
    text = log.stream.getvalue()
    for part in ("eyJhbGci", "abc%3d", "bGlzdGVu", "abcdefgh", "hunter2", "MHcCAQEE"):
        assert part not in text
    assert "[removed]" in text


def test_places_and_fingerprints_stay(log: Log) -> None:
    words = "/var/lib/sightline/Site1/state/history.sqlite3 key kVq9-3Xw8dPZ_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT 10.0.0.1"
    log.logger.info(words)
    assert words in log.lines[0]


def test_json_is_one_object_a_line_whatever_is_said() -> None:
    log = Log(JsonFormatter())
    log.logger.warning('two\nlines "quoted" \x00 %s', "é")
    try:
        raise RuntimeError("why")  # noqa: TRY301
    except RuntimeError:
        log.logger.exception("broke")
    first, second = map(json.loads, log.lines)
    assert first.keys() == {"time", "level", "logger", "message"} and first["level"] == "WARNING"
    assert first["message"] == 'two lines "quoted"   é' and first["time"].endswith("Z")
    assert "RuntimeError: why" in second["trace"]


def test_text_is_one_line_a_thing(log: Log) -> None:
    log.logger.warning("a\n2026-01-01T00:00:00Z ERROR forged")
    assert len(log.lines) == 1


def test_same_line_comes_once_a_minute_with_a_count(log: Log) -> None:
    """A source that fails each second."""
    for second in range(181):
        log.logger.warning("source %s: not reachable, next try in %.1f s", "main", second / 10)
        log.clock.move(1.0)
    assert len(log.lines) == 4
    assert "and 59 more times" in log.lines[1]


def test_other_source_is_another_line(log: Log) -> None:
    for source in ("main", "spare", "TK-101", "TK-102"):
        log.logger.warning("source %s: not reachable", source)
    assert len(log.lines) == 4


def test_what_was_held_back_is_told_though_it_never_comes_again(log: Log) -> None:
    for _ in range(5):
        log.logger.error("it failed")
    log.clock.move(EVERY + 1)
    log.logger.info("something else")
    assert any("it failed (said 4 more times, and no more since)" in line for line in log.lines)
    assert len(log.lines) == 3


def test_flood_of_different_lines_is_bounded_and_counted(log: Log) -> None:
    for number in range(3 * MAX_KINDS):
        log.logger.warning("session %s refused", f"s{number}")
    assert len(log.lines) == BURST
    log.clock.move(EVERY + 1)
    log.logger.info("and now")
    assert any(f"{3 * MAX_KINDS - int(BURST)} lines were left out" in line for line in log.lines)


def test_long_lines_are_cut(log: Log) -> None:
    log.logger.warning("x" * 100_000)
    assert len(log.lines[0]) < 5000 and log.lines[0].endswith("~")


@pytest.fixture
def _root() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("_root")
def test_start_twice_writes_once() -> None:
    out = io.StringIO()
    start_logging("INFO", "text", io.StringIO())
    start_logging("INFO", "json", out)
    logging.getLogger("relay_bridge.agent").info("hello")
    assert [json.loads(line)["message"] for line in out.getvalue().splitlines()] == ["hello"]
