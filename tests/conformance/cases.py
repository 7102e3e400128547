"""Rows times pairs: which test runs with whose listener and whose sender, and under which name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import pytest

from tests.conformance.place import real_place

OURS = "ours"
SCHEMES: Sequence[str] = ("namespace",) if real_place() else ("plain", "tls")


class Row(Protocol):
    """What every table of rows has. ``emulator``: why it cannot run at a real namespace, if so."""

    @property
    def id(self) -> str: ...
    @property
    def listeners(self) -> frozenset[str]: ...
    @property
    def senders(self) -> frozenset[str]: ...
    @property
    def emulator(self) -> str: ...


def cases(rows: Iterable[Row], listeners: Iterable[str], senders: Iterable[str]) -> list[Any]:
    """Parameters ``scheme, listener, sender, row``, named ``tls-hyco-ws-to-ours-binary-0``."""
    rows = list(rows)
    return [
        pytest.param(scheme, listener, sender, row, id=f"{scheme}-{sender}-to-{listener}-{row.id}", marks=_marks(row))
        for scheme in SCHEMES
        for listener in listeners
        for sender in senders
        for row in rows
        if listener in row.listeners and sender in row.senders
    ]


def _marks(row: Row) -> list[pytest.MarkDecorator]:
    if row.emulator and real_place() is not None:
        return [pytest.mark.skip(reason=f"not at a real namespace: {row.emulator}")]
    return []
