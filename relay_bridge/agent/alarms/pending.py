"""What still waits to be sent, most severe first, and among equals the one that waited longest."""

from __future__ import annotations

import heapq


class Pending:
    """Names with a severity (1 to 1000), each once: put again with the same one, it keeps its turn."""

    def __init__(self) -> None:
        self._severity: dict[str, int] = {}
        self._waiting: dict[int, dict[str, None]] = {}
        self._severities: list[int] = []  # negated, as a heap: the keys of _waiting

    def put(self, name: str, severity: int) -> None:
        known = self._severity.get(name)
        if known == severity:
            return
        if known is not None:
            del self._waiting[known][name]
        self._severity[name] = severity
        if severity not in self._waiting:
            heapq.heappush(self._severities, -severity)
            self._waiting[severity] = {}
        self._waiting[severity][name] = None

    def discard(self, name: str) -> None:
        severity = self._severity.pop(name, None)
        if severity is not None:
            del self._waiting[severity][name]

    def first(self) -> str | None:
        """Whose turn it is; it stays until ``discard``."""
        while self._severities:
            waiting = self._waiting.get(-self._severities[0])
            if waiting:
                return next(iter(waiting))
            self._waiting.pop(-heapq.heappop(self._severities), None)
        return None

    def clear(self) -> None:
        self._severity.clear()
        self._waiting.clear()
        self._severities.clear()

    def __len__(self) -> int:
        return len(self._severity)
