"""The agent's log: one line for one thing, as text or JSON, without secrets, and never the same line each second.

``RepeatLimit`` lets a line through once a minute. What it held back is told with the next one, or by a line of its own
when no next one comes. Lines are the same when their words are: the numbers in them (seconds, attempts) do not count.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TextIO

EVERY = 60.0  # seconds between two lines that say the same
LINES_PER_SECOND, BURST = 20.0, 400.0  # of all lines together; what is more is counted
MAX_KINDS = 2000  # different lines remembered; beyond, the oldest goes
MAX_LINE = 4000  # characters of a message; a longer one is cut and says so
MAX_TRACE = 12_000  # characters of a traceback, its end
FORMATS = ("text", "json")
# What may never stand in a log, whoever wrote the line: tokens, signatures, keys, logins. Places and names stay.
_SECRETS = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]*"
    r"|SharedAccess(?:Key(?!Name)|Signature)\s*[=:\s]\s*[^\s;\"']+"
    r"|\bsig=[^\s&\"']{8,}"
    r"|\b(?:Bearer|Basic|Negotiate)\s+[A-Za-z0-9+/_.=-]{8,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<=://)[^\s/:@\"']+:[^\s/@\"']+(?=@)"
    r"|\b(?:password|passwd|secret|api[_-]?key)\b\s*[=:]\s*[^\s,;]+",
    re.IGNORECASE | re.DOTALL,
)
_NUMBERS = re.compile(r"(?<![\w.-])\d[\d.,]*")
REMOVED = "[removed]"


def without_secrets(text: str) -> str:
    return _SECRETS.sub(REMOVED, text)


class RepeatLimit:
    """Which lines go through. ``every`` in seconds; ``clock`` monotonic. Used by one handler, which has its own lock.

    Beside lines that repeat, all of them together are bounded: ``LINES_PER_SECOND`` in the long run. Nothing is lost
    silently: ``overdue`` tells what was held back and did not come again.
    """

    def __init__(self, every: float = EVERY, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = every
        self._clock = clock
        self._heard: OrderedDict[tuple[str, int, str], tuple[float, int, str]] = OrderedDict()
        self._budget, self._budget_at = BURST, clock()
        self._dropped = 0
        self._swept = clock()

    def let_through(self, record: logging.LogRecord) -> bool:
        """True for a line to write; its ``repeated`` says how often it was held back before."""
        if record.levelno < logging.INFO:  # who asks for DEBUG wants all of it
            return True
        now, message = self._clock(), record.getMessage()[:MAX_LINE]
        key = (record.name, record.levelno, _NUMBERS.sub("#", message))
        last, held, _ = self._heard.get(key, (None, 0, ""))
        if last is not None and now - last < self._every:
            self._heard[key] = (last, held + 1, message)
            return False
        if not self._spend(now):
            return False
        self._heard[key] = (now, 0, message)
        self._heard.move_to_end(key)
        while len(self._heard) > MAX_KINDS:
            _, (_, unsaid, _) = self._heard.popitem(last=False)
            self._dropped += unsaid
        record.repeated = held
        return True

    def overdue(self) -> list[logging.LogRecord]:
        """Lines for what was held back longer than ``every`` ago and did not come again; asked for often."""
        now = self._clock()
        if now - self._swept < self._every:
            return []
        self._swept = now
        found = []
        for key, (last, held, message) in list(self._heard.items()):
            if now - last >= self._every:
                del self._heard[key]
                if held:
                    found.append(_record(key[0], key[1], f"{message} (said {held} more times, and no more since)"))
        if self._dropped:
            words = f"{self._dropped} lines were left out: more than {LINES_PER_SECOND:.0f} a second"
            found.append(_record(__name__, logging.WARNING, words))
            self._dropped = 0
        return found

    def _spend(self, now: float) -> bool:
        self._budget = min(BURST, self._budget + (now - self._budget_at) * LINES_PER_SECOND)
        self._budget_at = now
        if self._budget < 1:
            self._dropped += 1
            return False
        self._budget -= 1
        return True


class LimitedHandler(logging.StreamHandler[TextIO]):
    """Writes what ``limit`` lets through, and what it owes."""

    def __init__(self, stream: TextIO, limit: RepeatLimit) -> None:
        super().__init__(stream)
        self._limit = limit

    def emit(self, record: logging.LogRecord) -> None:
        if self._limit.let_through(record):
            super().emit(record)
        for owed in self._limit.overdue():
            super().emit(owed)


def _record(name: str, level: int, message: str) -> logging.LogRecord:
    return logging.LogRecord(name, level, "", 0, message, None, None)


class TextFormatter(logging.Formatter):
    """``2026-11-23T01:02:03.456Z WARNING relay_bridge.agent.uplink: words``; UTC; further lines are indented."""

    def format(self, record: logging.LogRecord) -> str:
        trace = _trace(record)
        return f"{_time(record)} {record.levelname} {record.name}: {_message(record)}" + (
            "\n    " + trace.replace("\n", "\n    ") if trace else ""
        )


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``message``; ``repeated``, ``trace`` where there are."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record), "level": record.levelname, "logger": record.name,
            "message": _message(record, count=False),
        }  # fmt: skip
        if getattr(record, "repeated", 0):
            line["repeated"] = record.repeated  # type: ignore[attr-defined]
        if trace := _trace(record):
            line["trace"] = trace
        return json.dumps(line, ensure_ascii=False)


def start_logging(level: str, form: str, stream: TextIO | None = None) -> None:
    """Everything to ``stream`` (stderr) in ``form`` (one of ``FORMATS``); replaces what was set up before."""
    handler = LimitedHandler(stream or sys.stderr, RepeatLimit())
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old, LimitedHandler):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    # The driver says every one of its library's troubles in words.
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    # These write a line for every frame.
    for name in ("websockets", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _message(record: logging.LogRecord, *, count: bool = True) -> str:
    """One line, without secrets and control characters."""
    text = without_secrets(record.getMessage())
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    if len(text) > MAX_LINE:
        text = f"{text[:MAX_LINE]}~"
    held = getattr(record, "repeated", 0)
    return f"{text} (and {held} more times in the last minutes)" if count and held else text


def _trace(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[0] is None:
        return ""
    trace = without_secrets(logging.Formatter().formatException(record.exc_info))
    return trace[-MAX_TRACE:]


def _time(record: logging.LogRecord) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z"
